import t, { type Test } from 'tap';
import { required } from '#runtime/base/errors.ts';
import { isEqual } from '#runtime/base/json.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { domainKind, hostKind, packageKind, tenantKind, uidClaimKind, type Host } from '#schemas/index.ts';
import { nameHash } from '#schemas/meta/name-hash.ts';
import { ACCOUNT_UIDS, isAccountUid } from '#schemas/meta/names.ts';
import type { MemoryHost } from '#runtime/host/memory/memory-host.ts';
import { createMortal } from '#test/lab/faults.ts';
import { startHosting, type Hosting, type Program, type Running, type World } from '#test/lab/hosting.ts';
import { conditionOf, eventually } from '#test/lab/widgets.ts';

// The files of a tenant and its number stay together, whatever is lost of the store and in whatever order it is declared again.

/** Two tenants who want the same number: the one that is declared first has it, the other one the next. */
const [first, second] = collidingNames();

function collidingNames(): readonly [string, string] {
  const seen = new Map<number, string>();
  for (let index = 0; ; index += 1) {
    const name = `tenant${index}`;
    const number = nameHash(name) % (ACCOUNT_UIDS.last - ACCOUNT_UIDS.first + 1);
    const other = seen.get(number);
    if (other !== undefined) return [other, name];
    seen.set(number, name);
  }
}

type Numbers = Readonly<Record<string, number>>;

interface Lab extends Hosting {
  /** The world before anything was declared. */
  readonly empty: World;
  /** Which number whose files carry. */
  readonly numbers: Numbers;
  begin(program: Program): Promise<Running>;
  declare(...tenants: readonly string[]): Promise<void>;
  /** Resolves when these tenants have a claim on a number. */
  claimed(...tenants: readonly string[]): Promise<void>;
  /** Declares a site for each and resolves when it is served. */
  served(...tenants: readonly string[]): Promise<void>;
  /** Fails the test unless each of them has its number and its page. */
  isAsBefore(...tenants: readonly string[]): Promise<void>;
  held(): Promise<readonly { readonly tenant: string; readonly uid: number }[]>;
}

/** Both tenants with a PHP site and a page each, served by a leader and an agent that have ended. */
async function setUp(t: Test): Promise<Lab> {
  const hosting = await startHosting();
  const { machine } = hosting;
  const empty = await hosting.save();
  const running: Running[] = [];
  const numbers: Record<string, number> = {};
  const strays = new Set<string>();
  const noteStrays = (): void => strayNumbers(machine, numbers).forEach((stray) => strays.add(stray));
  t.teardown(async () => {
    await Promise.all(running.map(async (each) => await each.stop()));
    await hosting.close();
  });
  const lab: Lab = {
    ...hosting,
    machine,
    empty,
    numbers,
    begin: async (program) => {
      const mortal = createMortal();
      const { beforeEffect } = mortal;
      mortal.beforeEffect = () => (noteStrays(), beforeEffect());
      const each = await hosting.start(program, { mortal });
      running.push(each);
      return each;
    },
    declare: async (...tenants) => {
      await hosting.apply(packageKind, 'starter', { isDefault: true });
      for (const tenant of tenants) await hosting.apply(tenantKind, tenant, {});
    },
    claimed: async (...tenants) => {
      for (const tenant of tenants)
        await eventually(async () => (await uidOf(hosting, tenant)) !== undefined, `${tenant}’s number`);
    },
    served: async (...tenants) => {
      for (const tenant of tenants) {
        await eventually(async () => isReady(await hosting.get(tenantKind, tenant)), tenant);
        await hosting.apply(domainKind, 'shop', { hostname: `${tenant}.example`, php: {} }, tenant);
      }
      for (const tenant of tenants)
        await eventually(async () => isReady(await hosting.get(domainKind, 'shop', tenant)), `${tenant}’s site`);
    },
    isAsBefore: async (...tenants) => {
      for (const tenant of tenants) {
        t.equal(await uidOf(hosting, tenant), numbers[tenant]);
        t.match(machine.tree.nodes.get(pageOf(machine, tenant)), { content: tenant, uid: numbers[tenant] });
      }
      noteStrays();
      t.same([...strays], [], 'and at no moment anything was under another number');
    },
    held: async () => {
      const host = (await hosting.get(hostKind, 'web1')) as Host | undefined;
      return host?.status?.capabilities?.heldUids ?? [];
    },
  };
  const both = [await hosting.start('leader'), await hosting.start('agent')];
  for (const tenant of [first, second]) {
    await lab.declare(tenant);
    await lab.served(tenant);
    const uid = required(await uidOf(hosting, tenant), 'the number');
    numbers[tenant] = uid;
    machine.byHand(pageOf(machine, tenant), { type: 'file', content: tenant, uid, gid: uid });
  }
  t.equal(numbers[second], Number(numbers[first]) + 1, 'they collide');
  await Promise.all(both.map(async (each) => await each.stop()));
  return lab;
}

const isReady = (object: Parameters<typeof conditionOf>[0]): boolean =>
  conditionOf(object, 'Ready')?.['status'] === 'True';

const pageOf = ({ root }: MemoryHost, tenant: string): string =>
  `${root}/tenants/${tenant}/domains/shop/public/index.html`;

async function uidOf(hosting: Hosting, tenant: string): Promise<number | undefined> {
  const claims = (await hosting.client.list(resourceTypeOf(uidClaimKind))).items;
  const own = claims.filter((claim) => (claim['spec'] as { tenantRef: { name: string } }).tenantRef.name === tenant);
  return own.length === 1 ? Number(own[0]?.metadata.name) : undefined;
}

