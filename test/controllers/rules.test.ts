import t from 'tap';
import fc from 'fast-check';
import { required } from '#runtime/base/errors.ts';
import {
  addressText,
  contains,
  leadingGroups,
  networkText,
  parseAddress,
  parseNetwork,
} from '#runtime/base/networks.ts';
import { phpBytes } from '#controllers/domain/host/php.ts';
import { poolNameOf } from '#controllers/domain/host/desired.ts';
import { proxyTargetOf } from '#controllers/domain/host/proxy.ts';
import { createLeftoversDriver, leftoversGo, leftoversStay } from '#controllers/domain/cluster/leftovers-driver.ts';
import { keeperOf, keepersOf, keptOfDatabase, retainedDatabaseOf } from '#controllers/kept-databases.ts';
import type { Elsewhere } from '#controllers/server-use.ts';
import { isMistaken } from '#controllers/held-uids.ts';
import { createHeartbeats } from '#controllers/host/cluster/heartbeats.ts';
import { heldUids, isUrgent, statedUids } from '#controllers/host/held-uids.ts';
import { hostStatus, type HostFacts } from '#controllers/host/registration.ts';
import { ancestorsOf, baseOf, isPublicSuffix } from '#controllers/hostname-claim/ancestors.ts';
import { challengeOf, recordNamesFor } from '#controllers/hostname-claim/challenge.ts';
import { hostnameClaimIndexes } from '#controllers/hostname-claim/indexes.ts';
import { judgeHostname } from '#controllers/hostname-claim/judge.ts';
import { lookPauseMs, voucherFor, type Voucher } from '#controllers/hostname-claim/proof.ts';
import { uidOf } from '#controllers/tenant/cluster/uids.ts';
import { isAccountUid } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { databaseKind, type HostnameClaim, type RetainedData, type Tenant } from '#schemas/index.ts';
import type { Database } from '#schemas/v1alpha1/database.ts';
import { anObject } from '#test/builders/objects.ts';
import { aCache } from '#test/builders/cache.ts';
import { allIndexes, controllers } from '#test/builders/controllers.ts';
import { aDomain, aHost, aHostnameClaim, aRetainedData, aTenant, aUidClaim } from '#test/builders/objects.ts';

void t.test('names above a hostname end below the public suffix', async (t) => {
  t.same(ancestorsOf('a.b.acme.example'), ['b.acme.example', 'acme.example']);
  t.same(ancestorsOf('*.acme.example'), ['acme.example']);
  t.same(ancestorsOf('acme.co.uk'), []);
  t.same(ancestorsOf('shop.hello.localhost'), ['hello.localhost']);
  for (const name of ['co.uk', 'github.io', '*.co.uk', '*.localhost']) t.ok(isPublicSuffix(name), name);
  for (const name of ['acme.co.uk', 'hello.localhost', '*.acme.example', 'me.github.io'])
    t.notOk(isPublicSuffix(name), name);
});

const unbound = { status: { conditions: [] } };
const judged = (hostname: string, claims: readonly KubeObject[]): string | undefined =>
  judgeHostname(hostname, 'acme', aCache(claims, hostnameClaimIndexes))?.reason;

void t.test('a name is free, taken, below or above another tenant’s', async (t) => {
  const cases: readonly (readonly [
    why: string,
    hostname: string,
    claims: readonly KubeObject[],
    reason: string | undefined,
  ])[] = [
    ['nobody has it', 'shop.example', [], undefined],
    ['it is ours already', 'shop.example', [aHostnameClaim('shop.example', 'acme')], undefined],
    ['another has it', 'shop.example', [aHostnameClaim('shop.example', 'other')], 'HostnameTaken'],
    [
      'another has the name above',
      'a.b.shop.example',
      [aHostnameClaim('shop.example', 'other')],
      'HostnameBelowAnother',
    ],
    ['another has the wildcard', 'a.shop.example', [aHostnameClaim('*.shop.example', 'other')], 'HostnameBelowAnother'],
    [
      'the name above is delegated',
      'a.shop.example',
      [aHostnameClaim('shop.example', 'other', { spec: { delegatedTo: ['acme'] } })],
      undefined,
    ],
    ['another has a name below', 'shop.example', [aHostnameClaim('a.shop.example', 'other')], 'HostnameAboveAnother'],
    [
      'a wildcard above another’s name',
      '*.shop.example',
      [aHostnameClaim('a.shop.example', 'other')],
      'HostnameAboveAnother',
    ],
    ['names beside each other', 'a.shop.example', [aHostnameClaim('b.shop.example', 'other')], undefined],
    ['both below a shared suffix', 'hello.localhost', [aHostnameClaim('old.localhost', 'other')], undefined],
    ['a name that only ends alike', 'myshop.example', [aHostnameClaim('shop.example', 'other')], undefined],
    ['a public suffix', 'co.uk', [], 'PublicSuffix'],
  ];
  for (const [why, hostname, claims, reason] of cases) t.equal(judged(hostname, claims), reason, why);
});

