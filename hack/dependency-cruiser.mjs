// Import rules of docs/architecture.md: one rule a row, the name of the rule is the name of the row.
// `from` and `to` are regular expressions over paths; a module may import what no rule forbids.

const kinds = '^schemas/(v[0-9]|index)';
const server = '^runtime/(apiserver|storage|manager|drivers|host|cmd|config)/';
const node = { dependencyTypes: ['core'] };
const npm = { dependencyTypes: ['npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-no-pkg', 'npm-unknown'] };

/** A package is imported from its home only. */
const home = (pkg, place) => ({
  name: `one-home-per-package:${pkg}`,
  severity: 'error',
  from: { path: '^(schemas|controllers|runtime)/', pathNot: place },
  to: { path: `(^|/)node_modules/${pkg}/` },
});

const forbid = (name, from, to) => ({ name, severity: 'error', from, to });

export default {
  forbidden: [
    forbid('schemas-are-leaves', { path: '^schemas/meta' }, { pathNot: '^schemas/meta', dependencyTypesNot: ['core'] }),
    forbid('schemas-are-leaves:kinds', { path: '^schemas/(v|index)' }, { pathNot: '^schemas/' }),
    forbid(
      'base-is-a-leaf',
      { path: '^runtime/base' },
      { path: '^(runtime|schemas|controllers)/', pathNot: '^(runtime/base|schemas/meta)/' },
    ),
    forbid(
      'plan-is-pure',
      { path: '^(runtime/plan/|(runtime|controllers)/.*/(plan|desired|status|render)[.]ts$)' },
      {
        path: '^(runtime|controllers|node_modules)',
        pathNot:
          '^(runtime/(base|plan)/|runtime/drivers/([^/]+)/(model|plan|render|record|[a-z]+-settings|mark)[.]ts|runtime/drivers/(driver|field-changes|record-changes)[.]ts|runtime/manager/controller[.]ts|controllers/)',
      },
    ),
    forbid(
      'plan-is-pure:no-node',
      { path: '^(runtime/plan/|(runtime|controllers)/.*/(plan|desired|status|render)[.]ts$)' },
      { ...node, pathNot: '^(path/posix|node:path/posix|crypto|node:crypto)$' },
    ),
    forbid(
      'drivers-do-not-know-kinds',
      { path: '^runtime/drivers/([^/]+)/' },
      {
        path: '^(schemas/(v|index)|controllers/|runtime/(apiserver|storage|manager|cli|console|cmd|config|client)/|runtime/host/(local|memory)/)',
      },
    ),
    forbid(
      'drivers-do-not-know-each-other',
      { path: '^runtime/drivers/([^/]+)/' },
      { path: '^runtime/drivers/[^/]+/', pathNot: '^runtime/drivers/($1|databases)/' },
    ),
    forbid(
      'controllers-are-islands',
      { path: '^controllers/([^/]+)/' },
      { path: '^controllers/[^/]+/', pathNot: '^controllers/$1/' },
    ),
    forbid(
      'controllers-are-islands:runtime',
      { path: '^controllers/[^/]+/' },
      {
        path: '^runtime/',
        pathNot:
          '^runtime/(base|plan|drivers/driver[.]ts|drivers/[^/]+/(index|model)[.]ts|manager/(controller|cache|removal-guard|event-recorder)[.]ts|telemetry/logger[.]ts|manager/objects/|client/(client|resource-type|discovery|account-clients)[.]ts|host/(host|workspace)[.]ts|pki/|acme/|dns/|manifests/|git/)',
      },
    ),
    forbid(
      'manager-knows-no-kind',
      { path: '^runtime/manager' },
      {
        path: `^controllers/|${kinds}|^runtime/(apiserver|storage|cli|console|cmd|drivers/[^/]+|host/(local|memory))/`,
      },
    ),
    forbid(
      'apiserver-knows-no-host',
      { path: '^runtime/apiserver' },
      { path: `^controllers/|${kinds}|^runtime/(host|drivers|manager|cli|cmd)/` },
    ),
    forbid(
      'manifests-speak-the-protocol-only',
      { path: '^runtime/manifests' },
      { path: '^(runtime|controllers|schemas)/', pathNot: '^(runtime/(manifests|base|client)|schemas/meta)/' },
    ),
    forbid('cli-and-console-are-clients', { path: '^runtime/(cli|console)' }, { path: `^controllers/|${server}` }),
    forbid(
      'only-host-touches-the-machine',
      { path: '^(schemas|controllers|runtime)/', pathNot: '^runtime/(host/local|config|cmd|client|cli|dns)/' },
      {
        ...node,
        path: '^(node:)?(fs|fs/promises|child_process|net|dgram|worker_threads)$',
        dependencyTypesNot: ['type-only'],
      },
    ),
    forbid('cmd-is-the-top', { pathNot: '^(runtime/cmd|hack|test)/' }, { path: '^runtime/cmd/' }),
    forbid(
      'only-cmd-knows-all-controllers',
      { pathNot: '^(runtime/cmd|hack|test|controllers)/' },
      { path: '^controllers/index[.]ts$' },
    ),
    forbid('tests-point-inward', { path: '^(schemas|controllers|runtime)/' }, { path: '^(test|hack)/' }),
    home('etcd3', '^runtime/storage/etcd/'),
    home('cockatiel', '^runtime/storage/etcd/'),
    home('execa', '^runtime/host/local/'),
    home('chokidar', '^runtime/host/local/'),
    home('ajv', '^runtime/validation/'),
    home('re2js', '^runtime/validation/'),
    home('pino', '^runtime/telemetry/'),
    home('prom-client', '^runtime/telemetry/'),
    home('fastify', '^runtime/apiserver/http/'),
    home('@kubernetes/client-node', '^runtime/client/'),
    home('jose', '^runtime/apiserver/auth/'),
    home('@peculiar/x509', '^runtime/pki/'),
    home('@marcbachmann/cel-js', '^runtime/apiserver/schema/cel/'),
    home('acme-client', '^runtime/acme/'),
    home('ws', '^runtime/streams/'),
    home('commander', '^runtime/cli/'),
    home('diff', '^runtime/cli/'),
    home('tldts', '^controllers/hostname-claim/'),
    home('dns-packet', '^runtime/dns/'),
    home('mysql2', '^runtime/drivers/mariadb/'),
    home('aws4fetch', '^runtime/drivers/dns-providers/route53/'),
    home('pg', '^runtime/drivers/postgresql/'),
    home('@mongodb-js/saslprep', '^runtime/drivers/postgresql/'),
    home('saxes', '^runtime/drivers/dns-providers/route53/'),
    forbid(
      'no-dev-dependency-at-run-time',
      { path: '^(schemas|controllers|runtime)/' },
      { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    ),
    forbid('no-cycle', {}, { circular: true }),
    forbid('no-unresolved', {}, { couldNotResolve: true }),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(hack/tools|\\.tap|\\.wcp360)' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.mjs', '.json'],
    },
  },
};
