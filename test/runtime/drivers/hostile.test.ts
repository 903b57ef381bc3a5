import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import type * as nginx from '#runtime/drivers/nginx/index.ts';
import { renderFront, templateNames } from '#runtime/drivers/nginx/index.ts';
import { proves } from '#test/attacks/attack.ts';
import { openFront } from '#test/attacks/grounds.ts';
import { recordAttacks, settingsAttacks } from '#test/attacks/record.ts';
import { aSite } from '#test/builders/sites.ts';
import { openFrontLab } from '#test/runtime/drivers/front-lab.ts';

/** Values that break out of something somewhere. */
const nasty = fc.oneof(
  fc.constantFrom(
    '',
    'a\nX-Evil: yes',
    'a\r\nX-Evil: yes\r\n\r\n<evil>',
    '"; } server { listen 1; #',
    '\' \\ " ` ;',
    '$host $(id) ${root} %s %n @FRONT@',
    '../../../../etc/passwd',
    '..',
    '/',
    'a\0b',
    '\u2028\u2029\u0000',
    'a..b',
    '~.*',
    '%00%2e%2e%2f',
    '[section]\nkey=value',
    'x'.repeat(65_536),
    '{"a":1}',
    'javascript:alert(1)',
    'unix:/run/docker.sock',
  ),
  fc.string({ unit: 'binary', maxLength: 300 }),
);

type Mutation = (value: string, site: nginx.Site, root: string) => Partial<nginx.Site>;

/** Puts a value into each field that text can reach. */
const mutations: Readonly<Record<string, Mutation>> = {
  owner: (value) => ({ owner: value }),
  uid: (value) => ({ uid: value }),
  tenant: (value, site) => ({ ...site, tenant: value }),
  base: (value) => ({ serve: { type: 'static', base: value, root: 'public', fallback: 'Spa' } }),
  baseBelow: (value, _site, root) => ({
    serve: { type: 'static', base: `${root}/tenants/acme/${value}`, root: '', fallback: 'NotFound' },
  }),
  root: (value, site) => ({ serve: { ...site.serve, root: value } as nginx.Site['serve'] }),
  type: (value, site) => ({ serve: { ...site.serve, type: value } as unknown as nginx.Site['serve'] }),
  headerName: (value) => ({ headers: { [value]: 'x' } }),
  headerValue: (value) => ({ headers: { 'X-Plain': value } }),
  errorPage: (value) => ({ errorPages: { 404: value } }),
  accessLog: (value) => ({ accessLog: value }),
  accessLogBelow: (value, _site, root) => ({ accessLog: `${root}/tenants/acme/logs/${value}` }),
  allow: (value) => ({ access: { allow: [value], deny: [] } }),
  realm: (value, _site, root) => ({
    access: { allow: [], deny: [], basicAuth: { realm: value, usersFile: `${root}/front/auth/hostile.example` } },
  }),
  usersFile: (value) => ({ access: { allow: [], deny: [], basicAuth: { realm: 'x', usersFile: value } } }),
  redirect: (value) => ({ serve: { type: 'redirect', to: value, code: 301, keepPath: true } }),
  redirectHost: (value) => ({ serve: { type: 'redirect', to: `//${value}`, code: 302, keepPath: true } }),
  message: (value) => ({ serve: { type: 'suspended', message: value } }),
  proxyHost: (value) => ({
    serve: {
      type: 'proxy',
      target: {
        type: 'address',
        scheme: 'http',
        host: value,
        port: 1,
        allowed: [{ cidr: '0.0.0.0/0', fromPort: 1, toPort: 9 }],
      },
    },
  }),
  proxySocket: (value, _site, root) => ({
    serve: { type: 'proxy', target: { type: 'socket', path: `${root}/tenants/acme/${value}` } },
  }),
  cidr: (value) => ({
    serve: {
      type: 'proxy',
      target: {
        type: 'address',
        scheme: 'http',
        host: '127.0.0.1',
        port: 1,
        allowed: [{ cidr: value, fromPort: 1, toPort: 9 }],
      },
    },
  }),
  phpSocket: (value, site) => ({ serve: php(site, { socket: value }) }),
  phpPool: (value, site) => ({ serve: php(site, { pool: value }) }),
  phpValue: (value, site) => ({ serve: php(site, { phpValues: { [value]: value } }) }),
  phpDeny: (value, site) => ({ serve: php(site, { denySuffixes: [value] }) }),
  phpController: (value, site) => ({ serve: php(site, { frontController: value }) }),
};

