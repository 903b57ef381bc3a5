import t from 'tap';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import type { PhpPool } from '#runtime/drivers/php-fpm/index.ts';
import { runPool } from '#runtime/drivers/php-fpm/run-pool.ts';
import {
  databaseKind,
  databaseUserKind,
  domainKind,
  packageKind,
  retainedDataKind,
  tenantKind,
  type DatabaseUser,
} from '#schemas/index.ts';
import { secretKind } from '#schemas/meta/builtin.ts';
import { ANNOTATIONS } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { tellStories } from '#test/lab/crash-stories.ts';
import { isThorough } from '#test/lab/sampling.ts';
import { startHosting, type Hosting } from '#test/lab/hosting.ts';
import { declare, isGone, isReady, remove, settle, type Step, type Story } from '#test/lab/stories.ts';

// Tenants and their sites, whatever dies, and whenever.

const domain = (name: string, spec: object) => declare(domainKind, name, spec, 'acme');
const aTenant = [declare(tenantKind, 'acme', {})];
const isServed = isReady(domainKind, 'shop', 'acme');

const packages = {
  isDefault: true,
  limits: { domains: 10, cpu: '1', processes: 50 },
  proxyTargets: [{ cidr: '192.0.2.0/24', ports: '8080' }],
};
const upload = async (hosting: Hosting): Promise<void> => {
  await settle(hosting);
  const { uid = 0 } = ((await hosting.get(tenantKind, 'acme'))?.['status'] ?? {}) as { uid?: number };
  const path = `${hosting.machine.root}/tenants/acme/domains/shop/public/index.html`;
  hosting.machine.byHand(path, { type: 'file', content: 'mine', mode: 0o644, uid, gid: uid });
};
const staff: KubeObject = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'staff', namespace: 'acme' } };
const aSecret = async (hosting: Hosting): Promise<unknown> =>
  await hosting.client.create(resourceTypeOf(secretKind), { ...staff, stringData: { auth: 'somebody:hash' } });

const staticShop = domain('shop', { hostname: 'shop.example', aliases: ['*.shop.example'], www: 'Redirect' });
const phpShop = domain('shop', { hostname: 'shop.example', php: { env: [{ name: 'A', value: 'b' }] } });
const closedShop = domain('shop', {
  hostname: 'shop.example',
  access: { basicAuth: { secretRef: { name: 'staff' } } },
});
/** Somebody visits: the site's master runs. */
const visit = async (hosting: Hosting): Promise<void> => {
  await settle(hosting);
  const { machine: host } = hosting;
  const text = host.tree.nodes.get(`${host.root}/run/pools/acme.shop.json`)?.content ?? '';
  await runPool('acme.shop', JSON.parse(text) as PhpPool, { host }, new AbortController().signal);
};
const passing = { hostname: 'shop.example', deletionPolicy: 'Delete', php: {} };
const keptData = async (hosting: Hosting): Promise<readonly KubeObject[]> =>
  (await hosting.client.list(resourceTypeOf(retainedDataKind))).items;

const stories: readonly Story[] = [
  {
    name: 'a tenant is declared',
    before: [],
    act: declare(tenantKind, 'acme', {}),
    isOver: isReady(tenantKind, 'acme'),
  },
  {
    name: 'a tenant is suspended',
    before: [...aTenant, staticShop],
    act: declare(tenantKind, 'acme', { suspensions: [{ by: 'invoices', reason: 'Billing' }] }),
    isOver: isReady(domainKind, 'shop', 'acme', 'Suspended'),
  },
  {
    name: 'a tenant gets another limit and another owner',
    before: aTenant,
    act: declare(tenantKind, 'acme', {
      limits: { domains: 3, processes: 20 },
      owners: [{ kind: 'User', name: 'eve' }],
    }),
    isOver: isReady(tenantKind, 'acme'),
  },
  {
    name: 'a tenant with a site is deleted',
    before: [...aTenant, phpShop, upload],
    act: remove(tenantKind, 'acme'),
    isOver: isGone(tenantKind, 'acme'),
  },
  { name: 'a static site is declared', before: aTenant, act: staticShop, isOver: isServed },
  { name: 'a PHP site is declared', before: aTenant, act: phpShop, isOver: isServed },
  {
    name: 'a proxy is declared',
    before: aTenant,
    act: domain('shop', { hostname: 'shop.example', proxy: { url: 'http://backend.example:8080' } }),
    isOver: isServed,
  },
  { name: 'a site with a password is declared', before: [...aTenant, aSecret], act: closedShop, isOver: isServed },
  {
    name: 'a site gets other names and becomes PHP',
    before: [...aTenant, staticShop],
    act: domain('shop', { hostname: 'store.example', aliases: ['shop.example'], php: {} }),
    isOver: isServed,
  },
  {
    name: 'a PHP site becomes a redirect',
    before: [...aTenant, phpShop],
    act: domain('shop', { hostname: 'shop.example', redirect: { to: 'https://elsewhere.example' } }),
    isOver: isServed,
  },
  {
    name: 'a PHP site that runs gets other variables',
    before: [...aTenant, phpShop, visit],
    act: domain('shop', { hostname: 'shop.example', php: { env: [{ name: 'A', value: 'another' }] } }),
    isOver: isServed,
  },
  {
    name: 'a PHP site that runs is suspended',
    before: [...aTenant, phpShop, visit],
    act: domain('shop', { hostname: 'shop.example', php: {}, suspended: true }),
    isOver: isReady(domainKind, 'shop', 'acme', 'Suspended'),
  },
  {
    name: 'a PHP site with files is deleted, and its files are kept',
    before: [...aTenant, phpShop, upload],
    act: remove(domainKind, 'shop', 'acme'),
    isOver: isGone(domainKind, 'shop', 'acme'),
  },
  {
    name: 'a site with a password is deleted',
    before: [...aTenant, aSecret, closedShop],
    act: remove(domainKind, 'shop', 'acme'),
    isOver: isGone(domainKind, 'shop', 'acme'),
  },
  {
    name: 'a site is deleted with its files',
    before: [...aTenant, domain('shop', passing), upload],
    act: remove(domainKind, 'shop', 'acme'),
    isOver: isGone(domainKind, 'shop', 'acme'),
  },
  {
    name: 'a deleted site is declared again and has its files back',
    before: [...aTenant, phpShop, upload, remove(domainKind, 'shop', 'acme')],
    act: staticShop,
    isOver: async (hosting) => (await isServed(hosting)) && (await keptData(hosting)).length === 0,
  },
  {
    name: 'kept files are purged',
    before: [...aTenant, phpShop, upload, remove(domainKind, 'shop', 'acme')],
    act: async (hosting) => {
      for (const { metadata } of await keptData(hosting)) await hosting.remove(retainedDataKind, metadata.name);
    },
    isOver: async (hosting) => (await keptData(hosting)).length === 0,
  },
];