void t.test('of two claims that exclude each other exactly one holds, whoever asks first', async (t) => {
  const at = (second: number, resourceVersion: number): object => ({
    metadata: { creationTimestamp: `2026-01-01T00:00:0${String(second)}Z`, resourceVersion: String(resourceVersion) },
    ...unbound,
  });
  const judgeBoth = (parent: KubeObject, child: KubeObject): readonly (string | undefined)[] => {
    const cache = aCache([parent, child], hostnameClaimIndexes);
    return [
      judgeHostname('shop.example', 'other', cache)?.reason,
      judgeHostname('a.shop.example', 'acme', cache)?.reason,
    ];
  };
  for (const [one, two] of [
    [at(1, 5), at(2, 3)],
    [at(2, 5), at(1, 3)],
    [at(1, 3), at(1, 5)],
    [at(1, 5), at(1, 3)],
  ] as const) {
    const answers = judgeBoth(
      aHostnameClaim('shop.example', 'other', one as never),
      aHostnameClaim('a.shop.example', 'acme', two as never),
    );
    t.equal(answers.filter((answer) => answer === undefined).length, 1, JSON.stringify(answers));
  }
  const bound = judgeBoth(
    aHostnameClaim('shop.example', 'other', at(1, 1) as never),
    aHostnameClaim('a.shop.example', 'acme'),
  );
  t.same(bound, ['HostnameAboveAnother', undefined], 'what is bound stays bound');
});

void t.test('an address is in a network as its bits say, in whatever way it is written', async (t) => {
  const isIn = (address: string, network: string): boolean => {
    const [a, n] = [parseAddress(address), parseNetwork(network)];
    return a !== undefined && n !== undefined && contains(n, a);
  };
  for (const [address, network] of [
    ['127.0.0.1', '127.0.0.0/8'],
    ['::1', '::1/128'],
    ['2001:db8::1', '2001:db8::/32'],
    ['::ffff:127.0.0.1', '127.0.0.1'],
    ['::ffff:7f00:1', '127.0.0.1/32'],
    ['192.0.2.7', '0.0.0.0/0'],
  ] as const) {
    t.ok(isIn(address, network), `${address} in ${network}`);
  }
  for (const [address, network] of [
    ['128.0.0.1', '127.0.0.0/8'],
    ['::1', '0.0.0.0/0'],
    ['127.1', '127.0.0.0/8'],
    ['0177.0.0.1', '127.0.0.0/8'],
    ['2130706433', '127.0.0.0/8'],
    ['::g', '::/0'],
    ['1::2::3', '::/0'],
  ] as const) {
    t.notOk(isIn(address, network), `${address} not in ${network}`);
  }
  fc.assert(fc.property(fc.ipV4(), (address) => isIn(address, `${address}/32`) && isIn(`::ffff:${address}`, address)));
  fc.assert(
    fc.property(fc.ipV6(), (address) => isIn(address.toLowerCase(), '::/0') || parseAddress(address)?.width === 32),
  );
});