function php(site: nginx.Site, overrides: object): nginx.Site['serve'] {
  const base = site.serve.type === 'static' ? site.serve.base : '';
  const root = base.slice(0, base.indexOf('/tenants/'));
  return {
    type: 'php',
    base,
    root: 'public',
    denySuffixes: [],
    socket: `${root}/run/php/acme.shop/php.sock`,
    pool: 'acme.shop',
    phpValues: {},
    ...overrides,
  };
}

const settings = {
  root: '/srv/wcp360',
  listen: [{ address: '::', port: 80 }],
  httpsListen: [{ address: '::', port: 443 }],
  http3: true,
  keyProgram: [],
  user: 'www-data',
  workers: 2,
  trustedProxies: ['192.0.2.0/24'],
  clientAddress: 'X-Forwarded-For',
} as const;

/** The configuration, or nothing when the settings are refused. */
function rendered(render: typeof renderFront, overrides: object): string | undefined {
  const directory = new URL('../../../runtime/drivers/nginx/front/', import.meta.url);
  const templates = new Map(templateNames.map((name) => [name, readFileSync(new URL(name, directory), 'utf8')]));
  try {
    return render(templates, { ...settings, ...overrides }).get('nginx.conf') ?? '';
  } catch {
    return undefined;
  }
}

t.test('settings of the host are tokens or an error: nothing in them becomes a directive', async (each) => {
  const directives = (text: string | undefined): string | undefined => text?.replace(/[^;{}]/g, '');
  const plain = rendered(renderFront, {});
  each.match(plain, /listen \[::\]:80 ipv6only=on default_server/);
  fc.assert(
    fc.property(nasty, fc.constantFrom('root', 'user', 'trustedProxies', 'listen', 'httpsListen'), (value, field) => {
      const hostile = {
        root: { root: value },
        user: { user: value },
        trustedProxies: { trustedProxies: [value] },
        listen: { listen: [{ address: value, port: 80 }] },
        httpsListen: { httpsListen: [{ address: value, port: 443 }] },
      }[field];
      const text = rendered(renderFront, hostile);
      return text === undefined || directives(text) === directives(plain);
    }),
  );
});

await proves(t, settingsAttacks, async (_each, load) => {
  const { renderFront: render } = await load<typeof nginx>('#runtime/drivers/nginx/index.ts');
  return { render: (overrides) => rendered(render, overrides) };
});

await t.test(
  'whatever stands in a record: other sites answer as before, and no header or file of anybody else comes out',
  { skip: process.getuid?.() === 0 ? false : 'needs root: nginx drops to another user' },
  async (each) => {
    const lab = await openFrontLab(each);
    const { ask, put, file, root, host, signal } = lab;
    file('public/index.html', 'home');
    file('public/index.html', 'neighbour', 'zoo');
    file('secret.txt', 'SECRET', 'zoo');
    await put('neighbour.example', { tenant: 'zoo', serve: { ...aSite(root, { tenant: 'zoo' }).serve } });
    const workers = async (): Promise<string> => {
      const pid = (await host.services.get('nginx', signal))?.pid;
      return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    };
    const before = await workers();
    const fields = fc.record({ field: fc.constantFrom(...Object.keys(mutations)), value: nasty });
    await fc.assert(
      fc.asyncProperty(fields, async ({ field, value }) => {
        const site = aSite(root);
        await put('hostile.example', mutations[field]?.(value, site, root) ?? site);
        const answers = [
          await ask('hostile.example', '/'),
          await ask('hostile.example', '/index.html'),
          await ask('hostile.example', '/nothing'),
        ];
        for (const { headers, body } of answers) {
          if (headers['x-evil'] !== undefined || /SECRET|root:x:0|<evil>/.test(body)) return false;
        }
        return (await ask('neighbour.example')).body === 'neighbour';
      }),
      {
        numRuns: 300,
        examples: Object.keys(mutations).map((field) => [{ field, value: 'x'.repeat(65_536) }]),
      },
    );
    each.equal(await workers(), before, 'no worker died');
    await put('hostile.example', {});
    each.equal((await ask('hostile.example')).body, 'home', 'and a good record heals it');
    const errors = readFileSync(`${root}/front/error.log`, 'utf8');
    each.notMatch(errors, /runtime error|stack traceback|\[alert\]|\[emerg\]/);
  },
);

if (process.getuid?.() === 0) await proves(t, recordAttacks, openFront);
