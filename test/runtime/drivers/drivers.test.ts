import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import t from 'tap';
import { HostError, RefusedError } from '#runtime/base/errors.ts';
import { isEqual } from '#runtime/base/json.ts';
import { accountsDriver } from '#runtime/drivers/accounts/index.ts';
import { challengesDriver, createChallengesDriver, type ChallengeAnswer } from '#runtime/drivers/challenges/index.ts';
import { dumpIntake, type DumpForm } from '#runtime/drivers/databases/dump-intake.ts';
import { differenceOf, noted, readNoted } from '#runtime/drivers/databases/noted-contents.ts';
import type { Owner } from '#runtime/drivers/driver.ts';
import { mariadbDumps, ownMariadb } from '#runtime/drivers/mariadb/index.ts';
import { nginxDriver, ownersOf, type Site } from '#runtime/drivers/nginx/index.ts';
import { phpFpmDriver } from '#runtime/drivers/php-fpm/index.ts';
import { postgresqlDumps } from '#runtime/drivers/postgresql/index.ts';
import type { SecretReader } from '#runtime/drivers/secret-reader.ts';
import { slicesDriver } from '#runtime/drivers/slices/index.ts';
import { readCarriedUids, treeDriver, type Tree } from '#runtime/drivers/tree/index.ts';
import { createMemoryHost, type MemoryHost } from '#runtime/host/memory/memory-host.ts';
import { aPool, aSite } from '#test/builders/sites.ts';
import { createLabAuthority } from '#test/lab/pki.ts';
import { driverContract, reach } from '#test/contracts/driver.ts';
import { machineOfTest } from '#test/runtime/host/machines.ts';

const signal = new AbortController().signal;
const root = '/srv/wcp360';
const owner: Owner = { kind: 'Domain', namespace: 'acme', name: 'shop', uid: 'u1' };
const secrets = { read: async () => ({ auth: 'jane:$2y$05$abc\n', TOKEN: 'hidden' }) };

function machineWith(directories: readonly string[]): MemoryHost {
  const host = createMemoryHost({ accountsDirectory: '/var/lib/extrausers' });
  for (const path of directories) host.byHand(`${root}/${path}`, { type: 'directory', mode: 0o711 });
  return host;
}

const mark = ({ kind, namespace, name }: Owner): string => `${kind}/${namespace}/${name}`;

/** Holds a certificate for `name` and names of one label below it, whatever Secret is asked for. */
async function certificates(name: string): Promise<SecretReader> {
  const pair = await (await createLabAuthority()).site([name, `*.${name}`]);
  return { read: async () => ({ ...pair, auth: 'jane:$2y$05$abc\n' }) };
}

t.test('nginx keeps the contract of drivers', async (each) => {
  const own = await certificates('shop.acme.example');
  const others = await certificates('shop.zoo.example');
  const readers: SecretReader = {
    read: (namespace, name, reading) => (namespace === 'acme' ? own : others).read(namespace, name, reading),
  };
  await driverContract(each, {
    driver: nginxDriver,
    machine: () => {
      const host = machineWith(['front', 'front/sites', 'front/auth', 'front/tls']);
      return { host, world: { host, secrets: readers } };
    },
    states: (who) => {
      const site = (overrides: Partial<Site> = {}): Site =>
        aSite(root, { tenant: who.namespace, owner: mark(who), ...overrides });
      const secret = { namespace: who.namespace, name: 'staff', resourceVersion: '7' };
      const basicAuth = { realm: 'Staff', usersFile: `${root}/front/auth/any`, secret };
      const name = `${who.name}.${who.namespace}.example`;
      const tls = { secret, redirect: true };
      return [
        new Map([[name, site()]]),
        new Map([
          [name, site({ generation: 2, access: { allow: [], deny: [], basicAuth }, tls })],
          [`*.${name}`, site({ generation: 2, tls })],
        ]),
        new Map([[name, site()]]),
        new Map([[`www.${name}`, site({ generation: 3, headers: { 'X-A': 'b' }, tls })]]),
      ];
    },
  });
});

