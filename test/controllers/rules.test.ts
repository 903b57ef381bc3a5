import t from 'tap';
import fc from 'fast-check';
import { contains, parseAddress, parseNetwork } from '#controllers/domain/host/networks.ts';
import { phpBytes } from '#controllers/domain/host/php.ts';
import { poolNameOf } from '#controllers/domain/host/desired.ts';
import { proxyTargetOf } from '#controllers/domain/host/proxy.ts';
import { hostStatus, type HostFacts } from '#controllers/host/registration.ts';
import { ancestorsOf, isPublicSuffix } from '#controllers/hostname-claim/ancestors.ts';
import { hostnameClaimIndexes } from '#controllers/hostname-claim/indexes.ts';
import { judgeHostname } from '#controllers/hostname-claim/judge.ts';
import { chooseHost } from '#controllers/tenant/cluster/placement.ts';
import { uidOf } from '#controllers/tenant/cluster/uids.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { aCache } from '#test/builders/cache.ts';
import { allIndexes, controllers } from '#test/builders/controllers.ts';
import { aDomain, aHost, aHostnameClaim, aTenant, aUidClaim } from '#test/builders/objects.ts';

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

void t.test('a tenant keeps its number, and gets the same one again after a loss of the store', async (t) => {
  const cache = (...claims: readonly KubeObject[]) => aCache(claims, allIndexes);
  const first = uidOf('acme', () => false, cache());
  t.ok(first !== undefined && first.number >= 20_000 && first.number <= 59_999);
  t.same(
    uidOf('acme', () => false, cache()),
    first,
  );
  t.same(
    uidOf('acme', () => false, cache(aUidClaim(20_005, 'acme'))),
    { number: 20_005, isClaimed: true },
  );
  const next = uidOf('acme', (uid) => uid === first?.number, cache(aUidClaim(Number(first?.number) + 1, 'other')));
  t.equal(next?.number, Number(first?.number) + 2, 'what a host or another tenant has is passed over');
  t.equal(
    uidOf('acme', () => true, cache()),
    undefined,
  );
});

void t.test('a tenant goes to the host that takes it and has the fewest, and stays there', async (t) => {
  const tenant = aTenant({ status: { host: undefined } });
  const other = aTenant({ metadata: { name: 'other' } });
  const web = (name: string, over: object = {}) =>
    aHost({ metadata: { name, labels: { disk: name === 'web2' ? 'ssd' : 'hdd' } }, ...over });
  const chosen = (hosts: readonly KubeObject[], of = tenant): string | undefined =>
    chooseHost(of, aCache([...hosts, other], allIndexes));
  t.equal(chosen([web('web1'), web('web2')]), 'web2', 'web1 has one already');
  t.equal(chosen([web('web1'), web('web2', { spec: { unschedulable: true } })]), 'web1');
  t.equal(chosen([web('web2', { status: { conditions: [] } })]), undefined, 'not ready');
  t.equal(
    chosen([web('web1', { status: { capabilities: { takenNames: ['acme'] } } })]),
    undefined,
    'the name is an account there',
  );
  const ssd = aTenant({
    spec: { placement: { hostSelector: { matchLabels: { disk: 'ssd' } } } },
    status: { host: undefined },
  });
  t.equal(chosen([web('web1')], ssd), undefined);
  t.equal(
    chosen([web('web2', { spec: { unschedulable: true } })], aTenant({ status: { host: 'web2' } })),
    'web2',
    'those that are there stay',
  );
});

void t.test('equal facts of a host give an equal status', async (t) => {
  const facts: HostFacts = {
    name: 'web1',
    root: '/srv/wcp360',
    agentVersion: '1',
    capabilities: {
      phpVersions: ['8.2'],
      nginxVersion: '1.22.1',
      takenUids: new Set([1000, 20_001, 20_000]),
      front: { user: 'www-data', uid: 33, gid: 33 },
    },
    services: { manager: 'supervisor', limitsEnforced: false },
    hasAccounts: false,
    takenNames: ['www-data', 'root', 'root'],
  };
  const first = hostStatus(facts, undefined, '2026-01-01T00:00:00Z');
  const again = hostStatus(facts, aHost({ status: first as never }), '2026-02-02T00:00:00Z');
  t.same(again, first);
  t.match(first, { capabilities: { takenUids: [20_000, 20_001], takenNames: ['root', 'www-data'] } });
});