void t.test('a network is written in one way, whatever way it was written in', async (t) => {
  for (const [text, written] of [
    ['192.0.2.77/24', '192.0.2.0/24'],
    ['192.0.2.7', '192.0.2.7/32'],
    ['::ffff:192.0.2.7', '192.0.2.7/32'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1/128'],
    ['2001:0db8:ffff::/31', '2001:db8::/31'],
    ['10.1.2.3/0', '0.0.0.0/0'],
    ['::1/0', '::/0'],
  ] as const) {
    const network = parseNetwork(text);
    t.equal(network && networkText(network), written, text);
  }
  const drawn = fc.oneof(
    fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 })),
    fc.tuple(fc.ipV6(), fc.integer({ min: 0, max: 128 })),
  );
  fc.assert(
    fc.property(drawn, ([address, prefix]) => {
      const network = parseNetwork(`${address}/${String(prefix)}`);
      if (network === undefined) return true;
      const again = parseNetwork(networkText(network));
      return again !== undefined && networkText(again) === networkText(network) && contains(network, again);
    }),
  );
});

void t.test('what tells a network of IPv6 by the text of addresses tells it as its bits do', async (t) => {
  for (const text of ['2001:db8::/33', '2001:db8:0:1::/64', '2001:0::/32', '::1/112', '192.0.2.0/16']) {
    const network = parseNetwork(text);
    t.equal(network && leadingGroups(network), undefined, text);
  }
  const group = fc.oneof(fc.constantFrom(0, 1, 0xdb8, 0xd, 0x2001), fc.integer({ min: 0, max: 0xffff }));
  const groups = fc.array(group, { minLength: 8, maxLength: 8 });
  const text = (of: readonly number[]): string => of.map((each) => each.toString(16)).join(':');
  let [within, without] = [0, 0];
  fc.assert(
    fc.property(groups, groups, fc.integer({ min: 1, max: 7 }), fc.boolean(), (one, other, count, isNear) => {
      const network = parseNetwork(`${text(one)}/${String(16 * count)}`);
      const address = parseAddress(text(isNear ? [...one.slice(0, count), ...other.slice(count)] : other));
      const known = network && leadingGroups(network);
      if (network === undefined || address === undefined || known === undefined) return true;
      const isIn = contains(network, address);
      if (isIn) within += 1;
      else without += 1;
      return addressText(address).startsWith(`${known.join(':')}:`) === isIn;
    }),
    { numRuns: 2_000 },
  );
  t.ok(within > 100 && without > 100, `${String(within)} in, ${String(without)} not`);
});

void t.test('a claim that changes wakes the unbound ones above and below it, wildcards among them', async (t) => {
  const claims = ['shop.example', '*.shop.example', 'a.shop.example', 'b.a.shop.example', 'other.example'].map((name) =>
    aHostnameClaim(name, 'acme', unbound),
  );
  const cache = aCache(claims, hostnameClaimIndexes);
  const [watch] = controllers.get('hostname-claim.cluster')?.watches ?? [];
  const woken = (hostname: string) =>
    watch
      ?.keysOf(aHostnameClaim(hostname, 'other'), cache)
      .map(({ name }) => name)
      .toSorted();
  t.same(woken('a.shop.example'), ['b.a.shop.example', 'shop.example', 'wc--any.shop.example']);
  t.same(woken('*.shop.example'), ['a.shop.example', 'b.a.shop.example', 'shop.example', 'wc--any.shop.example']);
});