t.test('challenges keep the contract of drivers', async (each) => {
  await driverContract(each, {
    driver: createChallengesDriver(({ hostname }) => Promise.resolve({ certificate: hostname, key: hostname })),
    machine: () => {
      const host = machineWith(['front', 'front/challenges', 'front/handshakes']);
      return { host, world: { host } };
    },
    states: (who) => {
      const answer = {
        way: 'Path',
        hostname: `${who.name}.${who.namespace}.example`,
        keyAuthorization: 'token.thumbprint',
      } as const;
      const [first, second] = [`${who.namespace}-1`, `${who.namespace}_2`];
      return [
        new Map([[first, answer]]),
        new Map([
          [first, { ...answer, hostname: 'other.example' }],
          [second, answer],
        ]),
        new Map<string, ChallengeAnswer>([
          [first, { ...answer, way: 'Handshake', hostname: `handshake.${answer.hostname}` }],
          [second, answer],
        ]),
        new Map([[first, { ...answer, way: 'Handshake', hostname: `other.${answer.hostname}` }]]),
        new Map([[second, answer]]),
      ];
    },
  });
});

t.test('a challenge is a plain file of one owner, or refused before anything is written', async (each) => {
  const host = machineWith(['front', 'front/challenges', 'front/handshakes']);
  const world = { host };
  const answer = { way: 'Path', hostname: 'shop.example', keyAuthorization: 'token.thumbprint' } as const;
  const before = host.treeHash();
  const bad = [
    ['../../etc/passwd', answer],
    ['', answer],
    ['.', answer],
    ['a'.repeat(129), answer],
    ['token', { ...answer, hostname: '*.shop.example' }],
    ['token', { ...answer, keyAuthorization: '<script>' }],
    ['token', { ...answer, way: 'Handshake', hostname: '../sites/shop.example' }],
    ['../token', { ...answer, way: 'Handshake' }],
  ] as const;
  for (const [token, value] of bad) {
    await each.rejects(reach(challengesDriver, world, owner, new Map([[token, value]])), RefusedError, token);
  }
  each.equal(host.treeHash(), before);
  await reach(challengesDriver, world, owner, new Map([['token', answer]]));
  const thief: Owner = { kind: 'Challenge', namespace: 'zoo', name: 'thief', uid: 'u9' };
  await each.rejects(
    reach(challengesDriver, world, thief, new Map([['token', { ...answer, hostname: 'zoo.example' }]])),
    new RefusedError('ChallengeTaken', 'Another challenge has this token.'),
  );
  const shaking = { ...answer, way: 'Handshake' } as const;
  await reach(challengesDriver, world, owner, new Map([['token', shaking]]));
  const later = reach(challengesDriver, world, thief, new Map([['other', shaking]]));
  await each.rejects(later, HostError, 'a name is shown for one order at a time; the next one waits');
  const late = challengesDriver.plan(thief, challengesDriver.nothing, new Map([['token', shaking]]));
  for (const action of late) await challengesDriver.apply(action, world, signal);
  const snapshot = await challengesDriver.observe(world, signal);
  each.strictSame([...(challengesDriver.owners?.(snapshot) ?? [])], ['Domain/acme/shop']);
});

t.test('php-fpm keeps the contract of drivers', async (each) => {
  const shared = ['run', 'run/pools', 'run/php'];
  await driverContract(each, {
    driver: phpFpmDriver,
    machine: () => {
      const host = machineWith(['run']);
      return { host, world: { host, secrets } };
    },
    leftovers: shared.map((path) => `${root}/${path}`),
    states: (who) => {
      const name = `${who.namespace}.${who.name}`;
      const pool = aPool(root, { tenant: who.namespace, owner: mark(who) });
      const environmentFrom = [{ namespace: who.namespace, name: 'env', resourceVersion: '1' }];
      return [
        new Map([[name, pool]]),
        new Map([[name, { ...pool, children: 9, environmentFrom }]]),
        new Map([[`${name}.second`, pool]]),
      ];
    },
  });
});

