import type { Edit } from './edit.ts';
import { frontEdits } from './front-defences.ts';

const lua = 'runtime/drivers/nginx/front/lua/wcp';
const nginx = 'runtime/drivers/nginx/front/nginx.conf';
const sandbox = 'runtime/host/tenant-sandbox.ts';
const fpmSandbox = 'runtime/drivers/php-fpm/sandbox.ts';
const pool = 'runtime/drivers/php-fpm/pool/php-fpm.conf';
const authorizer = 'runtime/apiserver/auth/rbac/authorizer.ts';
const tenantRole = 'manifests/rbac/tenant.yaml';
const judge = 'controllers/hostname-claim/judge.ts';
const local = 'runtime/host/local';
const gateway = 'runtime/streams/gateway';
const git = 'runtime/git';
const patterns = 'schemas/meta/patterns.ts';
const requests = 'controllers/certificate-signing-request';

/** Gives owners of tenants one more right. */
function granting(group: string, resources: string, verb: string): Edit {
  const rules = 'What owners may do in their tenant’s namespace.\nrules:\n';
  const rule = `  - { apiGroups: [${group}], resources: [${resources}], verbs: [${verb}] }\n`;
  return { file: tenantRole, find: rules, replace: rules + rule };
}

/** What keeps tenants apart and the host its own, each with the edits that take it away. A test names what stands in the way of its attack. */
export const edits = {
  ...frontEdits,
  'a sandbox shows the tenant’s own tree only': [
    {
      file: sandbox,
      find: "[isReadOnly ? '--ro-bind' : '--bind', tree, tree,",
      replace: "['--bind', tree.replace(/\\/tenants\\/.*/, ''), tree.replace(/\\/tenants\\/.*/, ''),",
    },
  ],
  'directories of a domain are closed to others': [
    {
      file: 'controllers/domain/host/desired.ts',
      find: 'const ownership = { mode: 0o2750,',
      replace: 'const ownership = { mode: 0o2755,',
    },
  ],
  'the list of tenants is root’s': [
    {
      file: 'runtime/cmd/agent/prepare-host.ts',
      find: 'const passable = { mode: 0o711',
      replace: 'const passable = { mode: 0o755',
    },
  ],
  'a sandbox has processes of its own': [
    { file: sandbox, find: "'--unshare-pid', ", replace: '' },
    { file: fpmSandbox, find: "'--as-pid-1', ", replace: '' },
    { file: sandbox, find: "'--proc', '/proc',", replace: "'--ro-bind', '/proc', '/proc'," },
  ],
  'each tenant has a user id of its own': [
    { file: 'test/lab/tenant-host.ts', find: 'beta: 20_002', replace: 'beta: 20_001' },
  ],
  'scripts lie below their domain': [
    { file: `${lua}/front.lua`, find: 'or script:sub(1, #site.base + 1) ~= site.base .. "/" or', replace: 'or' },
  ],
  '/tmp is the tenant’s own': [{ file: sandbox, find: '`${tree}/tmp`,', replace: "'/tmp'," }],
  'a sandbox has shared memory of its own': [{ file: sandbox, find: "'--unshare-ipc', ", replace: '' }],
  'references stay in their namespace': [
    {
      file: 'controllers/domain/cluster/gather.ts',
      find: 'cache.get(secretKind, { namespace, name })',
      replace: "cache.get(secretKind, { namespace: 'beta', name })",
    },
    {
      file: 'controllers/domain/host/desired.ts',
      find: '      namespace,\n      name: secretRef.name',
      replace: "      namespace: 'beta',\n      name: secretRef.name",
    },
  ],
  'a sandbox shows of database servers their sockets only': [
    {
      file: sandbox,
      find: "['--ro-bind-try', directory, directory]",
      replace: "['--ro-bind-try', directory.replace(/\\/run$/, ''), directory.replace(/\\/run$/, '')]",
    },
  ],
  'a sandbox knows the tenant’s own account only': [
    { file: fpmSandbox, find: '`${accounts}/passwd`', replace: "'/etc/passwd'" },
  ],
  'the token of the probe is for the front': [
    {
      file: 'runtime/drivers/nginx/start-front.ts',
      find: 'replaceFile(token, text, { mode: 0o640,',
      replace: 'replaceFile(token, text, { mode: 0o644,',
    },
  ],
  'the waker’s socket is for the front': [
    { file: 'runtime/drivers/php-fpm/waker.ts', find: 'mode: 0o660', replace: 'mode: 0o666' },
  ],
  'sockets of PHP are for the front': [{ file: pool, find: 'listen.mode = 0660', replace: 'listen.mode = 0666' }],
  'variables of a site have other names until they are inside': [
    { file: sandbox, find: "variablePrefix = 'WCP_VAR_'", replace: "variablePrefix = ''" },
  ],
  'a sandbox can make no further user name space': [{ file: sandbox, find: "'--disable-userns', ", replace: '' }],
  'the directory of logs is not the tenant’s': [
    { file: 'controllers/tenant/host/desired.ts', find: 'mode: 0o2750', replace: 'mode: 0o2770' },
  ],
  'logs are not opened through links': [
    {
      file: `${local}/service-log.ts`,
      find: 'constants.O_CREAT | constants.O_NOFOLLOW',
      replace: 'constants.O_CREAT',
    },
  ],
  'presets keep paths closed': [
    { file: `${lua}/paths.lua`, find: 'for i = 1, #patterns do', replace: 'for i = 1, 0 do' },
  ],
  'only files that are there are run': [
    { file: `${lua}/quick.lua`, find: 'or not files.is_plain(path) ', replace: '' },
    { file: `${lua}/front.lua`, find: 'if not files.is_plain(script) then', replace: 'if false then' },
  ],
  'only files named .php are run': [
    { file: pool, find: 'security.limit_extensions = .php', replace: 'security.limit_extensions =' },
  ],
  'values of settings are plain words': [
    { file: patterns, find: "phpValue: '^[A-Za-z0-9_.,/:+& ~|^-]*$'", replace: "phpValue: '^'" },
  ],
  'the front passes on settings of one line only': [
    { file: `${lua}/site.lua`, find: 'name:match("^[%w_.]+$") and is_text(value)', replace: 'name:match("^[%w_.]+$")' },
  ],
  'PHP hears of trusted proxies only': [
    { file: nginx, find: '    fastcgi_param HTTP_X_FORWARDED_FOR $wcp_said_for if_not_empty;\n', replace: '' },
    { file: nginx, find: '    fastcgi_param HTTP_X_FORWARDED_PROTO $wcp_said_proto if_not_empty;\n', replace: '' },
    { file: nginx, find: '    fastcgi_param HTTP_X_FORWARDED_HOST $wcp_said_host if_not_empty;\n', replace: '' },
    { file: nginx, find: '    fastcgi_param HTTP_X_REAL_IP $wcp_said_ip if_not_empty;\n', replace: '' },
    { file: nginx, find: '    fastcgi_param HTTP_FORWARDED $wcp_said_forwarded if_not_empty;\n', replace: '' },
  ],
  'rights end with their namespace': [
    { file: authorizer, find: "  if (namespace === '') return;\n", replace: '' },
    // An account has its rights by the namespace that it is of.
    { file: authorizer, find: '`${namespace}\\n${subject}`)', replace: "`${subject.split('\\n')[1]}\\n${subject}`)" },
  ],
  'what is listed lies in the namespace': [
    {
      file: 'runtime/apiserver/verbs/selection.ts',
      find: "if (selection.namespace !== '' && cached.namespace !== selection.namespace) return false;",
      replace: '',
    },
  ],
  'a range of the store lies below its prefix': [
    {
      file: 'runtime/storage/sorted-list.ts',
      find: 'after === undefined || compareKeys(after, prefix) < 0 ? prefix : after',
      replace: 'after ?? prefix',
    },
    {
      file: 'runtime/storage/sorted-list.ts',
      find: 'if (!entry.path.startsWith(prefix)) return;',
      replace: 'if (entry.path > `${prefix}~`) return;',
    },
    {
      file: 'runtime/storage/etcd/range.ts',
      find: 'compareKeys(after, prefix) < 0 ? prefix',
      replace: "after === '' ? prefix",
    },
  ],
  'owners do not write what is said of their objects': [
    {
      file: tenantRole,
      find: '- zones/status\n    verbs:\n      - get\n',
      replace: '- zones/status\n    verbs:\n      - get\n      - patch\n',
    },
  ],
  'a status is written by its own path only': [
    { file: 'runtime/apiserver/verbs/update-object.ts', find: 'if (strategy.status) {', replace: 'if (false) {' },
    {
      file: 'runtime/apiserver/verbs/create-object.ts',
      find: "if (strategy.status) delete draft['status'];",
      replace: '',
    },
  ],
  'roles of hosts name what they are about': [
    {
      file: 'controllers/host/cluster/desired.ts',
      find: '  if (resourceNames.length === 0) return [];\n',
      replace: '  resourceNames = [];\n',
    },
  ],
  'kept data is the leader’s to make': [
    {
      file: 'manifests/rbac/agent.yaml',
      find: '    verbs:\n      - list\n      - watch\n',
      replace: '    verbs: [create, list, watch]\n',
    },
  ],
  'a join token is for its host': [
    {
      file: `${requests}/verdicts-driver.ts`,
      find: "if (annotations[ANNOTATIONS.joinHost] !== host) return denied('OtherHost');",
      replace: '',
    },
  ],
  'a join token is good for one certificate': [
    {
      file: `${requests}/verdicts-driver.ts`,
      find: "if (usedBy !== undefined) return usedBy === uid ? undefined : denied('TokenUsed', again);",
      replace: '',
    },
  ],
  'an agent asks for itself': [
    {
      file: `${requests}/judge.ts`,
      find: "!isJoining(asked.username) && hostOfAgent(asked.username ?? '') !== host]",
      replace: 'asked === undefined && host === undefined]',
    },
  ],
  'machines become hosts and nothing else': [
    { file: `${requests}/judge.ts`, find: 'host === undefined || !isForClients(asked)]', replace: 'asked === host]' },
  ],
  'a join token is good for asking only': [
    {
      file: 'manifests/rbac/join.yaml',
      find: '      - certificatesigningrequests\n    verbs:\n      - create\n      - get\n',
      replace:
        '      - certificatesigningrequests\n      - certificatesigningrequests/approval\n    verbs: [create, get, patch]\n',
    },
  ],
  'to approve is a right for each signer': [
    {
      file: 'runtime/apiserver/admission/certificates.ts',
      find: 'if (isAllowed(authorizer, user, { verb, signerName })) return;',
      replace: 'if (isAllowed(authorizer, user, { verb, signerName }) || true) return;',
    },
  ],
  'owners have their rights in their own namespace': [
    {
      file: tenantRole,
      find: '# Generated by hack/generate.ts.\n',
      replace: [
        'apiVersion: rbac.authorization.k8s.io/v1',
        'kind: ClusterRoleBinding',
        'metadata: { name: owners-everywhere }',
        'roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: wcp360-tenant-owner }',
        'subjects: [{ apiGroup: rbac.authorization.k8s.io, kind: Group, name: system:serviceaccounts }]',
        '---\n',
      ].join('\n'),
    },
  ],
  'the gateway asks whether somebody may': [
    {
      file: `${gateway}/gateway.ts`,
      find: 'await requireRight(options.client, user, { target, signal });',
      replace: '',
    },
    { file: `${gateway}/gateway.ts`, find: 'const user = userOf(', replace: 'userOf(' },
    { file: `${gateway}/gateway.ts`, find: "import { requireRight } from './review.ts';\n", replace: '' },
  ],
  'the gateway believes the front proxy only': [
    { file: `${gateway}/gateway.ts`, find: 'rejectUnauthorized: true', replace: 'rejectUnauthorized: false' },
    { file: `${gateway}/gateway.ts`, find: 'const isProxy =', replace: 'const isProxy = true ||' },
  ],
  'files are for the host that a tenant moves to': [
    {
      file: 'manifests/rbac/agent.yaml',
      find: 'What every agent may do everywhere: read."\nrules:\n',
      replace:
        'What every agent may do everywhere: read."\nrules:\n  - { apiGroups: [stream.hosting.wcp360.io], resources: [domains/proxy], verbs: [get] }\n',
    },
  ],
  'an agent attaches as its own host only': [
    {
      file: 'controllers/host/cluster/desired.ts',
      find: "resourceNames: [host], verbs: ['create']",
      replace: "verbs: ['create']",
    },
  ],
  'owners make no tokens': [granting("''", 'serviceaccounts/token', 'create')],
  'owners write no roles': [granting('rbac.authorization.k8s.io', 'roles, rolebindings', 'create')],
  'nobody grants what they lack': [
    {
      file: 'runtime/apiserver/auth/rbac/escalation.ts',
      find: 'if (resource.group !== rbacGroup || object',
      replace: 'if (true || object',
    },
  ],
  'owners write nothing of the cluster': [granting('hosting.wcp360.io', "'*'", "'*'")],
  'owners leave their namespace alone': [granting("''", 'namespaces', 'patch')],
  'owners leave their quota alone': [granting("''", 'resourcequotas', 'delete')],
  'to be somebody else is a right': [
    {
      file: 'runtime/apiserver/auth/impersonation.ts',
      find: 'if (!decision.allowed) throw',
      replace: 'if (false) throw',
    },
  ],
  'no header tells who asks': [
    {
      file: 'runtime/apiserver/http/serve.ts',
      find: 'passage.user = await',
      replace:
        "const { 'x-remote-user': name, 'x-remote-group': group } = exchange.headers;\n  passage.user = name ? { name, groups: [group] } : await",
    },
  ],
  'tokens are signed': [
    {
      file: 'runtime/apiserver/auth/tokens/issuer.ts',
      find: 'await jwtVerify(token, key.publicKey, {',
      replace:
        "await (async (text) => ({ payload: JSON.parse(Buffer.from(text.split('.')[1], 'base64url').toString()) }))(token, {",
    },
  ],
  'who shows nothing may nothing': [
    {
      file: 'runtime/apiserver/auth/users.ts',
      find: "name: 'system:anonymous', groups: [wellKnownGroups.unauthenticated]",
      replace: "name: 'system:anonymous', groups: [wellKnownGroups.masters]",
    },
  ],
  'a name that is taken is refused': [
    {
      file: judge,
      find: 'if (own !== undefined && own.spec.tenantRef.name !== tenant) return',
      replace: 'if (own !== undefined && tenant === undefined) return',
    },
  ],
  'claims are not forced': [
    {
      file: 'controllers/hostname-claim/claims-driver.ts',
      find: 'await client.apply(TYPE, object, { fieldManager: managerOf(claimant), force: false,',
      replace: 'await client.apply(TYPE, object, { fieldManager: managerOf(claimant), force: true,',
    },
  ],
  'a claim does not pass to another tenant': [
    {
      file: 'manifests/crds/hostnameclaims.yaml',
      find: "rule: self.spec.tenantRef.name == oldSelf.spec.tenantRef.name || !(has(oldSelf.status) && has(oldSelf.status.conditions) && oldSelf.status.conditions.exists(c, c.type == 'Bound' && c.status == 'True'))",
      replace: "rule: 'true'",
    },
  ],
  'names below another’s are refused': [{ file: judge, find: 'if (above !== undefined) {', replace: 'if (false) {' }],
  'names above another’s are refused': [
    { file: judge, find: 'if (below === undefined) return undefined;', replace: 'return undefined;' },
  ],
  'new names are shown to be their tenant’s once there are several': [
    {
      file: 'controllers/hostname-claim/proof.ts',
      find: "policy === 'WhenShared' && cache.list(tenantKind).length > 1",
      replace: "policy === 'WhenShared' && cache.list(tenantKind).length > 1_000",
    },
  ],
  'names under which everybody registers are refused': [
    { file: judge, find: 'if (isPublicSuffix(hostname)) {', replace: 'if (false) {' },
  ],
  'pages of the front show text, not markup': [
    { file: `${lua}/pages.lua`, find: "(tostring(text):gsub('[&<>\"]', escapes))", replace: 'text' },
  ],
  'the front serves the tenant’s tree only': [
    {
      file: `${lua}/site.lua`,
      find: 'if not is_path_below(serve.base, config.tenants .. tenant .. "/") or',
      replace: 'if',
    },
  ],
  'names of tenants are plain': [
    { file: `${lua}/site.lua`, find: 'or not record.tenant:match("^[a-z0-9][a-z0-9-]*$")', replace: '' },
  ],
  'logs lie below tenants': [
    {
      file: `${lua}/site.lua`,
      find: 'if is_path_below(record.accessLog, config.tenants) then',
      replace: 'if record.accessLog then',
    },
  ],
  'files of users are the front’s own': [
    { file: `${lua}/site.lua`, find: 'if not is_path_below(auth.usersFile, config.auth) or', replace: 'if' },
  ],
  'the front takes sockets of PHP where pools have theirs only': [
    { file: `${lua}/site.lua`, find: 'if not is_path_below(serve.socket, config.pools) or', replace: 'if' },
    { file: `${lua}/site.lua`, find: 'if not is_pools_own(serve.socket) then', replace: 'if false then' },
  ],
  'settings of a host are tokens': [
    { file: 'runtime/drivers/nginx/render.ts', find: 'if (!pattern.test(value)) throw', replace: 'if (false) throw' },
  ],
  'texts of a tenant stay in their own place': [
    {
      file: 'controllers/domain/host/sites.ts',
      find: "front/auth/${hostname.replace('*', '_')}`",
      replace: 'front/auth/${basicAuth.realm}`',
    },
    {
      file: 'controllers/domain/host/desired.ts',
      find: '${logsDirectory(inputs.tenant)}/${name}.error.log`',
      replace: '${logsDirectory(inputs.tenant)}/${spec.env[0]?.value}.error.log`',
    },
    {
      file: 'controllers/domain/host/sites.ts',
      find: '[String(code), path]',
      replace: '[String(code), domain.spec.headers[0]?.value ?? path]',
    },
    {
      file: 'controllers/domain/host/sites.ts',
      find: 'owner: `Domain/${namespace}/${name}`',
      replace: 'owner: `Domain/${namespace}/${domain.spec.php?.settings[0]?.value}`',
    },
  ],
  'etcd speaks to those with a certificate only': [
    {
      file: 'runtime/cmd/instance/units.ts',
      find: "    'client-cert-auth': 'true',\n    'trusted-ca-file': authority,\n",
      replace: '',
    },
    {
      file: 'runtime/cmd/instance/units.ts',
      find: "    'peer-client-cert-auth': 'true',\n    'peer-trusted-ca-file': authority,\n",
      replace: '',
    },
  ],
  'paths on the host are plain': [
    { file: `${local}/safe-path.ts`, find: ' && posix.normalize(path) === path', replace: '' },
  ],
  'no directory on the way is a link': [
    { file: `${local}/safe-path.ts`, find: 'if (stat.isSymbolicLink()) throw', replace: 'if (false) throw' },
  ],
  'directories are opened without following links': [
    {
      file: `${local}/write-files.ts`,
      find: 'constants.O_DIRECTORY | constants.O_NOFOLLOW',
      replace: 'constants.O_DIRECTORY',
    },
  ],
  'files are opened without following links': [
    {
      file: `${local}/read-files.ts`,
      find: '\n    const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW',
      replace: '\n    const fd = openSync(path, constants.O_RDONLY',
    },
  ],
  'only sockets of the tenant are published': [
    { file: `${local}/write-files.ts`, find: 'if (!stat.isSocket() || stat.uid !== uid) {', replace: 'if (false) {' },
  ],
  'trees are removed without following links': [
    {
      file: `${local}/remove-tree.ts`,
      find: "['/bin/rm', '-rf', '--one-file-system', '--', ...some]",
      replace: "['/usr/bin/find', '-L', ...some, '-delete']",
    },
  ],
  'programs have an environment of their own': [
    { file: `${local}/run-program.ts`, find: 'extendEnv: false', replace: 'extendEnv: true' },
  ],
  'services have an environment of their own': [
    {
      file: `${local}/supervisor/launch.ts`,
      find: 'env: { ...unit.environment }',
      replace: 'env: { ...process.env, ...unit.environment }',
    },
  ],
  'services win no rights': [
    {
      file: `${local}/supervisor/launch.ts`,
      find: "['/usr/bin/setpriv', '--no-new-privs', '--', ...unit.command]",
      replace: 'unit.command',
    },
  ],
  'repositories are named in three forms': [
    { file: `${git}/remote.ts`, find: "if (groups['path'] === undefined)", replace: 'if (false)' },
  ],
  'repositories of tenants are at public addresses': [
    {
      file: 'runtime/base/public-addresses.ts',
      find: 'return open.some(lies) || !closed.some(lies);',
      replace: 'return true;',
    },
  ],
  'the address of a repository that was checked is connected to': [
    { file: `${git}/setting.ts`, find: 'curloptResolve: address === undefined', replace: 'curloptResolve: true' },
    { file: `${git}/setting.ts`, find: 'HostName: address,', replace: 'HostName: undefined,' },
  ],
  'Git servers show a key that is known': [
    { file: `${git}/setting.ts`, find: "StrictHostKeyChecking: 'yes'", replace: "StrictHostKeyChecking: 'no'" },
  ],
  'commits are signed with keys that count': [
    { file: `${git}/read-repository.ts`, find: 'if (exitCode === 0) return;', replace: 'return;' },
  ],
  'links in a directory are not entered': [
    {
      file: `${local}/read-tree.ts`,
      find: 'if (entry.isSymbolicLink()) walk.links.push(path);',
      replace: 'if (entry.isSymbolicLink()) await enter(walk, { place: `${place}/${entry.name}`, path, depth });',
    },
  ],
  'directories are not opened through links': [
    { file: `${local}/read-tree.ts`, find: 'O_RDONLY | O_DIRECTORY | O_NOFOLLOW', replace: 'O_RDONLY | O_DIRECTORY' },
  ],
  'a Source acts as its own account': [
    {
      file: 'runtime/client/account-clients.ts',
      find: 'const client = clientWith(options, token);',
      replace: 'const { client } = options;',
    },
  ],
  'a log has one name': [
    { file: `${local}/service-log.ts`, find: 'stat.isFile() && stat.nlink === 1', replace: 'stat.isFile()' },
  ],
} as const satisfies Readonly<Record<string, readonly Edit[]>>;

export type Defence = keyof typeof edits;
