import type { Edit } from './edit.ts';

const driver = 'runtime/drivers/nginx';
const lua = `${driver}/front/lua/wcp`;
const nginx = `${driver}/front/nginx.conf`;
const patterns = 'schemas/meta/patterns.ts';

/** What the web front keeps to itself and each tenant's sites their own, with the edits that take it away. */
export const frontEdits = {
  'nginx reads requests': [
    { file: 'test/lab/tenant-host.ts', find: 'await fronts.nginx(', replace: 'await fronts.naive(' },
  ],
  'paths are decoded once': [
    {
      file: `${lua}/quick.lua`,
      find: 'answer[site.type](site, var.uri)',
      replace: 'answer[site.type](site, ngx.unescape_uri(var.uri))',
    },
  ],
  'hidden files are not served': [
    { file: `${lua}/paths.lua`, find: 'local at = find(uri, "/.", 1, true)', replace: 'local at = nil' },
  ],
  'programs are not served as files': [
    { file: `${lua}/paths.lua`, find: 'and not find(uri, ".ph", 1, true) ', replace: '' },
  ],
  'no link is opened for a file': [
    { file: `${lua}/files.lua`, find: 'BENEATH_NO_SYMLINKS = 0x08 + 0x04', replace: 'BENEATH_NO_SYMLINKS = 0x08' },
  ],
  'links are followed to own files only': [
    { file: nginx, find: 'disable_symlinks if_not_owner from=$wcp_base;', replace: 'disable_symlinks off;' },
  ],
  'paths of error pages are plain': [
    { file: patterns, find: 'urlPath: `^/${SEGMENT}(/${SEGMENT})*$`', replace: "urlPath: '^/'" },
  ],
  'the front takes plain error pages only': [
    { file: `${lua}/front.lua`, find: 'not ("/" .. path .. "/"):find("/%.%.?/") and ', replace: '' },
  ],
  'paths below a domain are plain': [
    { file: patterns, find: 'relativePath: `^${SEGMENT}(/${SEGMENT})*$`', replace: "relativePath: '^'" },
  ],
  'the front takes document roots below the domain only': [
    {
      file: `${lua}/site.lua`,
      find: 'return is_path_below(path, serve.base .. "/") and path or nil',
      replace: 'return path',
    },
  ],
  'the front takes sockets below the tenant’s tree only': [
    {
      file: `${lua}/site.lua`,
      find: 'if not is_path_below(target.path, config.tenants',
      replace: 'if false and not is_path_below(target.path, config.tenants',
    },
  ],
  'files behind rules are not served by the quick way': [
    { file: `${lua}/quick.lua`, find: 'and not site.allow ', replace: '' },
  ],
  'keys are root’s files': [
    { file: `${driver}/apply.ts`, find: 'text, { mode: 0o600', replace: 'text, { mode: 0o644' },
    {
      file: `${driver}/start-front.ts`,
      find: 'keysDirectory(host.root), { mode: 0o700',
      replace: 'keysDirectory(host.root), { mode: 0o755',
    },
  ],
  'the key channel is for the front only': [
    { file: 'runtime/cmd/keys.ts', find: 'mode: 0o660', replace: 'mode: 0o666' },
  ],
  'the key channel takes names only': [
    {
      file: `${driver}/key-channel.ts`,
      find: "if (!namePattern.test(question)) return 'error unknown';",
      replace: '',
    },
  ],
  'a connection is for one owner': [
    {
      file: `${lua}/site.lua`,
      find: 'return shown and shown.owner == site.owner and site or nil',
      replace: 'return site',
    },
  ],
  'a challenge is answered under its name only': [
    { file: `${lua}/front.lua`, find: ' or challenge.hostname ~= ngx.var.host', replace: '' },
  ],
  'bodies of HTTP/2 are measured': [{ file: `${lua}/front.lua`, find: ' and quick.says_length(ngx.var)', replace: '' }],
  'wrong passwords are counted': [
    { file: `${lua}/access.lua`, find: 'failures_per_minute = 60', replace: 'failures_per_minute = 1e9' },
  ],
  'there is no default site': [
    {
      file: `${lua}/front.lua`,
      find: 'local site = quick.site() or sites.of_request(var)',
      replace: 'local site = quick.site() or sites.of_request(var) or sites.lookup("files.beta.test")',
    },
  ],
  'only letters of hostnames become names of files': [
    { file: `${lua}/site.lua`, find: 'find(host, "^[a-z0-9][a-z0-9.%-]*$") ~= nil', replace: 'true' },
    { file: `${lua}/site.lua`, find: 'or byte(host) == underscore ', replace: '' },
  ],
  'the probe asks for its token': [
    { file: `${lua}/front.lua`, find: 'or ngx.var.http_x_wcp360_probe ~= token ', replace: '' },
  ],
  'only trusted proxies speak for their clients': [
    {
      file: `${driver}/render.ts`,
      find: '...networks.map((network) => `  set_real_ip_from ${network};`),',
      replace: "'  set_real_ip_from 0.0.0.0/0;',",
    },
    { file: nginx, find: '$wcp_trusted { default 0;', replace: '$wcp_trusted { default 1;' },
  ],
  'programs hear the name that the site was found by': [
    { file: nginx, find: 'proxy_set_header Host $wcp_host;', replace: 'proxy_set_header Host $http_host;' },
    { file: nginx, find: '    fastcgi_param HTTP_HOST $wcp_host;\n', replace: '' },
  ],
  'no request names a program’s proxy': [{ file: nginx, find: '    proxy_set_header Proxy "";\n', replace: '' }],
  'orders of programs to the front are ignored': [
    { file: nginx, find: 'fastcgi_ignore_headers X-Accel-Redirect', replace: 'fastcgi_ignore_headers' },
    { file: nginx, find: 'proxy_ignore_headers X-Accel-Redirect', replace: 'proxy_ignore_headers' },
  ],
  'connections are upgraded to WebSockets only': [
    { file: nginx, find: 'default ""; "~*^websocket$" websocket;', replace: 'default $http_upgrade;' },
  ],
  'a request passes the front once': [
    { file: `${lua}/backend.lua`, find: 'if has_passed() then', replace: 'if false then' },
  ],
  'targets are those that the package allows': [
    {
      file: 'controllers/domain/host/proxy.ts',
      find: 'parseAddress(target.host) === undefined ? allowed : allowed.filter(({ cidr }) => isWithin(target.host, cidr))',
      replace: 'allowed',
    },
  ],
  'the front connects to allowed addresses only': [
    { file: `${lua}/backend.lua`, find: 'return may_reach(site, words) and host or nil', replace: 'return host' },
    { file: `${lua}/backend.lua`, find: 'if words and may_reach(site, words) then', replace: 'if words then' },
  ],
  'the address that was checked is the one that is connected to': [
    {
      file: `${lua}/backend.lua`,
      find: 'may_reach(site, words) then return each end',
      replace: 'may_reach(site, words) then return agent.resolve(host)[1] end',
    },
    { file: `${lua}/agent.lua`, find: 'if known then return known end', replace: '' },
  ],
  'networks hold addresses of their own family': [
    { file: `${lua}/address.lua`, find: 'if is_v4(words) ~= network.is_v4 then return false end', replace: '' },
  ],
  'values of headers are visible text': [
    { file: patterns, find: "headerValue: '^[ -~]*$'", replace: "headerValue: '^'" },
  ],
  'the front sends headers of one line only': [
    { file: `${lua}/site.lua`, find: 'and is_text(value) and not framing', replace: 'and not framing' },
  ],
  'realms are plain text': [{ file: patterns, find: "realm: '^[A-Za-z0-9 .,:_-]*$'", replace: "realm: '^'" }],
  'the front takes quotes out of realms': [
    { file: `${lua}/site.lua`, find: 'auth.realm:gsub(\'[\\\\"]\', "")', replace: 'auth.realm' },
  ],
  'the log escapes what visitors send': [
    { file: nginx, find: 'log_format site ', replace: 'log_format site escape=none ' },
  ],
} as const satisfies Readonly<Record<string, readonly Edit[]>>;