t.test('tree keeps the contract of drivers', async (each) => {
  await driverContract(each, {
    driver: treeDriver,
    machine: () => {
      const host = machineWith([]);
      return { host, world: { host } };
    },
    leftovers: ['tenants', 'tenants/acme', 'tenants/acme/domains', 'state', 'state/tree'].map(
      (path) => `${root}/${path}`,
    ),
    // What is inside a tenant's directory is the tenant's: only the directory itself is corrected.
    states: (who) => [domainTree(who), domainTree(who, 0o2755)],
  });
});

t.test('accounts keep the contract of drivers', async (each) => {
  await driverContract(each, {
    driver: accountsDriver,
    machine: () => {
      const host = machineWith([]);
      for (const name of ['passwd', 'group', 'shadow'])
        host.byHand(`/var/lib/extrausers/${name}`, {
          type: 'file',
          mode: name === 'shadow' ? 0o640 : 0o644,
          content: '',
        });
      return { host, world: { host } };
    },
    leftovers: [],
    states: (who) => {
      const account = { uid: 20001, gid: 20001, home: `${root}/tenants/${who.namespace}` };
      return [new Map([[who.namespace, account]]), new Map([[who.namespace, { ...account, home: '/elsewhere' }]])];
    },
  });
});

t.test('slices keep the contract of drivers', async (each) => {
  await driverContract(each, {
    driver: slicesDriver,
    machine: () => {
      const host = machineWith([]);
      return { host, world: { host } };
    },
    states: (who) => {
      const name = `wcp360-${who.namespace === 'acme' ? 20_001 : 20_002}`;
      return [
        new Map([[name, { cpuMillicores: 1234, memoryBytes: 0, processes: 0 }]]),
        new Map([[name, { memoryBytes: 1024 }]]),
        new Map([
          [name, { processes: 7 }],
          [`${name}9`, { processes: 7 }],
        ]),
      ];
    },
  });
});

function domainTree(who: Owner, mode = 0o2750): Tree {
  const directory = `tenants/${who.namespace}/domains/${who.name}`;
  const own = { mode: 0o2750, uid: 20001, gid: 33 };
  return {
    directories: new Map([
      [directory, { ...own, mode }],
      [`${directory}/public`, own],
    ]),
    kept: new Map(),
  };
}

t.test(
  'a deleted domain’s files are kept where only root may enter, and come back with the same name',
  async (each) => {
    const host = machineWith([]);
    const world = { host };
    const place = `tenants/acme/domains/shop`;
    const kept: Tree = { directories: new Map(), kept: new Map([[place, 'kept/domain/acme/shop']]) };
    await reach(treeDriver, world, owner, domainTree(owner));
    host.byHand(`${root}/${place}/public/index.html`, { type: 'file', content: 'mine' });
    await reach(treeDriver, world, owner, kept);
    each.equal(await host.facts(`${root}/${place}`, signal), undefined);
    each.equal(await host.readText(`${root}/kept/domain/acme/shop/public/index.html`, signal), 'mine');
    each.match(await host.facts(`${root}/kept/domain/acme`, signal), { mode: 0o700, uid: 0 });
    await reach(treeDriver, world, owner, domainTree(owner));
    each.equal(await host.readText(`${root}/${place}/public/index.html`, signal), 'mine');
    each.strictSame(
      treeDriver.plan(owner, domainTree(owner), treeDriver.of(owner, await treeDriver.observe(world, signal))),
      [],
    );
  },
);