void t.test('a claim needs proof once there is a second tenant, unless somebody can vouch for it', (t) => {
  const tenants = ['acme', 'other'].map((name) => aTenant({ metadata: { name, uid: `uid-of-${name}` } }));
  const delegated = { spec: { delegatedTo: ['acme'] } };
  const asserted = aHostnameClaim('shop.com', 'acme', { ...unbound, spec: { ownership: 'Asserted' } });
  const claim = (hostname: string) => aHostnameClaim(hostname, 'acme', unbound);
  const cases: readonly (readonly [string, HostnameClaim, readonly KubeObject[], Voucher | undefined])[] = [
    ['nobody vouches', claim('shop.com'), tenants, undefined],
    ['there is one tenant', claim('shop.com'), tenants.slice(0, 1), 'Unneeded'],
    ['nobody can register it', claim('shop.acme.example'), tenants, 'Unneeded'],
    ['it names addresses of nobody', claim('7.168.192.in-addr.arpa'), tenants, 'Unneeded'],
    ['it names addresses of somebody', claim('7.0.193.in-addr.arpa'), tenants, undefined],
    ['an administrator says so', asserted, tenants, 'Asserted'],
    ['the name above is ours', claim('a.shop.com'), [...tenants, aHostnameClaim('shop.com', 'acme')], 'Inherited'],
    ['… but lacks its proof', claim('a.shop.com'), [...tenants, claim('shop.com')], undefined],
    ['the wildcard is ours', claim('a.shop.com'), [...tenants, aHostnameClaim('*.shop.com', 'acme')], 'Inherited'],
    [
      'it was delegated',
      claim('a.shop.com'),
      [...tenants, aHostnameClaim('shop.com', 'other', delegated)],
      'Inherited',
    ],
    ['the name below is ours', claim('shop.com'), [...tenants, aHostnameClaim('a.shop.com', 'acme')], undefined],
  ];
  for (const [why, object, world, voucher] of cases)
    t.equal(voucherFor(object, 'WhenShared', aCache(world, allIndexes)), voucher, why);
  const alone = aCache(tenants.slice(0, 1), allIndexes);
  t.equal(voucherFor(claim('shop.com'), 'Always', alone), undefined);
  t.equal(voucherFor(claim('shop.com'), 'Never', aCache(tenants, allIndexes)), 'Unneeded');
  t.end();
});

void t.test('a claim that lacks its proof stands in the way of its own name only, and tells how to get that', (t) => {
  const lastTransitionTime = '2026-01-01T00:00:00Z';
  const condition = { type: 'Bound', status: 'False', reason: 'Unproven', message: '', lastTransitionTime };
  const status = { conditions: [condition] };
  const world = [aTenant({ metadata: { name: 'acme', uid: 'u1' } }), aHostnameClaim('shop.com', 'other', { status })];
  const cache = aCache(world, allIndexes);
  const reasons = ['a.shop.com', '*.shop.com', 'shop.com'].map((name) => judgeHostname(name, 'acme', cache)?.reason);
  t.same(reasons, [undefined, undefined, 'HostnameTaken']);
  t.match(judgeHostname('shop.com', 'acme', cache), { challenge: { name: '_wcp360-challenge.shop.com' } });
  t.end();
});

void t.test('the record of a name is one for each tenant and registered name', (t) => {
  const value = (hostname: string, uid: string) => challengeOf(hostname, uid).value;
  t.match(value('shop.co.uk', 'u1'), /^token=[0-9a-f]{32}$/);
  t.equal(value('a.b.shop.co.uk', 'u1'), value('*.shop.co.uk', 'u1'));
  t.not(value('shop.co.uk', 'u1'), value('shop.co.uk', 'u2'));
  t.not(value('shop.co.uk', 'u1'), value('store.co.uk', 'u1'));
  const places = ['shop.co.uk', '*.a.shop.co.uk', 'me.github.io', '7.0.193.in-addr.arpa'].map((name) =>
    recordNamesFor(name, baseOf(name)),
  );
  t.same(places, [
    ['_wcp360-challenge.shop.co.uk'],
    ['_wcp360-challenge.shop.co.uk', '_wcp360-challenge.a.shop.co.uk'],
    ['_wcp360-challenge.me.github.io'],
    ['_wcp360-challenge.7.0.193.in-addr.arpa'],
  ]);
  t.end();
});

void t.test('names that are never shown are looked at every few hours, those that are new every few seconds', (t) => {
  const looksWithin = (ms: number, seed: string): number => {
    let [count, at] = [0, 0];
    for (; at < ms; count += 1) at += lookPauseMs(at, `${seed}/${count}`);
    return count;
  };
  const hour = 3_600_000;
  fc.assert(
    fc.property(fc.string(), (seed) => {
      const [first, week] = [looksWithin(hour, seed), looksWithin(7 * 24 * hour, seed)];
      return first >= 10 && first <= 18 && week - first >= 20 && week - first <= 40;
    }),
  );
  t.end();
});

