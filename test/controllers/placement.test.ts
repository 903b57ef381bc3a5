import t from 'tap';
import { hostHolders, toldPlace } from '#controllers/host-holders.ts';
import { placeOf } from '#controllers/place.ts';
import { createChoices } from '#controllers/tenant/cluster/choices.ts';
import type { Placing } from '#controllers/tenant/cluster/choose-host.ts';
import { placementOf } from '#controllers/tenant/cluster/placement.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { databaseKind, type Tenant } from '#schemas/index.ts';
import { aCache } from '#test/builders/cache.ts';
import { allIndexes } from '#test/builders/controllers.ts';
import { aDomain, aHost, anObject, aTenant } from '#test/builders/objects.ts';

const nowhere = (over: object = {}): Tenant => aTenant({ ...over, status: { host: undefined } });
const web = (name: string, over: object = {}): KubeObject =>
  aHost({ metadata: { name, labels: { disk: name === 'web2' ? 'ssd' : 'hdd' } }, ...over });
const placed = (tenant: Tenant, world: readonly KubeObject[]): ReturnType<typeof placementOf> =>
  placementOf(tenant, placing([tenant, ...world], tenant));
const placing = (objects: readonly KubeObject[], tenant: Tenant, choices = createChoices()): Placing => ({
  effective: tenant.status?.effective ?? {},
  cache: aCache(objects, allIndexes),
  choices,
});

void t.test('a tenant goes to the host that takes it and is least crowded, and stays there', async (t) => {
  const other = aTenant({ metadata: { name: 'other' } });
  const chosen = (hosts: readonly KubeObject[], of = nowhere()): string | undefined => {
    const { host, nextHost } = placed(of, [...hosts, other]);
    return host ?? nextHost;
  };
  t.equal(chosen([web('web1'), web('web2')]), 'web2', 'web1 has one already');
  t.equal(chosen([web('web1'), web('web2', { spec: { unschedulable: true } })]), 'web1');
  t.equal(chosen([web('web2', { status: { conditions: [] } })]), undefined, 'not ready');
  t.equal(chosen([web('web1', { status: { capabilities: { heldUids: undefined } } })]), undefined, 'not looked yet');
  t.equal(
    chosen([web('web1', { status: { capabilities: { heldUids: [{ tenant: 'acme', uid: 20_001 }] } } }), web('web2')]),
    'web1',
    'where its files are',
  );
  t.equal(
    chosen([web('web1', { status: { capabilities: { takenNames: ['acme'] } } })]),
    undefined,
    'the name is an account there',
  );
  t.equal(
    chosen([web('web1', { status: { capabilities: { takenUids: [20_000] } } })]),
    undefined,
    'its number is an account there',
  );
  t.equal(chosen([web('web1', { spec: { lost: true } })]), undefined, 'gone for good');
  t.equal(
    chosen(
      [
        web('web1', { status: { capacity: { memory: '64Gi' } } }),
        web('web2', { status: { capacity: { memory: '1Gi' } } }),
      ],
      nowhere(),
    ),
    'web2',
    'an empty one before one with a tenant, however large',
  );
  const twoThere = [
    aTenant({ metadata: { name: 'b' }, status: { host: 'web2' } }),
    web('web2', { status: { capacity: { memory: '1Gi' } } }),
  ];
  t.equal(
    chosen([web('web1', { status: { capacity: { memory: '64Gi' } } }), ...twoThere]),
    'web1',
    'where each has one, the larger',
  );
  const ssd = nowhere({ spec: { placement: { hostSelector: { matchLabels: { disk: 'ssd' } } } } });
  t.equal(chosen([web('web1')], ssd), undefined);
  t.equal(
    chosen([web('web2', { spec: { unschedulable: true } })], aTenant({ status: { host: 'web2' } })),
    'web2',
    'those that are there stay',
  );
});