t.test('who merely wants files kept never moves them, and purges only what lies among the kept', async (each) => {
  const host = machineWith([]);
  const world = { host };
  const keeper: Owner = { kind: 'RetainedData', namespace: '', name: 'domain.acme.shop', uid: 'r' };
  const kept: Tree = {
    directories: new Map(),
    kept: new Map([['tenants/acme/domains/shop', 'kept/domain/acme/shop']]),
  };
  await reach(treeDriver, world, owner, domainTree(owner));
  await reach(treeDriver, world, keeper, kept);
  each.ok(await host.facts(`${root}/tenants/acme/domains/shop/public`, signal));
  await reach(treeDriver, world, owner, kept);
  each.ok(await host.facts(`${root}/kept/domain/acme/shop/public`, signal));
  await reach(treeDriver, world, keeper, treeDriver.nothing);
  each.equal(await host.facts(`${root}/kept/domain/acme/shop`, signal), undefined);
  await reach(treeDriver, world, owner, domainTree(owner));
  each.ok(await host.facts(`${root}/tenants/acme/domains/shop/public`, signal), 'a purged domain starts afresh');
});

t.test(
  'a document root that the tenant replaced by a link of its own is left alone; one that is missing is made by the tenant',
  async (each) => {
    const host = machineWith([]);
    const world = { host };
    const path = `${root}/tenants/acme/domains/shop/public`;
    await reach(treeDriver, world, owner, domainTree(owner));
    host.byHand(path, undefined);
    host.byHand(path, { type: 'symlink', content: 'releases/1', uid: 20001 });
    each.strictSame(await reach(treeDriver, world, owner, domainTree(owner)), []);
    host.byHand(path, undefined);
    each.equal((await reach(treeDriver, world, owner, domainTree(owner))).length, 1);
    each.match(await host.facts(path, signal), { type: 'directory', uid: 20001, gid: 33 });
  },
);

/** What a tenant has, and its sites, each of which is wanted or kept. */
function siteTree(tenant: string, uid: number, keptAt?: string): Tree {
  const place = `tenants/${tenant}/domains/shop`;
  if (keptAt !== undefined) return { directories: new Map(), kept: new Map([[place, keptAt]]) };
  const own = { mode: 0o2750, uid, gid: 33 };
  return { directories: new Map([place, `${place}/public`].map((path) => [path, own])), kept: new Map() };
}

t.test(
  'nothing is wanted for a tenant under one number while files carry another, or files of another this one',
  async (each) => {
    const host = machineWith([]);
    const world = { host };
    const zoo: Owner = { ...owner, namespace: 'zoo' };
    const conflict = async (desired: Tree): Promise<string | undefined> =>
      treeDriver.conflict?.(desired, await treeDriver.observe(world, signal))?.message;
    each.equal(await conflict(siteTree('acme', 20_001)), undefined);
    await reach(treeDriver, world, owner, siteTree('acme', 20_001));
    const whereabouts = [siteTree('acme', 20_001), siteTree('acme', 20_001, 'kept/domain/acme/shop/u1')];
    for (const there of whereabouts) {
      await reach(treeDriver, world, owner, there);
      each.equal(await conflict(siteTree('acme', 20_001)), undefined);
      each.match(
        await conflict(siteTree('acme', 20_002)),
        'Files of acme carry user id 20001 on this host, not 20002.',
      );
      each.match(await conflict(siteTree('zoo', 20_001)), 'Files of another tenant carry user id 20001 on this host.');
      each.equal(await conflict(siteTree('zoo', 20_002)), undefined);
    }
    each.equal(await conflict(treeDriver.nothing), undefined, 'what ends needs no number');
    await reach(treeDriver, world, zoo, siteTree('zoo', 20_002));
    each.strictSame(
      [...(await readCarriedUids(host, signal))],
      [
        ['acme', [20_001]],
        ['zoo', [20_002]],
      ],
    );
  },
);

t.test('a directory never passes to another number, even where nobody remembers whose it is', async (each) => {
  const host = machineWith([]);
  const world = { host };
  await reach(treeDriver, world, owner, siteTree('acme', 20_001));
  host.byHand(`${root}/state/tree`, undefined);
  const before = host.treeHash();
  await each.rejects(reach(treeDriver, world, owner, siteTree('acme', 20_002)), RefusedError);
  each.equal(host.treeHash(), before, 'not even a note is left');
  await reach(treeDriver, world, owner, siteTree('acme', 20_001));
});