void t.test('a proxy target is what the package allows, and nothing near it', async (t) => {
  const around = (targets: readonly { cidr: string; ports: number | string }[]) => ({
    tenant: 'acme',
    accountId: 20_000,
    root: '/srv/wcp360',
    capabilities: {},
    effective: { proxyTargets: targets },
  });
  const answer = (proxy: object, targets: readonly { cidr: string; ports: number | string }[]): string | undefined => {
    const target = proxyTargetOf(aDomain({ spec: { proxy } }), around(targets));
    return 'reason' in target ? target.reason : undefined;
  };
  const local = [{ cidr: '127.0.0.1/32', ports: '3000-3999' }];
  t.equal(answer({ url: 'http://127.0.0.1:3000' }, local), undefined);
  for (const url of [
    'http://127.0.0.1:2999',
    'http://127.0.0.1:4000',
    'http://127.0.0.2:3000',
    'http://[::1]:3000',
    'http://127.0.0.1',
    'http://169.254.169.254:3000',
  ]) {
    t.equal(answer({ url }, local), 'ProxyTargetNotAllowed', url);
  }
  t.equal(answer({ url: 'http://127.0.0.1:3000' }, [{ cidr: '127.0.0.1/32', ports: 3000 }]), undefined, 'one port');
  t.equal(answer({ url: 'http://127.0.0.1:3000' }, []), 'ProxyTargetNotAllowed');
  t.equal(answer({ url: 'http://backend.internal:3000' }, local), undefined, 'a name is compared where it is resolved');
  t.equal(answer({ url: 'http://backend.internal:22' }, local), 'ProxyTargetNotAllowed');
  t.equal(answer({ socket: 'run/app.sock' }, []), undefined);
  t.equal(answer({ socket: `run/${'a'.repeat(70)}` }, []), 'SocketPathTooLong');
});

void t.test('php.ini’s sizes are read as PHP reads them', async (t) => {
  t.equal(phpBytes('256M'), 268_435_456);
  t.equal(phpBytes('1g'), 1_073_741_824);
  t.equal(phpBytes('1024'), 1024);
  t.equal(phpBytes('-1'), Number.POSITIVE_INFINITY, 'without limit');
  t.equal(phpBytes('lots'), Number.POSITIVE_INFINITY);
});

void t.test('names of pools are short, and as different as the Domains', async (t) => {
  const named = (namespace: string, name: string): string => poolNameOf(aDomain({ metadata: { namespace, name } }));
  t.equal(named('acme', 'shop'), 'acme.shop');
  const long = named('a'.repeat(32), `${'b'.repeat(60)}-1`);
  t.ok(long.length <= 72);
  t.not(long, named('a'.repeat(32), `${'b'.repeat(60)}-2`));
});

const holding = (held: Readonly<Record<string, readonly number[]>>, name = 'web1'): KubeObject => {
  const heldUids = Object.entries(held).flatMap(([tenant, uids]) => uids.map((uid) => ({ tenant, uid })));
  return aHost({ metadata: { name }, status: { capabilities: { heldUids } } });
};
const unplaced = (name: string, status: object = {}): Tenant =>
  aTenant({ metadata: { name }, status: { host: undefined, uid: undefined, ...status } });

void t.test('a tenant has the number that it claimed, that its files carry, that it had, or a free one', async (t) => {
  const acme = unplaced('acme');
  const asked = (world: readonly KubeObject[], tenant = acme): unknown =>
    uidOf(tenant, aCache([tenant, ...world], allIndexes));
  const free = (number: number): object => ({ number, isClaimed: false });
  const { number: first } = asked([]) as { readonly number: number };
  t.ok(isAccountUid(first));
  t.same(asked([]), free(first), 'the same whenever it is asked');
  t.same(asked([aUidClaim(20_005, 'acme')]), { number: 20_005, isClaimed: true });
  t.same(asked([holding({ acme: [20_007] })]), free(20_007));
  t.same(asked([], unplaced('acme', { uid: 20_009 })), free(20_009), 'its claim was lost');
  t.same(asked([holding({ acme: [20_007] })], unplaced('acme', { uid: 20_009 })), free(20_007));
  t.same(asked([holding({ acme: [20_007] }), aUidClaim(20_007, 'other'), aTenant({ metadata: { name: 'other' } })]), {
    pending: { reason: 'UidClaiming', message: 'Another tenant gives back the user id that the tenant’s files carry.' },
  });
  const taken = aHost({ status: { capabilities: { takenUids: [first] } } });
  t.same(
    asked([taken, aUidClaim(first + 1, 'other'), holding({ kept: [first + 2] }, 'web2')]),
    free(first + 3),
    'a machine’s own, a claimed and a held one are passed over',
  );
  const everyClaimed = { ...aCache([], allIndexes), get: () => aUidClaim(20_000, 'other') as never };
  t.match(uidOf(acme, everyClaimed), { pending: { reason: 'UidsExhausted' } });
});

