import { BugError } from '#runtime/base/errors.ts';
import {
  bodyClasses,
  quicKeyPath,
  ticketKeyPaths,
  timeoutClassesSeconds,
  type FrontAddress,
  type FrontSettings,
} from './front-settings.ts';

/** Names of the templates below `front/` that make up the front. */
export const templateNames = [
  'nginx.conf',
  'body.conf',
  'backend.conf',
  ...[
    'config',
    'files',
    'address',
    'paths',
    'site',
    'pages',
    'channel',
    'agent',
    'handshake',
    'staple',
    'pair',
    'tls',
    'password',
    'access',
    'backend',
    'quick',
    'panel',
    'front',
  ].map((name) => `lua/wcp/${name}.lua`),
] as const;

/** Path below `<root>/front` → text, for the same settings always the same. BugError for a setting that is not what it should be. */
export function renderFront(
  templates: ReadonlyMap<string, string>,
  settings: FrontSettings,
): ReadonlyMap<string, string> {
  const template = (name: string): string => {
    const text = templates.get(name);
    if (text === undefined) throw new BugError(`the template ${name} is missing`);
    return text;
  };
  const forEach = (name: string, key: string, classes: readonly number[]): string =>
    classes.map((each) => fill(template(name), { [key]: String(each) })).join('');
  const values = {
    ...hostValues(settings),
    BODY_LOCATIONS: forEach('body.conf', 'BYTES', bodyClasses),
    BACKEND_LOCATIONS: forEach('backend.conf', 'SECONDS', timeoutClassesSeconds),
    TIMEOUTS: timeoutClassesSeconds.join(', '),
    BODIES: bodyClasses.join(', '),
  };
  const files = templateNames.filter((name) => name === 'nginx.conf' || name.endsWith('.lua'));
  return new Map(files.map((name) => [name, fill(template(name), values)]));
}

/** Sessions of TLS are sealed with keys in files, or, by an nginx that can, with such that its workers share and replace. */
function sessionKeys({ root, http3 }: FrontSettings): string {
  return http3
    ? ''
    : ticketKeyPaths(root)
        .map((path) => `    ssl_session_ticket_key ${path};`)
        .join('\n');
}

/** HTTP/3 beside the listeners of TCP: at the same addresses and ports, of UDP. */
function quicValues(settings: FrontSettings): Readonly<Record<string, string>> {
  const [first] = settings.httpsListen;
  if (!settings.http3 || first === undefined) return { SPEAKS_QUIC: 'false', QUIC: '', ALTERNATIVE: '' };
  return {
    SPEAKS_QUIC: 'true',
    // nginx that can speak HTTP/3 wants HTTP/2 said apart. Each worker has a socket of its own, so that all packets of a connection come to the same one.
    QUIC: [
      '    http2 on;',
      ...settings.httpsListen.map((each) => `    listen ${placeOf(each)} quic reuseport;`),
      `    quic_host_key ${quicKeyPath(settings.root)};`,
    ].join('\n'),
    ALTERNATIVE: `on:0 'h3=":${portOf(first)}"; ma=86400';`,
  };
}

function hostValues(settings: FrontSettings): Readonly<Record<string, string>> {
  const networks = settings.trustedProxies.map((network) => token(network, /^[0-9a-fA-F:.]+(\/\d{1,3})?$/));
  const proxied = settings.clientAddress === 'ProxyProtocol' ? ['proxy_protocol'] : [];
  const header = settings.clientAddress === 'ProxyProtocol' ? 'proxy_protocol' : 'X-Forwarded-For';
  return {
    USER: `user ${token(settings.user, /^[a-z_][a-z0-9_-]*$/)};`,
    WORKERS: token(String(settings.workers), /^[1-9]\d{0,3}$/),
    ROOT: token(settings.root, /^(\/[A-Za-z0-9_.-]+)+$/),
    FRONT: token(`${settings.root}/front`, /^(\/[A-Za-z0-9_.-]+)+$/),
    LISTEN: [
      ...settings.listen.map((each) => listenLine(each, proxied)),
      ...settings.httpsListen.map((each) =>
        listenLine(each, ['ssl', ...(settings.http3 ? [] : ['http2']), ...proxied]),
      ),
      ...(settings.probeListen === undefined ? [] : [listenLine(settings.probeListen, [])]),
      ...(settings.probeHttpsListen === undefined ? [] : [listenLine(settings.probeHttpsListen, ['ssl'])]),
    ].join('\n'),
    ...quicValues(settings),
    SESSION_KEYS: sessionKeys(settings),
    HTTPS_PORT: settings.httpsListen[0] === undefined ? 'nil' : portOf(settings.httpsListen[0]),
    REALIP: [
      ...networks.map((network) => `  set_real_ip_from ${network};`),
      `  real_ip_header ${header};`,
      '  real_ip_recursive on;',
    ].join('\n'),
    TRUSTED: networks.map((network) => `${network} 1;`).join(' '),
  };
}

function listenLine(listen: FrontAddress, words: readonly string[]): string {
  return `    listen ${[placeOf(listen), 'default_server backlog=4096', ...words].join(' ')};`;
}

function placeOf(listen: FrontAddress): string {
  const address = token(listen.address, /^[0-9a-fA-F:.]+$/);
  return address.includes(':') ? `[${address}]:${portOf(listen)} ipv6only=on` : `${address}:${portOf(listen)}`;
}

function portOf({ port }: FrontAddress): string {
  return token(String(port), /^\d{1,5}$/);
}

function token(value: string, pattern: RegExp): string {
  if (!pattern.test(value)) throw new BugError(`"${value}" cannot be a setting of the web front`);
  return value;
}

/** Replaces `@NAME@`; an unknown name is left as it is, since Lua and nginx use the sign, too. */
function fill(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/@([A-Z_]+)@/g, (mark, name: string) => values[name] ?? mark);
}