t.test('which numbers are carried is known without looking, whatever was done', async () => {
  const numbers = { acme: 20_001, zoo: 20_002 };
  const step = fc.record({
    tenant: fc.constantFrom('acme' as const, 'zoo' as const),
    kind: fc.constantFrom('Domain', 'RetainedData'),
    act: fc.constantFrom('make', 'keep', 'end'),
  });
  const isKnown = async (
    steps: readonly (typeof step extends fc.Arbitrary<infer S> ? S : never)[],
  ): Promise<boolean> => {
    const host = machineWith([]);
    let snapshot = await treeDriver.observe({ host }, signal);
    for (const { tenant, kind, act } of steps) {
      const who: Owner = { kind, namespace: tenant, name: 'shop', uid: 'u' };
      const isKept = act === 'keep' || (act === 'make' && kind === 'RetainedData');
      const kept = isKept ? `kept/domain/${tenant}/shop` : undefined;
      const done = await reach(
        treeDriver,
        { host },
        who,
        act === 'end' ? treeDriver.nothing : siteTree(tenant, numbers[tenant], kept),
      );
      snapshot = treeDriver.advance?.(snapshot, done) ?? (await treeDriver.observe({ host }, signal));
    }
    const told = [...snapshot.carried.byTenant].map(([tenant, uids]) => [tenant, [...uids.keys()]] as const);
    return isEqual(Object.fromEntries(told), Object.fromEntries(await readCarriedUids(host, signal)));
  };
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 8 }), isKnown));
});

t.test('a record that another owner took over is not deleted by the first', async (each) => {
  const host = machineWith(['front', 'front/sites', 'front/auth']);
  const world = { host };
  const mine = new Map([['a.example', aSite(root)]]);
  await reach(nginxDriver, world, owner, mine);
  const late = nginxDriver.plan(owner, nginxDriver.nothing, mine);
  const next: Owner = { kind: 'Domain', namespace: 'zoo', name: 'a', uid: 'u9' };
  await reach(
    nginxDriver,
    world,
    next,
    new Map([['a.example', aSite(root, { owner: 'Domain/zoo/a', tenant: 'zoo' })]]),
  );
  for (const action of late) await nginxDriver.apply(action, world, signal);
  const snapshot = await nginxDriver.observe(world, signal);
  each.strictSame(ownersOf(snapshot), ['Domain/zoo/a']);
});

t.test('what is no hostname is refused before anything is written', async (each) => {
  const host = machineWith(['front', 'front/sites', 'front/auth']);
  const before = host.treeHash();
  const names = [
    '../x',
    'a..b',
    '.a',
    'a/b',
    'A.example',
    '~.*',
    '_',
    '',
    'a\nb',
    '*',
    '*.*.x',
    `${'a'.repeat(250)}.com`,
    'a b',
    '\u2028',
  ];
  for (const name of names) {
    await each.rejects(
      reach(nginxDriver, { host }, owner, new Map([[name, aSite(root)]])),
      RefusedError,
      encodeURIComponent(name).slice(0, 40),
    );
  }
  each.equal(host.treeHash(), before);
});

t.test('the longest hostname fits into a file name, as a wildcard, too', async (each) => {
  const host = machineWith(['front', 'front/sites', 'front/auth']);
  const label = 'a'.repeat(63);
  const longest = `${label}.${label}.${label}.${'a'.repeat(61)}`;
  each.equal(longest.length, 253);
  await reach(
    nginxDriver,
    { host },
    owner,
    new Map([
      [longest, aSite(root)],
      [`*.${longest.slice(2)}`, aSite(root)],
    ]),
  );
  for (const entry of (await host.readDirectory(`${root}/front/sites`, signal)) ?? [])
    each.ok(entry.name.length <= 253);
});