void t.test('a claim goes back when files say otherwise and nothing can have been made under it', async (t) => {
  const keptOn = (host: string): KubeObject => aRetainedData({ spec: { host } });
  const isMistakenIn = (world: readonly KubeObject[], status: object = {}): boolean =>
    isMistaken(aUidClaim(20_000, 'acme'), aCache([unplaced('acme', status), ...world], allIndexes));
  const cases: readonly (readonly [why: string, isIt: boolean, world: readonly KubeObject[], status?: object])[] = [
    ['nobody holds anything', false, [holding({})]],
    ['its files carry another number', true, [holding({ acme: [20_001] })]],
    ['… which somebody else has', false, [holding({ acme: [20_001] }), aUidClaim(20_001, 'other')]],
    ['… which files of another carry elsewhere', false, [holding({ acme: [20_001] }), holding({ zoo: [20_001] }, 'b')]],
    ['files of another carry it', true, [holding({ zoo: [20_000] })]],
    ['… and its own, too', false, [holding({ zoo: [20_000], acme: [20_000] })]],
    ['some of its files carry it', false, [holding({ acme: [20_000, 20_001] })]],
    ['data of it is kept under it elsewhere', false, [holding({ acme: [20_001] }), keptOn('web2')]],
    ['… on the host that says so', true, [holding({ acme: [20_001] }), keptOn('web1')]],
    ['it is on the host that says so', true, [holding({ acme: [20_001] })], { host: 'web1' }],
    ['it is on another host', false, [holding({ acme: [20_001] })], { host: 'web2' }],
  ];
  for (const [why, isIt, world, status] of cases) t.equal(isMistakenIn(world, status), isIt, why);
  const deleting = { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['x.example/y'] } };
  const leaving = [aTenant(deleting), holding({ acme: [20_001] })];
  t.notOk(isMistaken(aUidClaim(20_000, 'acme'), aCache(leaving, allIndexes)), 'who is leaving keeps it to the end');
});

void t.test(
  'of a Domain that is deleted with its files no host keeps any; those of an earlier one of its name stay',
  (t) => {
    const keptOf = (uid: string, host: string, over: object = {}): KubeObject =>
      aRetainedData({
        metadata: { name: `domain.acme.shop.${uid}.${host}`, uid: `of-${uid}`, ...over },
        spec: { host },
      });
    const deleted = { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['x.example/y'] };
    const world = [keptOf('d-1', 'web1'), keptOf('d-1', 'web2', deleted), keptOf('d-0', 'web1')];
    const driver = createLeftoversDriver();
    const owner = { kind: 'Domain', namespace: 'acme', name: 'shop', uid: 'd-1' };
    const found = driver.of(owner, aCache(world, allIndexes));
    t.match(driver.plan(owner, leftoversGo, found), [{ input: { name: 'domain.acme.shop.d-1.web1', uid: 'of-d-1' } }]);
    t.same(driver.plan(owner, leftoversStay, found), []);
    t.end();
  },
);

interface Candidate {
  readonly name: string;
  readonly carries: number;
  readonly isHeld: boolean;
  readonly isPlaced: boolean;
}

