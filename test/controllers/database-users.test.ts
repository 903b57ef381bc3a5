import fc from 'fast-check';
import t from 'tap';
import { required } from '#runtime/base/errors.ts';
import { gatherUser, type DatabaseUserClusterInputs } from '#controllers/database-user/cluster/gather.ts';
import { clusterStatus } from '#controllers/database-user/cluster/status.ts';
import { secretValuesOf } from '#controllers/database-user/cluster/connection.ts';
import { afterStep, stepOf, toHandOut, type Asked } from '#controllers/database-user/cluster/succession.ts';
import {
  besideOf,
  currentOf,
  parsePasswords,
  renderPasswords,
  type Passwords,
} from '#controllers/database-user/passwords.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { databaseKind, databaseUserKind, tenantKind } from '#schemas/index.ts';
import type { DatabaseState } from '#runtime/drivers/databases/model.ts';
import { isPending } from '#runtime/manager/controller.ts';
import { admit } from '#test/builders/admit.ts';
import { aCache } from '#test/builders/cache.ts';
import { allIndexes, controllers } from '#test/builders/controllers.ts';
import { aHost, anObject, aRetainedData } from '#test/builders/objects.ts';

void t.test(
  'what is in the Secret the server takes, also while nobody can write it, and whoever read it before has the time that was promised',
  async (t) => {
    const graceMs = 5_000;
    const event = fc.oneof(
      { weight: 60, arbitrary: fc.constantFrom('server', 'leader') },
      { weight: 20, arbitrary: fc.constantFrom('second', 'request') },
      { weight: 5, arbitrary: fc.constantFrom('lock', 'unlock') },
      { weight: 1, arbitrary: fc.constant('give') },
    );
    const events = fc.array(event, { minLength: 20, maxLength: 80, size: 'max' });
    let rotations = 0;
    await fc.assert(
      fc.asyncProperty(events, async (story) => {
        let [nowMs, ids, given, request, isWritable] = [0, 0, 0, 0, true];
        let stored: Passwords | undefined;
        let accepted: readonly string[] = [];
        let handedOut: string | undefined;
        const promised = new Map<string, number>();
        for (const event of story) {
          if (event === 'second') nowMs += 1_000;
          if (event === 'request') request += 1;
          if (event === 'give') given += 1;
          if (event === 'lock') isWritable = false;
          if (event === 'unlock') isWritable = true;
          if (event === 'server') accepted = stored?.passwords.map(({ id }) => id) ?? [];
          if (event === 'leader') {
            const asked: Asked = {
              graceMs,
              accepted,
              ...(handedOut === undefined ? {} : { handedOut }),
              ...(given === 0 ? {} : { given: String(given) }),
              ...(request === 0 ? {} : { request: String(request) }),
            };
            const before = stored;
            const next = stored && toHandOut(stored, accepted)?.id;
            const step = stepOf(stored, asked, nowMs);
            if (step !== undefined) stored = afterStep(step, stored, { id: String((ids += 1)), asked, nowMs });
            if (isWritable && next !== undefined && next !== handedOut) {
              // Whoever read the Secret a moment ago.
              if (handedOut !== undefined && given === 0) promised.set(handedOut, nowMs + graceMs);
              handedOut = next;
            }
            if (step === 'Promote')
              promised.set(required(before && currentOf(before), 'a password').id, nowMs + graceMs);
            if (step === 'Promote') rotations += 1;
            // Whoever gives a password wants no other one.
            if (step === 'Follow') promised.clear();
          }
          if (handedOut !== undefined && given === 0 && !accepted.includes(handedOut)) return false;
          for (const [id, untilMs] of promised) {
            const isThere = stored?.passwords.some((password) => password.id === id) === true;
            if (nowMs < untilMs && !isThere) return false;
          }
          const [one, two] = stored?.passwords ?? [];
          if (one !== undefined && two !== undefined && one.login === two.login) return false;
        }
        return true;
      }),
      { numRuns: 2_000, seed: 1 },
    );
    t.ok(rotations > 100, String(rotations));
  },
);

