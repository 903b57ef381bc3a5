import { createServer } from 'node:net';
import type { Site, SiteServe } from '#runtime/drivers/nginx/index.ts';
import { serving } from '#test/lab/serving.ts';
import type { FrontLab } from '#test/runtime/drivers/front-lab.ts';
import type { Attack } from './attack.ts';
import { soon, textSoFar } from './ground.ts';

type RecordAttack = Attack<FrontLab>;

const hostname = 'hostile.example';

/** What a visitor gets of a record; the tenant `zoo` is the one that has something to lose. */
async function visited({ put, ask }: FrontLab, record: Partial<Site>, path?: string): Promise<string> {
  await put(hostname, record);
  return (await ask(hostname, path)).body;
}

/** Gives the neighbour's page, if that is what was shown. */
async function neighbours(lab: FrontLab, record: Partial<Site>): Promise<string | undefined> {
  lab.file('public/index.html', 'page of zoo', 'zoo');
  const body = await visited(lab, record);
  return body === 'page of zoo' ? body : undefined;
}

const base = ({ root }: FrontLab, tenant: string): string => `${root}/tenants/${tenant}/domains/shop`;
const staticSite = (directory: string, root = 'public'): SiteServe => ({
  type: 'static',
  base: directory,
  root,
  fallback: 'NotFound',
});

/** Attacks by what stands in a record of the site table, should the agent ever be brought to write it. */
export const recordAttacks: readonly RecordAttack[] = [
  {
    name: 'the sentence on the page of a suspended site is markup',
    against: ['pages of the front show text, not markup'],
    run: async (lab) => {
      const body = await visited(lab, { serve: { type: 'suspended', message: '<script>alert(1)</script>' } });
      return body.includes('<script>') ? body : undefined;
    },
  },
  {
    name: 'a record names the directory of another tenant',
    against: ['the front serves the tenant’s tree only'],
    run: (lab) => neighbours(lab, { serve: staticSite(base(lab, 'zoo')) }),
  },
  {
    name: 'the name of a tenant leads to another tenant',
    against: ['names of tenants are plain'],
    run: (lab) => neighbours(lab, { tenant: 'acme/../zoo', serve: staticSite(base(lab, 'acme/../zoo')) }),
  },
  {
    name: 'a record names a log elsewhere',
    against: ['logs lie below tenants'],
    run: async (lab) => {
      const [elsewhere = '', other = ''] = ['elsewhere', 'other.access'].map(
        (name) => `${lab.root}/front/logs/${name}.log`,
      );
      await visited(lab, { accessLog: elsewhere }, '/told-where');
      // The other one tells of requests that came before, too.
      const log = await soon(async () => [elsewhere, other].find((path) => textSoFar(path).includes('/told-where')));
      return log === elsewhere ? log : undefined;
    },
  },
  {
    name: 'a record names a file of users elsewhere',
    against: ['files of users are the front’s own'],
    run: async (lab) => {
      const usersFile = lab.file('users', 'eve:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n');
      lab.file('public/index.html', 'for staff');
      const secret = { namespace: 'acme', name: 'staff', resourceVersion: '1' };
      await lab.put(hostname, { access: { allow: [], deny: [], basicAuth: { realm: 'x', usersFile, secret } } });
      const authorization = `Basic ${Buffer.from('eve:secret').toString('base64')}`;
      const { body } = await lab.ask(hostname, '/', { headers: { authorization } });
      return body === 'for staff' ? body : undefined;
    },
  },
  {
    name: 'a record names a socket of PHP elsewhere',
    against: ['the front takes sockets of PHP where pools have theirs only'],
    run: async (lab) => {
      let connections = 0;
      const program = createServer((socket) => {
        connections += 1;
        socket.destroy();
      });
      const socket = `${lab.root}/elsewhere.sock`;
      await serving(program, { path: socket, readableAll: true, writableAll: true }, async () => {
        lab.file('public/index.php', '<?php');
        const serve = {
          type: 'php',
          base: base(lab, 'acme'),
          root: 'public',
          denySuffixes: [],
          phpValues: {},
        } as const;
        await visited(lab, { serve: { ...serve, pool: 'x', socket } }, '/index.php');
      });
      return connections > 0 ? 'connected' : undefined;
    },
  },
];

/** What a host is rendered with; gives the front's configuration. */
export interface SettingsGround {
  render(settings: object): string | undefined;
}

/** Attacks by the settings of a host: whatever stands there is a token, or an error. */
export const settingsAttacks: readonly Attack<SettingsGround>[] = Object.entries({
  root: '/srv/wcp360; } server { listen 1',
  user: 'www-data; load_module /tmp/evil.so',
  trustedProxies: ['0.0.0.0/0; lua_code_cache off'],
  listen: [{ address: '::; } server { listen 1', port: 80 }],
  httpsListen: [{ address: '::; } server { listen 1', port: 443 }],
}).map(([field, value]) => ({
  name: `a setting of the host holds a directive of nginx: ${field}`,
  against: ['settings of a host are tokens'],
  run: async ({ render }) => render({ [field]: value }),
}));