t.test('records edited, garbled or deleted by hand are written again, and drift tells whose it was', async (each) => {
  const host = machineWith(['front', 'front/sites', 'front/auth']);
  const world = { host };
  const desired = new Map([
    ['a.example', aSite(root)],
    ['b.example', aSite(root)],
  ]);
  await reach(nginxDriver, world, owner, desired);
  const drift: (readonly string[] | undefined)[] = [];
  const lifetime = new AbortController();
  await nginxDriver.watchDrift?.(world, (owners) => drift.push(owners), lifetime.signal);
  host.byHand(`${root}/front/sites/a.example`, { content: JSON.stringify(aSite(root, { generation: 99 })) });
  host.byHand(`${root}/front/sites/b.example`, { content: '{' });
  await new Promise((resolve) => setTimeout(resolve, 5));
  each.strictSame(drift, [['Domain/acme/shop'], undefined]);
  each.equal((await reach(nginxDriver, world, owner, desired)).length, 2);
  lifetime.abort();
});

t.test('a record whose users or keys are gone is written again, and both are written before it', async (each) => {
  const host = machineWith(['front', 'front/sites', 'front/auth', 'front/tls']);
  const world = { host, secrets: await certificates('a.example') };
  const secret = { namespace: 'acme', name: 'any', resourceVersion: '1' };
  const basicAuth = { realm: 'Staff', usersFile: `${root}/front/auth/a.example`, secret };
  const site = aSite(root, { access: { allow: [], deny: [], basicAuth }, tls: { secret, redirect: false } });
  const desired = new Map([['a.example', site]]);
  await reach(nginxDriver, world, owner, desired);
  each.match(await host.facts(`${root}/front/tls/a.example`, signal), { mode: 0o600, uid: 0, gid: 0 });
  for (const part of ['auth', 'tls']) {
    host.byHand(`${root}/front/${part}/a.example`, undefined);
    each.equal((await reach(nginxDriver, world, owner, desired)).length, 1, part);
    each.ok(await host.facts(`${root}/front/${part}/a.example`, signal));
  }
  host.byHand(`${root}/front/auth/a.example`, undefined);
  each.equal((await reach(nginxDriver, world, owner, new Map([['a.example', aSite(root)]]))).length, 1);
  each.notMatch(await host.readText(`${root}/front/sites/a.example`, signal), /usersFile|tls/);
  const actions = nginxDriver.plan(owner, desired, nginxDriver.nothing);
  each.notMatch(JSON.stringify(actions), /PRIVATE KEY|jane/);
});

t.test(
  'a certificate that expired while it is served keeps nothing else about the site from changing',
  async (each) => {
    const host = machineWith(['front', 'front/sites', 'front/auth', 'front/tls']);
    const pair = await (await createLabAuthority()).site(['a.example'], { to: Date.now() + 2_000 });
    const world = { host, secrets: { read: async () => ({ ...pair }) } };
    const secret = { namespace: 'acme', name: 'any', resourceVersion: '1' };
    const site = aSite(root, { tls: { secret, redirect: false } });
    await reach(nginxDriver, world, owner, new Map([['a.example', site]]));
    await delay(2_000);
    await reach(nginxDriver, world, owner, new Map([['a.example', { ...site, generation: 2 }]]));
    await each.rejects(reach(nginxDriver, world, owner, new Map([['b.example', site]])), RefusedError);
    host.byHand(`${root}/front/tls/a.example`, undefined);
    await each.rejects(reach(nginxDriver, world, owner, new Map([['a.example', site]])), {
      message: /^The certificate expired on /,
    });
  },
);