const database = (engine: string): Step => declare(databaseKind, 'shop', { engine }, 'acme');
const user = (spec: object = {}): Step =>
  declare(databaseUserKind, 'shop', { databases: [{ name: 'shop' }], secretName: 'shop-db', ...spec }, 'acme');
/** What it logs in by is on the server, and nothing else. */
const canLogIn = async (hosting: Hosting): Promise<boolean> => {
  const { passwords, acceptedPasswords } = await userStatus(hosting);
  const isTaken = passwords?.every(({ id, state }) => state !== 'Next' && acceptedPasswords?.includes(id) === true);
  return isTaken === true && passwords?.length === acceptedPasswords?.length && (await isUsable(hosting));
};
const isUsable = isReady(databaseUserKind, 'shop', 'acme');
const userStatus = async (hosting: Hosting): Promise<NonNullable<DatabaseUser['status']>> =>
  ((await hosting.get(databaseUserKind, 'shop', 'acme')) as DatabaseUser | undefined)?.status ?? {};
const rotate: Step = async ({ client }) => {
  const body = { metadata: { annotations: { [ANNOTATIONS.rotate]: 'now' } } };
  await client.patch(resourceTypeOf(databaseUserKind), { namespace: 'acme', name: 'shop' }, { type: 'merge', body });
};
const isRotated = async (hosting: Hosting): Promise<boolean> =>
  (await userStatus(hosting)).formerPasswordUntil !== undefined && (await canLogIn(hosting));
const anotherPassword: Step = async (hosting) => {
  await rotate(hosting);
  await settle(hosting, isRotated);
};
const give =
  (word: string): Step =>
  async ({ client }) => {
    const metadata = { name: 'mine', namespace: 'acme' };
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata, data: { word: Buffer.from(word).toString('base64') } };
    await client.apply(resourceTypeOf(secretKind), secret, { fieldManager: 'test', force: true });
  };
const loggedIn: Step = async (hosting) => await settle(hosting, canLogIn);
const aUser = [...aTenant, database('PostgreSQL'), user(), loggedIn];

const declareBoth =
  (engine: string): Step =>
  async (hosting) => {
    await database(engine)(hosting);
    await user()(hosting);
  };

const databaseStories: readonly Story[] = [
  { name: 'somebody gets a database', before: aTenant, act: declareBoth('PostgreSQL'), isOver: canLogIn },
  { name: 'another password is asked for', before: aUser, act: rotate, isOver: isRotated },
  {
    name: 'the password before ends',
    before: [...aUser, anotherPassword],
    act: user({ rotation: { gracePeriod: '0s' } }),
    isOver: async (hosting) => (await canLogIn(hosting)) && (await userStatus(hosting)).passwords?.length === 1,
  },
  {
    name: 'a person gives another password',
    before: [
      ...aTenant,
      database('PostgreSQL'),
      give('the first one'),
      user({ passwordSecretRef: { name: 'mine', key: 'word' } }),
      loggedIn,
    ],
    act: give('the second one'),
    isOver: canLogIn,
  },
];

/** Much the same as those: too long for every run. */
const moreDatabaseStories: readonly Story[] = [
  { name: 'somebody gets a database on MariaDB', before: aTenant, act: declareBoth('MariaDB'), isOver: canLogIn },
  {
    name: 'another password is asked for on MariaDB',
    before: [...aTenant, database('MariaDB'), user(), loggedIn],
    act: rotate,
    isOver: isRotated,
  },
  {
    name: 'somebody with two passwords goes',
    before: [...aUser, anotherPassword],
    act: remove(databaseUserKind, 'shop', 'acme'),
    isOver: isGone(databaseUserKind, 'shop', 'acme'),
  },
];

const all = [...stories, ...databaseStories, ...(isThorough ? moreDatabaseStories : [])];

tellStories(t, all, async () => {
  const hosting = await startHosting();
  await hosting.apply(packageKind, 'starter', packages);
  return hosting;
});