void t.test(
  'a host is a tenant’s once its agent has been given the tenant, and what is chosen stays chosen',
  async (t) => {
    const hosts = [web('web1'), web('web2')];
    const { nextHost = '' } = placed(nowhere(), hosts);
    t.match(nextHost, /^web[12]$/);
    const other = nextHost === 'web1' ? 'web2' : 'web1';
    const chosen = aTenant({ status: { host: undefined, nextHost: other } });
    t.same(placed(chosen, hosts), { nextHost: other }, 'whatever would be chosen anew');
    t.same(placed(chosen, [...hosts, roleOf(nextHost, 'tenants', 'acme')]), { nextHost: other }, 'given to another');
    t.same(
      placed(chosen, [...hosts, roleOf(other, 'retaineddata', 'acme')]),
      { nextHost: other },
      'given something else',
    );
    t.same(placed(chosen, [...hosts, roleOf(other, 'tenants', 'acme')]), { host: other });
    t.same(
      placed(chosen, [web(nextHost), web(other, { spec: { unschedulable: true } })]),
      { nextHost },
      'one that takes no more is left for another',
    );
  },
);

void t.test('limits of all tenants together stay within what a host may promise', async (t) => {
  const limited = (name: string, host: string | undefined, limits: object): Tenant =>
    aTenant({ metadata: { name }, status: { host, effective: { limits } } });
  const newcomer = limited('acme', undefined, { memory: '2Gi', cpu: '500m' });
  const there = [limited('a', 'web1', { memory: '1Gi', cpu: '1' }), limited('b', 'web1', {})];
  const fits = (capacity: object): boolean =>
    placed(newcomer, [...there, web('web1', { spec: { capacity } })]).nextHost === 'web1';
  t.ok(fits({}));
  t.ok(fits({ tenants: 3 }));
  t.notOk(fits({ tenants: 2 }));
  t.ok(fits({ memory: '3Gi' }));
  t.notOk(fits({ memory: '3071Mi' }));
  t.ok(fits({ cpu: '1500m' }));
  t.notOk(fits({ cpu: '1499m', memory: '1Ti' }));
});

void t.test(
  'tenants that come at once are spread over equal hosts, and none moves when hosts or tenants come and go',
  async (t) => {
    const hosts = ['web1', 'web2', 'web3', 'web4'].map((name) => web(name));
    const names = Array.from({ length: 400 }, (_, index) => `tenant-${index}`);
    const atOnce = names.map((name) => placed(nowhere({ metadata: { name } }), hosts).nextHost);
    for (const { metadata } of hosts) {
      const share = atOnce.filter((host) => host === metadata.name).length;
      t.ok(share > 60 && share < 140, `${metadata.name}: ${share}`);
    }
    const settled = names.map((name, at) => aTenant({ metadata: { name }, status: { host: atOnce[at] } }));
    const later = [...settled.slice(200), ...hosts, web('web5')];
    t.same(
      settled.slice(200).map((tenant) => placed(tenant, later).host),
      atOnce.slice(200),
    );
  },
);

void t.test('tenants of a lost host go elsewhere, those of a silent one stay', async (t) => {
  const silent = {
    conditions: [
      {
        type: 'Ready',
        status: 'Unknown',
        reason: 'AgentSilent',
        message: 'x',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      },
    ],
  };
  t.same(placed(aTenant(), [web('web1', { status: silent }), web('web2')]), { host: 'web1', isHostSilent: true });
  t.same(placed(aTenant(), [web('web1', { spec: { lost: true } }), web('web2')]), { nextHost: 'web2' });
  t.same(placed(aTenant(), [web('web2')]), { host: 'web1' }, 'a Host that nobody knows may be declared again');
});

const roleOf = (host: string, plural: string, name: string): KubeObject =>
  ({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: `wcp360-host:${host}` },
    rules: [{ apiGroups: ['hosting.wcp360.io'], resources: [plural], resourceNames: [name], verbs: ['patch'] }],
  }) as KubeObject;

const arrival = (reason: string, status = 'False'): object => ({
  conditions: [{ type: 'NextHostReady', status, reason, message: 'so', lastTransitionTime: '2026-01-01T00:00:00Z' }],
});
const ready = arrival('Arrived', 'True');
const held = (...agents: readonly string[]): object => ({
  finalizers: agents.map((agent) => `hosting.wcp360.io/${agent}`),
});