t.test(
  'a PHP version that the host lacks, or a Secret that is not there, is refused in words for the customer',
  async (each) => {
    const host = machineWith(['run']);
    const missing = new Map([['acme.shop', aPool(root, { version: '5.6' })]]);
    await each.rejects(
      reach(phpFpmDriver, { host }, owner, missing),
      new RefusedError('PhpVersionNotInstalled', 'PHP 5.6 is not installed on this host (installed: 8.2).'),
    );
    const environmentFrom = [{ namespace: 'acme', name: 'gone', resourceVersion: '' }];
    const without = new Map([['acme.shop', aPool(root, { environmentFrom })]]);
    await each.rejects(
      reach(phpFpmDriver, { host }, owner, without),
      new RefusedError('SecretNotFound', 'The Secret "gone" was not found.'),
    );
  },
);

t.test('no value of a Secret is in a plan or on the disk', async (each) => {
  const host = machineWith(['run', 'front', 'front/sites', 'front/auth']);
  const environmentFrom = [{ namespace: 'acme', name: 'env', resourceVersion: '1' }];
  const pools = new Map([['acme.shop', aPool(root, { environmentFrom })]]);
  const actions = await reach(phpFpmDriver, { host, secrets }, owner, pools);
  each.notMatch(JSON.stringify(actions), /hidden/);
  for (const node of host.tree.nodes.values()) each.notMatch(node.content, /hidden/);
});

t.test('an account never breaks out of its line, and never takes the name of a stranger', async (each) => {
  const host = machineWith([]);
  const stranger = 'ops:x:1001:1001:Operator:/home/ops:/bin/bash\n';
  host.byHand('/var/lib/extrausers/passwd', { type: 'file', content: stranger });
  const account = { uid: 20001, gid: 20001, home: '/srv/x' };
  const bad = [
    ['a:b', account],
    ['a\nroot', account],
    ['', account],
    ['fine', { ...account, home: '/x:/bin/sh' }],
    ['fine', { ...account, home: '/x\nroot::0:0::/:/bin/sh' }],
    ['fine', { ...account, uid: 0 }],
    ['ops', account],
  ] as const;
  for (const [name, value] of bad) {
    await each.rejects(reach(accountsDriver, { host }, owner, new Map([[name, value]])), RefusedError, name);
  }
  await reach(accountsDriver, { host }, owner, new Map([['acme', account]]));
  await reach(accountsDriver, { host }, owner, accountsDriver.nothing);
  each.equal(await host.readText('/var/lib/extrausers/passwd', signal), stranger);
});

/** What comes out when it goes in piece by piece. */
async function taken(form: DumpForm, dump: Buffer, pieceBytes: number): Promise<string> {
  const pieces = Array.from({ length: Math.ceil(dump.length / pieceBytes) }, (_, at) =>
    dump.subarray(at * pieceBytes, (at + 1) * pieceBytes),
  );
  return (await buffer(Readable.from(pieces).compose(dumpIntake(form)))).toString('latin1');
}

const mariadbEnd = '\n-- Dump completed\n';
const postgresqlEnd = '\n--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict abc\n';

t.test('a dump goes in as it is, however it is cut into pieces, unless it is not whole', async (each) => {
  const bytes = fc.uint8Array({ maxLength: 2_000 });
  await fc.assert(
    fc.asyncProperty(bytes, fc.integer({ min: 1, max: 700 }), async (data, pieceBytes) => {
      const dump = Buffer.concat([Buffer.from(data), Buffer.from(mariadbEnd)]);
      return (await taken(mariadbDumps(), dump, pieceBytes)) === dump.toString('latin1');
    }),
  );
  const whole = Buffer.from(`COPY t FROM stdin;\n1\n\\.\n${postgresqlEnd}`);
  const restricted = await taken(postgresqlDumps(), Buffer.concat([Buffer.from('\\restrict abc\n'), whole]), 7);
  const [first, ...rest] = restricted.split('\n');
  each.match(first, /^\\restrict [0-9a-f]{48}$/, 'psql takes no command for itself');
  each.equal(rest.join('\n'), `BEGIN;\n\n${whole.toString().replace('\\unrestrict abc', '')}COMMIT;\n`);
  each.match(await taken(postgresqlDumps(), whole, 7), whole.toString(), 'another word than it began with is none');
  const shortest = whole.length - '-\n\n\\unrestrict abc\n'.length;
  for (let length = 0; length < shortest; length += 1)
    await each.rejects(taken(postgresqlDumps(), whole.subarray(0, length), 7), RefusedError);
  await each.rejects(taken(mariadbDumps(), Buffer.from('INSERT INTO t VALUES (1);\n'), 7), RefusedError);
});