void t.test('a rotation comes to its end, and begins anew when it is time or somebody asks', async (t) => {
  const asked = { graceMs: 5_000, intervalMs: 60_000, accepted: [] };
  const steps: (string | undefined)[] = [];
  let stored: Passwords | undefined;
  const at = (nowMs: number, more: Partial<Asked> = {}): void => {
    const accepted = more.accepted ?? stored?.passwords.map(({ id }) => id) ?? [];
    const handedOut = stored && toHandOut(stored, accepted)?.id;
    const now: Asked = { ...asked, accepted, ...(handedOut === undefined ? {} : { handedOut }), ...more };
    const step = stepOf(stored, now, nowMs);
    steps.push(step);
    if (step !== undefined) stored = afterStep(step, stored, { id: `${steps.length}`, asked: now, nowMs });
  };
  for (const ms of [0, 59_000, 60_000]) at(ms);
  at(61_000, { accepted: [] });
  for (const ms of [62_000, 66_000]) at(ms);
  at(66_500, { request: 'now' });
  at(67_000, { request: 'now' });
  at(67_500, { request: 'now' });
  at(68_000, { request: 'now' });
  at(68_000, { request: 'now', graceMs: 0 });
  at(68_000, { request: 'now' });
  t.same(steps, [
    'Make',
    undefined,
    'Begin',
    undefined,
    'Promote',
    undefined,
    undefined,
    'Forget',
    'Begin',
    'Promote',
    'Forget',
    undefined,
  ]);
  t.equal(stored && currentOf(stored)?.login, 'First', 'in turn');
  t.equal(stored && besideOf(stored), undefined);
  const last = required(stored, 'passwords');
  const touched = {
    id: required(currentOf(last), 'a password').id,
    asked: { given: 'mine@2', request: 'now' },
    nowMs: 99_000,
  };
  t.same(afterStep('Follow', last, touched), { ...last, given: 'mine@2' }, 'the same password is as old as it was');
});

void t.test(
  'what stands in the annotation of passwords is read as it was written, and is nothing when it was spoiled',
  async (t) => {
    const current = { id: '0123456789', login: 'First', state: 'Current' } as const;
    const former = { id: 'abcdef0123', login: 'Second', state: 'Former' } as const;
    const whole: Passwords = {
      passwords: [current, former],
      rotatedAt: '2026-01-01T00:00:00Z',
      rotatedFor: 'x',
      given: 'y',
    };
    t.same(parsePasswords(renderPasswords(whole)), whole);
    for (const spoiled of [
      undefined,
      '',
      '{',
      'null',
      '[]',
      '{}',
      renderPasswords({ ...whole, passwords: [] }),
      renderPasswords({ ...whole, passwords: [former] }),
      renderPasswords({ ...whole, passwords: [current, current] }),
      renderPasswords({ ...whole, passwords: [current, former, former] }),
      renderPasswords({ ...whole, passwords: [{ ...current, id: '../../x' }] }),
      renderPasswords({ ...whole, passwords: [{ ...current, login: 'Third' as 'First' }] }),
      renderPasswords({ ...whole, rotatedAt: 'once' }),
    ])
      t.equal(parsePasswords(spoiled), undefined, spoiled ?? 'nothing');
  },
);

void t.test('a connection is spelled as the libraries of its engine read it, whatever the password', async (t) => {
  const printable = String.fromCharCode(...Array.from({ length: 95 }, (_, index) => 32 + index));
  const common = { database: 'd_one', username: 'u_one', passwordNamespace: 'w', passwordSecret: 'x', passwordId: 'y' };
  const run = '/srv/wcp360/databases';
  const [pg, my] = [
    { ...common, engine: 'PostgreSQL', socketDirectory: `${run}/postgresql/run` },
    { ...common, engine: 'MariaDB', socketDirectory: `${run}/mariadb/run` },
  ] as const;
  for (const connection of [pg, my]) {
    const { uri = '', ...others } = secretValuesOf(connection, printable);
    const parts = new URL(uri.replace('@/', '@localhost/'));
    t.equal(decodeURIComponent(parts.password), printable);
    t.match(others, { username: 'u_one', password: printable, database: 'd_one' });
    t.equal(parts.pathname, '/d_one');
  }
  const jdbc = new URLSearchParams((secretValuesOf(pg, printable)['jdbc-uri'] ?? '').split('?')[1]);
  t.same(Object.fromEntries(jdbc), {
    socketFactory: 'org.newsclub.net.unix.AFUNIXSocketFactory$FactoryArg',
    socketFactoryArg: `${run}/postgresql/run/.s.PGSQL.5432`,
    user: 'u_one',
    password: printable,
  });
  const plain = `jdbc:mariadb://localhost/d_one?localSocket=${run}/mariadb/run/mariadb.sock&sslMode=disable&user=u_one`;
  t.equal(secretValuesOf(my, '?a=% #')['jdbc-uri'], `${plain}&password=?a=% #`);
  t.equal(secretValuesOf(my, printable)['jdbc-uri'], plain, 'an ampersand ends a value there');
});