/** What of a tenant's files, or of what runs for it, is under a number that is not the tenant's. */
function strayNumbers({ tree, root }: MemoryHost, numbers: Numbers): readonly string[] {
  return [...tree.nodes].flatMap(([path, { uid, content }]) => {
    const pool = path.startsWith(`${root}/run/pools/`) ? (JSON.parse(content) as { uid: number; tenant: string }) : {};
    const [, tenant] = /\/(?:tenants|kept\/(?:orphan\/)?domain)\/([^/]+)/.exec(path) ?? [];
    const carried = { uid, tenant, ...pool };
    // What is being finished in staging has no place yet.
    if (carried.tenant === undefined) return [];
    return isAccountUid(carried.uid) && carried.uid !== numbers[carried.tenant] ? [`${path}: ${carried.uid}`] : [];
  });
}

t.test('declared again before the agent is there, in another order, everybody has the own number again', async (t) => {
  const lab = await setUp(t);
  await lab.load({ stored: lab.empty.stored });
  await lab.begin('leader');
  await lab.declare(second, first);
  await lab.claimed(second, first);
  t.equal(await uidOf(lab, second), lab.numbers[first], 'nobody could know');
  await lab.begin('agent');
  await lab.served(second, first);
  await lab.isAsBefore(first, second);
});

t.test('declared again once the agent is there, everybody has the own number at once', async (t) => {
  const lab = await setUp(t);
  await lab.load({ stored: lab.empty.stored });
  await lab.begin('agent');
  await lab.begin('leader');
  await eventually(async () => (await lab.held()).length === 2, 'the host to tell');
  await lab.declare(second, first);
  await lab.claimed(second, first);
  await lab.served(second, first);
  await lab.isAsBefore(first, second);
  await eventually(async () => (await lab.held()).length === 0, 'nothing to be left to tell');
});

t.test(
  'placed under another number while the agent was away, nothing changes hands before that is put right',
  async (t) => {
    const lab = await setUp(t);
    const hosts = [...(await lab.save()).stored].filter(([key]) => key.includes('/hosts/'));
    await lab.load({ stored: new Map([...lab.empty.stored, ...hosts]) });
    const leader = await lab.begin('leader');
    await lab.declare(second, first);
    for (const tenant of [first, second])
      await eventually(
        async () => conditionOf(await lab.get(tenantKind, tenant), 'Placed')?.['status'] === 'True',
        `${tenant}’s place`,
      );
    await leader.stop();
    await lab.begin('agent');
    const refused = await eventually(async () => {
      const ready = conditionOf(await lab.get(tenantKind, first), 'Ready');
      return ready?.['reason'] === 'UidMismatch' ? ready : undefined;
    }, 'the refusal');
    t.match(refused['message'], String(lab.numbers[first]));
    await lab.begin('leader');
    await lab.served(second, first);
    await lab.isAsBefore(first, second);
  },
);

t.test('exchanged under an agent that runs, the store hands nothing over to another number', async (t) => {
  const lab = await setUp(t);
  await lab.begin('agent');
  await lab.load({ stored: lab.empty.stored });
  await lab.begin('leader');
  await lab.declare(second, first);
  await lab.served(second, first);
  await lab.isAsBefore(first, second);
});

t.test('the number of kept data is nobody else’s, and waits for its tenant', async (t) => {
  const lab = await setUp(t);
  const both = [await lab.begin('leader'), await lab.begin('agent')];
  await lab.remove(tenantKind, first);
  await eventually(async () => (await lab.get(tenantKind, first)) === undefined, 'the tenant to go');
  await Promise.all(both.map(async (each) => await each.stop()));
  await lab.load({ stored: lab.empty.stored });
  await lab.begin('leader');
  await lab.declare(second);
  await lab.claimed(second);
  await lab.begin('agent');
  await lab.served(second);
  t.ok((await lab.held()).some((held) => isEqual(held, { tenant: first, uid: lab.numbers[first] })));
  await lab.isAsBefore(second);
  await lab.declare(first);
  await lab.served(first);
  await lab.isAsBefore(first, second);
});

t.test('files that somebody gave another number are left as they are until a person puts them right', async (t) => {
  const lab = await setUp(t);
  const { machine } = lab;
  const site = `${machine.root}/tenants/${first}/domains/shop`;
  const node = required(machine.tree.nodes.get(site), 'the site');
  machine.byHand(site, { ...node, uid: ACCOUNT_UIDS.last });
  const before = machine.treeHash();
  await lab.begin('leader');
  await lab.begin('agent');
  await eventually(
    async () => conditionOf(await lab.get(domainKind, 'shop', first), 'Ready')?.['reason'] === 'UidMismatch',
    'the refusal',
  );
  await lab.apply(domainKind, 'blog', { hostname: 'blog.example' }, first);
  await eventually(
    async () => conditionOf(await lab.get(domainKind, 'blog', first), 'Ready')?.['reason'] === 'UidMismatch',
    'the refusal of what would be new',
  );
  t.equal(machine.treeHash(), before);
  machine.byHand(site, node);
  const body = { metadata: { annotations: { 'hosting.wcp360.io/requested-at': 'now' } } };
  await lab.client.patch(resourceTypeOf(domainKind), { namespace: first, name: 'blog' }, { type: 'merge', body });
  await eventually(async () => isReady(await lab.get(domainKind, 'blog', first)), 'it to go on');
});