void t.test(
  'a tenant moves step by step, each when every one of its Domains is ready for it, and never by itself',
  async (t) => {
    const drained = web('web1', { spec: { drain: true, unschedulable: true } });
    const silent = web('web2', {
      status: {
        conditions: [
          {
            type: 'Ready',
            status: 'Unknown',
            reason: 'AgentSilent',
            message: 'so',
            lastTransitionTime: '2026-01-01T00:00:00Z',
          },
        ],
      },
    });
    const given = roleOf('web2', 'tenants', 'acme');
    const moving = (status: object, metadata: object = held('next-host')): Tenant =>
      aTenant({ metadata, status: { nextHost: 'web2', ...ready, ...status } });
    const domain = (name: string, status: object): KubeObject =>
      aDomain({ metadata: { name }, status: { nextHost: 'web2', ...status } });
    const two = (...[a, b]: readonly [object, object]): readonly KubeObject[] => [domain('a', a), domain('b', b)];
    const step = (tenant: Tenant, ...world: readonly KubeObject[]): object => {
      const { move: _told, isHostSilent: _silent, ...place } = placed(tenant, world);
      return place;
    };
    const stays = { host: 'web1' };
    const goes = { host: 'web1', nextHost: 'web2' };
    t.same(step(aTenant(), web('web1'), web('web2')), stays, 'nobody asked');
    t.same(step(aTenant(), web('web1', { spec: { unschedulable: true } }), web('web2')), stays, 'cordoned only');
    t.same(step(aTenant(), drained, web('web2')), goes, 'its host is emptied');
    t.same(step(aTenant(), drained), stays, 'and there is no other');
    t.same(step(aTenant({ spec: { placement: { host: 'web2' } } }), web('web1'), web('web2'), web('web3')), goes);
    t.same(
      step(aTenant({ spec: { placement: { host: 'web2' } } }), web('web1'), web('web3'), silent),
      stays,
      'where it belongs does not take it',
    );
    const chosen = moving({ moving: undefined }, {});
    t.same(step(chosen, drained, web('web2')), goes, 'the agent may not write it yet');
    t.same(step(chosen, drained, web('web2'), given), { ...goes, moving: 'Copying' });
    t.same(step(chosen, web('web1'), web('web2'), given), stays, 'nobody asks any more, and nothing was begun');
    const copying = { moving: 'Copying', ...arrival('Copied') };
    const database = (host: string): KubeObject =>
      anObject(databaseKind, {
        metadata: { namespace: 'acme', name: 'shop' },
        spec: { engine: 'MariaDB' },
        status: { host },
      });
    t.same(step(aTenant(), drained, web('web2'), database('web1')), stays, 'a Database is there');
    t.match(placed(aTenant(), [drained, web('web2'), database('web1')]), { move: { reason: 'DatabaseStays' } });
    t.same(step(aTenant(), drained, web('web2'), database('web3')), goes, 'one elsewhere is nothing to it');
    t.same(
      step(moving(copying), drained, web('web2'), given, database('web1')),
      { ...goes, moving: 'Undoing' },
      'one that was made on the way',
    );
    const still = { moving: 'Stilling', readOnly: true, ...arrival('Copied') };
    const last = { moving: 'LastCopy', readOnly: true, ...ready };
    const cases: readonly (readonly [why: string, moving: string, a: object, b: object, next: object])[] = [
      ['all are copied', 'Copying', copying, copying, { ...goes, moving: 'Stilling' }],
      ['one is not', 'Copying', copying, { moving: 'Copying', ...arrival('Copying') }, { ...goes, moving: 'Copying' }],
      ['one was not told yet', 'Copying', copying, { ...arrival('Copied') }, { ...goes, moving: 'Copying' }],
      ['one is still read-only', 'Copying', copying, { ...copying, readOnly: true }, { ...goes, moving: 'Copying' }],
      [
        'one waits to be taken down',
        'Copying',
        copying,
        { ...copying, host: undefined },
        { ...goes, moving: 'Stilling' },
      ],
      ['all are read-only', 'Stilling', still, still, { ...goes, moving: 'LastCopy' }],
      ['one may be written', 'Stilling', still, { ...still, readOnly: undefined }, { ...goes, moving: 'Stilling' }],
      ['all would be served', 'LastCopy', last, last, { host: 'web2', formerHost: 'web1' }],
      ['one would not', 'LastCopy', last, { ...last, ...arrival('ProbeFailed') }, { ...goes, moving: 'LastCopy' }],
      ['a copy failed', 'LastCopy', last, { ...last, ...arrival('CopyFailed') }, { ...goes, moving: 'Copying' }],
      [
        'a copy failed at once',
        'Stilling',
        still,
        { ...still, ...arrival('CopyFailed') },
        { ...goes, moving: 'Copying' },
      ],
    ];
    for (const [why, phase, a, b, next] of cases)
      t.same(step(moving({ moving: phase }), drained, web('web2'), given, ...two(a, b)), next, why);
    t.same(
      step(moving({ moving: 'LastCopy' }), drained, silent, ...two(last, last)),
      { ...goes, moving: 'Copying' },
      'nobody stays read-only for one who is silent',
    );
    t.same(
      step(moving({ moving: 'LastCopy', conditions: [] }), drained, web('web2'), ...two(last, last)),
      { ...goes, moving: 'LastCopy' },
      'the account is not made yet',
    );
    for (const phase of ['Copying', 'Stilling', 'LastCopy', 'Undoing'])
      t.same(
        step(moving({ moving: phase }), web('web1'), web('web2'), ...two(last, last)),
        { ...goes, moving: 'Undoing' },
        `called off while ${phase}`,
      );
    t.same(step(moving({ moving: 'Undoing' }, held('host')), drained, web('web2')), stays, 'nothing is left there');
    t.same(
      step(moving({ moving: 'LastCopy' }), drained, web('web2', { spec: { lost: true } }), ...two(last, last)),
      stays,
      'the next host is lost',
    );
    const left = { host: 'web2', nextHost: undefined, formerHost: 'web1' };
    t.same(
      step(moving(left, held('former-host')), drained, web('web2', { spec: { drain: true } }), web('web3')),
      { host: 'web2', formerHost: 'web1' },
      'one move after the other',
    );
    t.same(step(moving(left, held('host')), drained, web('web2')), { host: 'web2' }, 'nothing is left on the former');
    t.same(
      step(moving(left, held('former-host')), web('web1', { spec: { lost: true } }), web('web2')),
      { host: 'web2' },
      'nobody waits for one that is lost',
    );
  },
);