t.test('what names who made a thing is left out of a dump, and nothing else that looks so', async (each) => {
  const definer = 'DEFINER=`a``b`@`localhost`';
  const through = async (form: DumpForm, lines: readonly string[], end: string): Promise<string> =>
    await taken(form, Buffer.from(`${lines.join('\n')}${end}`), 5);
  const others = [`INSERT INTO t VALUES ('x${'y'.repeat(600)} CREATE ${definer}');`, ` CREATE ${definer} VIEW`];
  const [view, trigger, routine] = [
    `/*!50013 ${definer} SQL SECURITY DEFINER */`,
    `/*!50003 CREATE*/ /*!50017 ${definer}*/ /*!50003 TRIGGER c`,
    `CREATE ${definer} PROCEDURE p()`,
  ];
  const mapped = [view, trigger, routine].map((line) => line.replace(definer, 'DEFINER=CURRENT_USER'));
  each.equal(
    await through(mariadbDumps(), [view, trigger, ...others, routine], mariadbEnd),
    `${[mapped[0], mapped[1], ...others, mapped[2]].join('\n')}${mariadbEnd}`,
  );
  const ours = ['SET transaction_timeout = 0;', 'CREATE SCHEMA public;'];
  const data = ['COPY t FROM stdin;', ...ours, '\\.'];
  const passed = await through(postgresqlDumps(), [...ours, ...data], postgresqlEnd);
  each.equal(passed.slice(passed.indexOf('\n') + 1), `BEGIN;\n\n\n${data.join('\n')}${postgresqlEnd}COMMIT;\n`);
});

t.test('what a database holds is noted and compared as it comes, and too much of it is refused', async (each) => {
  const counted = (count: number, wordOf = (at: number): string => `column ${String(at)}\n“é” ${'x'.repeat(40)}`) => {
    const given = { count: 0 };
    const things = async function* things() {
      for (let at = 0; at < count; at += 1) {
        given.count += 1;
        yield await Promise.resolve(wordOf(at));
      }
    };
    return { given, things: things() };
  };
  const all = 200_000;
  const { given, things } = counted(all);
  for await (const chunk of noted(things)) {
    each.ok(chunk.length < 1 << 20 && given.count < all / 2, `${String(given.count)} of ${String(all)} at first`);
    break;
  }

  const { machine } = await machineOfTest(each);
  const ofRoot = { mode: 0o600, uid: 0, gid: 0 };
  const server = ownMariadb(machine.host);
  const path = `${machine.host.root}/noted`;
  const write = async (count: number): Promise<void> =>
    await machine.host.replaceFileWith(path, noted(counted(count).things, 1_000), ofRoot, signal);
  await write(1_000);
  await each.rejects(write(1_001), /more than 1000/);
  const compare = async (other: ReturnType<typeof counted>): Promise<string | undefined> =>
    await differenceOf(readNoted(path, server, signal), other.things);
  each.equal(await compare(counted(1_000)), undefined, 'what was refused has left the file as it was');
  each.match(await compare(counted(999)), /^nothing more in place of “column 999\b/);
  each.match(await compare(counted(1_001)), /^“column 1000\n.* in place of nothing more$/s);
  const other = counted(1_000, (at) => (at === 2 ? 'other' : `column ${String(at)}\n“é” ${'x'.repeat(40)}`));
  each.match(await compare(other), /^“other” in place of “column 2\b/);
  each.equal(other.given.count, 3, 'no more is asked for');
  await machine.host.replaceFile(path, '["old"]', ofRoot, signal);
  await each.rejects(compare(counted(1)), /cannot be read/);
});