void t.test(
  'a change of a Host wakes the databases that are on it and those who use them, and nobody else',
  async (t) => {
    const database = (name: string, host: string): KubeObject =>
      anObject(databaseKind, { metadata: { name, namespace: 'acme' }, spec: { engine: 'MariaDB' }, status: { host } });
    const user = (name: string, of: string, host?: string): KubeObject =>
      anObject(databaseUserKind, {
        metadata: { name, namespace: 'acme' },
        spec: { databases: [{ name: of }], secretName: name },
        ...(host === undefined ? {} : { status: { host } }),
      });
    const world = [
      database('here', 'web1'),
      database('there', 'web2'),
      user('one', 'here'),
      user('two', 'there', 'web2'),
      user('left', 'gone', 'web1'),
    ];
    const cache = aCache(world, allIndexes);
    const woken = (controller: string): readonly string[] => {
      const watches = controllers.get(controller)?.watches.filter(({ kind }) => kind.kind === 'Host') ?? [];
      const host = aHost({ metadata: { name: 'web1' } });
      return watches.flatMap(({ keysOf }) => keysOf(host, cache).map(({ name }) => name)).toSorted();
    };
    t.same(woken('database.host'), ['here']);
    for (const controller of ['database-user.cluster', 'database-user.host'])
      t.same(woken(controller), ['left', 'one']);
  },
);

void t.test('a Tenant, and what is kept of it, wake its deleted users whose host is lost, and nobody else', (t) => {
  const user = (name: string, namespace: string, host: string, isDeleted: boolean): KubeObject =>
    anObject(databaseUserKind, {
      metadata: { name, namespace, ...(isDeleted ? { deletionTimestamp: '2026-01-02T00:00:00Z' } : {}) },
      spec: { databases: [{ name: 'shop' }], secretName: name },
      status: { host, server: 'main' },
    });
  const users = [
    user('left', 'acme', 'web1', true),
    user('kept', 'acme', 'web1', false),
    user('leaving', 'acme', 'web2', true),
    user('theirs', 'other', 'web1', true),
  ];
  const lost = aHost({ metadata: { name: 'web1' }, spec: { lost: true } });
  const cache = aCache([...users, lost, aHost({ metadata: { name: 'web2' } })], allIndexes);
  const tenant = anObject(tenantKind, { metadata: { name: 'acme' } });
  const keptData = aRetainedData();
  for (const changed of [tenant, keptData]) {
    const watches = controllers.get('database-user.cluster')?.watches ?? [];
    const woken = watches
      .filter(({ kind }) => kind.kind === changed.kind)
      .flatMap(({ keysOf }) => keysOf(changed, cache));
    t.same(woken, [{ namespace: 'acme', name: 'left' }], changed.kind);
  }
  t.end();
});

void t.test('a Database that is missing keeps neither a suspension nor its end away from who uses others', (t) => {
  const common = { namespace: 'acme', generation: 1 };
  const database = (name: string): KubeObject =>
    anObject(databaseKind, {
      metadata: { name, ...common },
      spec: { engine: 'MariaDB' },
      status: { host: 'web1', databaseName: `d_${name}` },
    });
  const databases = [{ engine: 'MariaDB', version: '10.11.19' }];
  const host = aHost({ status: { root: '/srv/wcp360', capabilities: { databases } } });
  const locked = (suspended: boolean, accepted: readonly string[]): unknown => {
    const user = anObject(databaseUserKind, {
      metadata: { name: 'shop', ...common },
      spec: { databases: [{ name: 'missing' }, { name: 'there' }], secretName: 'shop', suspended },
      status: { host: 'web1', acceptedPasswords: accepted, passwords: [{ id: 'a', login: 'First', state: 'Current' }] },
    });
    const cache = aCache([host, database('there'), user], allIndexes);
    const controller = required(controllers.get('database-user.host'), 'the controller');
    const inputs: unknown = controller.gather(user as never, cache);
    if (isPending(inputs)) return inputs.pending.reason;
    const desired = controller.desired(user as never, inputs as never) as { readonly MariaDB: DatabaseState };
    const said = controller.status(user as never, { inputs, outcome: { phase: 'synced' }, probes: [] } as never);
    const ready = said?.conditions.find(({ type }) => type === 'Ready');
    return [...desired.MariaDB.logins.values()].map((login) => [
      login?.isLocked,
      Object.keys(login?.grants ?? {}).length,
      ready?.reason,
    ]);
  };
  t.same(locked(true, ['a']), [[true, 1, 'Suspended']]);
  t.same(locked(false, ['a']), [[false, 1, 'DatabaseNotFound']], 'and it is told what is missing');
  t.equal(locked(false, []), 'DatabaseNotFound', 'who is new waits for all of them');
  t.end();
});