void t.test(
  'of a host that is emptied a few move at once, and who is chosen counts before the cache shows it',
  async (t) => {
    const hosts = [
      web('web1', { spec: { drain: true } }),
      web('web2', { spec: { capacity: { tenants: 3 } } }),
      web('web3'),
    ];
    const tenants = Array.from({ length: 9 }, (_, at) => aTenant({ metadata: { name: `t${at}` } }));
    const choices = createChoices();
    const places = tenants.map((tenant) => placementOf(tenant, placing([...tenants, ...hosts], tenant, choices)));
    const goingTo = (name: string): number => places.filter(({ nextHost }) => nextHost === name).length;
    t.equal(goingTo('web2') + goingTo('web3'), 4);
    t.equal(places.filter(({ move }) => move?.reason === 'Queued').length, 5);
    const small = web('web2', { spec: { capacity: { tenants: 3 } } });
    const newcomers = Array.from({ length: 9 }, (_, at) => nowhere({ metadata: { name: `n${at}` } }));
    const first = createChoices();
    const given = newcomers.map(
      (tenant) => placementOf(tenant, placing([...newcomers, small], tenant, first)).nextHost,
    );
    t.equal(given.filter((host) => host === 'web2').length, 3, 'a host is promised no more than it has');
    const again = newcomers.map(
      (tenant) => placementOf(tenant, placing([...newcomers, small], tenant, first)).nextHost,
    );
    t.same(again, given, 'and to the same ones');
  },
);