/** The claims (number → tenant) after the leader has looked at each of them and at each tenant once. */
function claimsAfter(before: ReadonlyMap<number, string>, candidates: readonly Candidate[]): Map<number, string> {
  const held = Object.fromEntries(
    candidates.filter(({ isHeld }) => isHeld).map(({ name, carries }) => [name, [carries]]),
  );
  const tenants = candidates.map(({ name, isHeld, isPlaced }) =>
    unplaced(name, isHeld && isPlaced ? { host: 'web1' } : {}),
  );
  const claims = [...before].map(([uid, name]) => aUidClaim(uid, name));
  const cache = aCache([...tenants, ...claims, holding(held)], allIndexes);
  const after = new Map([...before].filter((_, index) => !isMistaken(required(claims[index], 'the claim'), cache)));
  for (const tenant of tenants) {
    const uid = uidOf(tenant, cache);
    if ('number' in uid && !uid.isClaimed && !after.has(uid.number)) after.set(uid.number, tenant.metadata.name);
  }
  return after;
}

void t.test(
  'whoever claimed what before hosts could tell, everybody ends with the number of the own files',
  async () => {
    const numbers = fc.shuffledSubarray([20_000, 20_001, 20_002, 20_003, 20_004], { minLength: 5 });
    const facts = fc.record({ isHeld: fc.boolean(), isPlaced: fc.boolean(), isEarly: fc.boolean() });
    const all = fc.array(facts, { minLength: 5, maxLength: 5 });
    const isRight = (
      carried: readonly number[],
      claimed: readonly number[],
      known: readonly (Omit<Candidate, 'name' | 'carries'> & { isEarly: boolean })[],
    ): boolean => {
      const candidates = known.map((each, index) => ({
        ...each,
        name: `tenant${index}`,
        carries: carried[index] ?? 0,
      }));
      const early = candidates.flatMap(({ isEarly, name }, index) =>
        isEarly ? [[claimed[index] ?? 0, name] as const] : [],
      );
      let claims = new Map(early);
      for (let round = 0; round < 10; round += 1) claims = claimsAfter(claims, candidates);
      const own = new Map([...claims].map(([uid, name]) => [name, uid]));
      return (
        own.size === 5 &&
        claims.size === 5 &&
        candidates.every(({ isHeld, name, carries }) => !isHeld || own.get(name) === carries)
      );
    };
    fc.assert(fc.property(numbers, numbers, all, isRight));
  },
);

void t.test(
  'a host tells of tenants whose files carry what the store does not say, and of who shares with them',
  async (t) => {
    const stated = statedUids(
      'web1',
      aCache([aTenant(), unplaced('new'), aRetainedData({ spec: { tenantRef: { name: 'gone' }, userId: 20_001 } })]),
    );
    const told = (carried: Readonly<Record<string, readonly number[]>>): readonly string[] =>
      heldUids(new Map(Object.entries(carried)), stated).map(({ tenant, uid }) => `${tenant} ${uid}`);
    t.same(told({ acme: [20_000], gone: [20_001] }), []);
    t.same(told({ acme: [20_002], gone: [20_001] }), ['acme 20002']);
    t.same(told({ acme: [20_002, 20_000] }), ['acme 20000', 'acme 20002']);
    t.same(told({ zoo: [20_000], acme: [20_000] }), ['acme 20000', 'zoo 20000']);
    t.same(told({ zoo: [20_009], new: [20_008] }), ['new 20008', 'zoo 20009']);
    const many = Object.fromEntries(Array.from({ length: 20_001 }, (_, index) => [`t${index}`, [index]]));
    t.equal(told(many).length, 20_000, 'an object holds no more');
    const [one, two] = [
      { tenant: 'acme', uid: 20_000 },
      { tenant: 'zoo', uid: 20_001 },
    ];
    t.ok(isUrgent([], undefined), 'the first word');
    t.ok(isUrgent([], [one]), 'the last one');
    t.ok(isUrgent([one, two], [one]), 'a number that nobody was warned of');
    t.notOk(isUrgent([one], [one, two]), 'what is over can wait');
    t.notOk(isUrgent([], []));
  },
);