void t.test('a package that gives less reaches logins whatever the drift policy says', (t) => {
  const controller = controllers.get('database-user.host');
  const user = anObject(databaseUserKind, {
    metadata: { name: 'shop', namespace: 'acme' },
    spec: { databases: [{ name: 'shop' }], secretName: 'shop', drift: 'Observe' },
  });
  const given = { connections: 5, session: { statementTimeoutMs: 60_000, temporaryBytes: 1024 } };
  const imposes = (connections: number, statementTimeoutMs: number, temporaryBytes: number, limits = given) => {
    const logins = new Map([['u_one', { connections, limits: { statementTimeoutMs, temporaryBytes } }]]);
    const found = {
      PostgreSQL: { databases: new Map(), logins },
      MariaDB: { databases: new Map(), logins: new Map() },
    };
    return controller?.isImposed?.(user, { engine: 'PostgreSQL', isSuspended: false, limits }, found as never);
  };
  t.equal(imposes(5, 60_000, 1024), false, 'as given');
  t.equal(imposes(1, 1, 1), false, 'less');
  t.equal(imposes(6, 60_000, 1024), true);
  t.equal(imposes(5, 60_001, 1024), true);
  t.equal(imposes(5, 0, 1024), true, 'without end');
  t.equal(imposes(5, 60_000, 1025), true);
  const endless = { ...given, session: { statementTimeoutMs: 0, temporaryBytes: 1024 } };
  t.equal(imposes(5, 0, 1024, endless), false, 'nor does the package bound it');
  t.end();
});

void t.test('a grace period has an end that a time can tell, and ends by it', (t) => {
  const faultsOf = (rotation: object): readonly string[] =>
    admit(databaseUserKind, {
      apiVersion: 'hosting.wcp360.io/v1alpha1',
      kind: 'DatabaseUser',
      metadata: { name: 'shop', namespace: 'acme' },
      spec: { databases: [{ name: 'shop' }], secretName: 'shop', rotation },
    }).faults.map(({ field }) => field);
  t.same(faultsOf({ gracePeriod: '720h' }), []);
  t.same(faultsOf({ gracePeriod: '721h' }), ['spec.rotation.gracePeriod']);
  t.same(faultsOf({ interval: '87601h' }), ['spec.rotation.interval']);
  const user = anObject(databaseUserKind, {
    metadata: { name: 'shop', namespace: 'acme' },
    spec: { databases: [{ name: 'shop' }], secretName: 'shop', rotation: { gracePeriod: '1.5s' }, drift: 'Observe' },
  });
  const database = anObject(databaseKind, {
    metadata: { name: 'shop', namespace: 'acme' },
    spec: { engine: 'PostgreSQL' },
    status: { host: 'web1' },
  });
  const databases = [{ engine: 'PostgreSQL', version: '15' }];
  const host = aHost({ metadata: { name: 'web1' }, status: { root: '/srv', capabilities: { databases } } });
  const inputs = gatherUser(user, aCache([database, host], allIndexes), 0);
  t.match(inputs, { asked: { graceMs: 2_000 } }, 'whole seconds, as the status tells it');
  const passwords = [
    { id: '0123456789', login: 'First', state: 'Current' },
    { id: 'abcdef0123', login: 'Second', state: 'Next' },
  ] as const;
  const told = clusterStatus(user, {
    inputs: { ...(inputs as DatabaseUserClusterInputs), passwords: { passwords, rotatedAt: '2026-01-01T00:00:00Z' } },
    outcome: { phase: 'synced' },
  });
  t.match(
    told?.conditions.find(({ type }) => type === 'Rotating'),
    { reason: 'HeldBack', message: /spec.drift/ },
  );
  t.end();
});