void t.test('a Domain follows its tenant, but what is deleted stays, and nobody waits for a lost host', async (t) => {
  const place = (
    tenant: object,
    domain: object,
    more: { readonly lost?: readonly string[]; readonly metadata?: object } = {},
  ): object => {
    const placing = { place: tenant, isBound: true, lostHosts: more.lost ?? [] };
    return placeOf(aDomain({ metadata: more.metadata ?? {}, status: { host: undefined, ...domain } }), placing);
  };
  const going = { host: 'web1', nextHost: 'web2', moving: 'LastCopy' };
  const moved = { host: 'web2', formerHost: 'web1' };
  const leaving = { deletionTimestamp: '2026-01-01T00:00:00Z', ...held('host', 'next-host') };
  t.same(place({ host: 'web1' }, {}), { host: 'web1' }, 'it comes');
  t.same(place(going, {}), going, 'it comes in the middle of a move');
  t.same(place({ host: 'web1', nextHost: 'web2' }, { host: 'web1' }), { host: 'web1' }, 'a host is chosen only');
  t.same(place(going, { host: 'web1' }), going);
  t.same(place({ ...going, moving: 'Undoing' }, going, { metadata: held('host') }), { host: 'web1' }, 'undone');
  t.same(place(moved, going), moved, 'it has moved');
  t.same(place(moved, going, { lost: ['web1'] }), { host: 'web2' }, 'from a host that is lost');
  t.same(place(moved, moved, { metadata: held('host', 'former-host') }), moved, 'something is left there');
  t.same(place(moved, moved, { metadata: held('host') }), { host: 'web2' });
  t.same(place(moved, moved, { metadata: held('host', 'former-host'), lost: ['web1'] }), { host: 'web2' });
  t.same(place({}, { host: 'web1' }), { host: 'web1' }, 'the tenant says nothing');
  t.same(place({}, { host: 'web1' }, { lost: ['web1'] }), {});
  t.same(place(moved, going, { metadata: leaving }), going, 'it is taken down where it is');
  t.same(place(moved, going, { metadata: leaving, lost: ['web1'] }), { nextHost: 'web2', moving: 'LastCopy' });
  t.same(place(moved, going, { metadata: leaving, lost: ['web2'] }), { host: 'web1' });
});

void t.test('an agent is meant when its finalizer is there, and a former host is told of only then', async (t) => {
  const going = { host: 'web1', nextHost: 'web2', moving: 'LastCopy' } as const;
  const moved = { host: 'web2', formerHost: 'web1' };
  const at = (status: object, ...agents: readonly string[]): Tenant =>
    aTenant({ metadata: held(...agents), status: { host: undefined, ...status } });
  const finalizers = (tenant: Tenant, place: object): object => {
    const { add, drop } = hostHolders(tenant, { isComing: true, ...place });
    const short = (all: readonly string[]): string => all.map((each) => each.split('/')[1]).join();
    return { add: short(add), drop: short(drop) };
  };
  t.same(finalizers(at({ host: 'web1' }), { host: 'web1' }), { add: 'host', drop: 'next-host,former-host' });
  t.same(finalizers(at({ host: 'web1' }), going), { add: 'host,next-host', drop: 'former-host' });
  t.same(finalizers(at(going), going), { add: 'host,next-host', drop: 'former-host' }, 'again when it was stripped');
  t.same(finalizers(at(going), { ...going, moving: 'Undoing' }), { add: 'host', drop: 'former-host' });
  t.same(finalizers(at(going), moved), { add: 'host,former-host', drop: '' });
  t.same(finalizers(at(moved), moved), { add: 'host', drop: 'next-host' }, 'never again: it is gone when it is done');
  t.same(toldPlace(at(going), moved), going, 'not before');
  t.same(toldPlace(at(going, 'former-host'), moved), moved);
  t.same(toldPlace(at(moved), moved), moved);
});