void t.test('an agent is silent by what it does not write, whatever its clock says', async (t) => {
  let uptime = 5_000;
  const heartbeats = createHeartbeats(() => uptime);
  const lease = (holderIdentity: string, renewTime: string): KubeObject => ({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'host-web1', namespace: 'wcp360-system' },
    spec: { holderIdentity, renewTime },
  });
  t.same(heartbeats.of(lease('a', '1970-01-01T00:00:00Z')), { holder: 'a', silentMs: 0 }, 'the first look');
  uptime += 30_000;
  t.same(heartbeats.of(lease('a', '1970-01-01T00:00:00Z')), { holder: 'a', silentMs: 30_000 });
  t.same(heartbeats.of(lease('a', '1970-01-01T00:00:10Z')), { holder: 'a', silentMs: 0 }, 'years behind, and alive');
  uptime += 1_000;
  t.same(heartbeats.of(lease('b', '1970-01-01T00:00:10Z')), { holder: 'b', silentMs: 0 }, 'another holder');
  t.same(heartbeats.of({ ...lease('', ''), spec: {} }), { holder: '', silentMs: 0 });
});

void t.test('equal facts of a host give an equal status', async (t) => {
  const facts: HostFacts = {
    name: 'web1',
    root: '/srv/wcp360',
    agentVersion: '1',
    capabilities: {
      phpVersions: ['8.2'],
      nginxVersion: '1.22.1',
      http3: false,
      adminer: false,
      powerdns: undefined,
      mariadb: undefined,
      postgresql: undefined,
      takenUids: new Set([1000, 20_001, 20_000]),
      size: { processors: 2, memoryBytes: 3 * 2 ** 30, storageBytes: 10 * 2 ** 30 },
      front: { user: 'www-data', uid: 33, gid: 33 },
    },
    postgresql: { version: '15', lacks: 'postgresql-15' },
    services: { manager: 'supervisor', limitsEnforced: false },
    ...{ dns: undefined, httpsPort: 0, http3: false, hasAccounts: false },
    takenNames: ['www-data', 'root', 'root'],
  };
  const first = hostStatus(facts, undefined, '2026-01-01T00:00:00Z');
  const again = hostStatus(facts, aHost({ status: first as never }), '2026-02-02T00:00:00Z');
  t.same(again, first);
  t.match(first, { capacity: { cpu: '2', memory: '3Gi', storage: '10Gi' } });
  t.same(first.capabilities?.databases, [{ engine: 'PostgreSQL', version: '15', lacks: 'postgresql-15' }]);
  t.match(first, { capabilities: { takenUids: [20_000, 20_001], takenNames: ['root', 'www-data'] } });
});

void t.test(
  'what a deleted Database leaves is kept as long as it says, and is its own of that server alone',
  async (t) => {
    const metadata = { name: 'shop', namespace: 'acme', uid: 'u1', deletionTimestamp: '2026-01-01T00:00:00Z' };
    const deleted = (spec: object): Database =>
      anObject(databaseKind, { metadata, spec: { engine: 'PostgreSQL', ...spec } });
    const end = (spec: object): string | undefined =>
      (retainedDatabaseOf(deleted(spec), 'web1', {}) as RetainedData).spec.expiresAt;
    t.equal(end({}), undefined, 'for ever');
    t.equal(end({ deletionPolicy: 'Delete' }), '2026-01-02T00:00:00Z', 'time to notice that it was a mistake');
    t.equal(end({ retainFor: '2h' }), '2026-01-01T02:00:00Z');
    t.equal(end({ deletionPolicy: 'Delete', retainFor: '0s' }), '2026-01-01T00:00:00Z');
    const kept = retainedDatabaseOf(deleted({}), 'web1', {});
    const cache = aCache([kept, aRetainedData()], allIndexes);
    t.same(keptOfDatabase(deleted({}), undefined, cache), [kept]);
    t.same(keptOfDatabase(deleted({ engine: 'MariaDB' }), undefined, cache), [], 'another server’s');
    t.same(keptOfDatabase(deleted({}), 'main', cache), [], 'nor that of one elsewhere');
    const fileOf = (place: Elsewhere) =>
      (retainedDatabaseOf(deleted({ deletionPolicy: 'Snapshot' }), 'web1', place) as RetainedData).spec.database
        ?.dumpPath;
    const files = [fileOf({}), fileOf({ elsewhere: 'main' }), fileOf({ elsewhere: 'other' })];
    t.equal(new Set(files).size, 3, 'each server has files of its own');
    t.ok(keeperOf(deleted({}), 'web1').startsWith(keepersOf(deleted({}))), 'any life of the name is its heir');
  },
);
