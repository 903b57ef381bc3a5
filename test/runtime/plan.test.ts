import fc from 'fast-check';
import t from 'tap';
import { isEqual } from '#runtime/base/json.ts';
import { diffFields } from '#runtime/plan/diff-fields.ts';
import { systemClock } from '#runtime/base/clock.ts';
import { carryOut } from '#runtime/manager/carry-out.ts';
import { createDriverRuntimes } from '#runtime/manager/driver-runtime.ts';
import { createControllerMetrics } from '#runtime/manager/metrics.ts';
import { isRemoval, orderActions } from '#runtime/plan/order.ts';
import type { Action, Disruption } from '#runtime/plan/plan.ts';
import { filterByPolicy } from '#runtime/plan/policies.ts';
import { renderPlan } from '#runtime/plan/render.ts';
import { silentLogger } from '#runtime/telemetry/logger.ts';
import { createMetrics } from '#runtime/telemetry/metrics.ts';
import { newShop, refusal, shelfDriver, type ShopWorld } from '#test/lab/widgets.ts';

function anAction(driver: string, op: string, rest: Partial<Action> = {}): Action {
  const none: Disruption = 'none';
  return { driver, op, subject: `${driver}/x`, reason: 'differs', disruption: none, changes: [], input: {}, ...rest };
}

t.test('a diff names each leaf that differs, in order of field', (t) => {
  const from = { serve: { type: 'static', root: 'public' }, aliases: ['a', 'b'], gone: 1 };
  const to = { serve: { type: 'php', root: 'public' }, aliases: ['a', 'c'], made: true };
  t.same(diffFields(from, to), [
    { field: 'aliases', from: '["a","b"]', to: '["a","c"]' },
    { field: 'gone', from: '1', to: undefined },
    { field: 'made', from: undefined, to: 'true' },
    { field: 'serve.type', from: 'static', to: 'php' },
  ]);
  t.end();
});

t.test('a diff of something made shows all of it, of something removed too', (t) => {
  t.same(diffFields(undefined, { a: { b: 1 }, list: [{ x: 1 }], empty: {} }), [
    { field: 'a.b', from: undefined, to: '1' },
    { field: 'empty', from: undefined, to: '{}' },
    { field: 'list[0].x', from: undefined, to: '1' },
  ]);
  t.same(diffFields({ a: 1 }, undefined), [{ field: 'a', from: '1', to: undefined }]);
  t.end();
});

t.test('a diff takes Maps for records, and writes keys that are no identifiers in brackets', (t) => {
  t.same(diffFields(new Map([['x.example', { n: 1 }]]), new Map([['x.example', { n: 2 }]])), [
    { field: '[x.example].n', from: '1', to: '2' },
  ]);
  t.end();
});

t.test('a secret shows that it changed and not what it is', (t) => {
  const [change] = diffFields(
    { data: { password: 'old' } },
    { data: { password: 'hunter2' } },
    {
      isSecret: (field) => field.startsWith('data.'),
    },
  );
  t.match(change?.to, /^\(secret, [0-9a-f]{8}\)$/);
  t.not(change?.from, change?.to);
  t.notMatch(JSON.stringify(change), /hunter2|old/);
  t.end();
});

t.test('a diff is empty exactly when both sides are equal as JSON', (t) => {
  const value = fc.jsonValue({ maxDepth: 3 });
  fc.assert(
    fc.property(value, value, (a, b) => (diffFields(a, b).length === 0) === isEqual(a, b)),
    { numRuns: 500 },
  );
  fc.assert(fc.property(value, (a) => diffFields(a, structuredClone(a)).length === 0));
  t.end();
});

t.test('a living object gets what it needs first and loses what it no longer needs last, backwards', (t) => {
  const plans = [
    { driver: 'php', actions: [anAction('php', 'put-pool'), anAction('php', 'delete-pool')] },
    { driver: 'nginx', actions: [anAction('nginx', 'delete-site'), anAction('nginx', 'put-site')] },
  ];
  const { makes, removes } = orderActions(plans, false);
  t.same(
    makes.map(({ op }) => op),
    ['put-pool', 'put-site'],
  );
  t.same(
    removes.map(({ op }) => op),
    ['delete-site', 'delete-pool'],
  );
  t.end();
});

t.test('a deleted object is taken down backwards', (t) => {
  const plans = [
    { driver: 'tree', actions: [anAction('tree', 'keep-directory')] },
    { driver: 'nginx', actions: [anAction('nginx', 'delete-site')] },
  ];
  const { makes, removes } = orderActions(plans, true);
  t.same(makes, []);
  t.same(
    removes.map(({ op }) => op),
    ['delete-site', 'keep-directory'],
  );
  t.ok(removes.every(isRemoval));
  t.end();
});

t.test('policies part a plan and lose nothing', (t) => {
  const actions = [anAction('nginx', 'put-site')];
  const table = [
    { why: 'Enforce repairs drift', context: { drift: 'Enforce', drifted: true }, done: 1 },
    { why: 'Warn carries out what the object asks', context: { drift: 'Warn', drifted: false }, done: 1 },
    { why: 'Warn only tells of drift', context: { drift: 'Warn', drifted: true }, done: 0 },
    { why: 'Observe changes nothing', context: { drift: 'Observe', drifted: false }, done: 0 },
    { why: 'deletion is an order, not drift', context: { drift: 'Observe', deleting: true }, done: 1 },
    { why: 'pause holds everything', context: { drift: 'Enforce', paused: true, deleting: true }, done: 0 },
  ] as const;
  for (const { why, context, done } of table) {
    const parted = filterByPolicy(actions, { paused: false, drifted: false, deleting: false, ...context });
    t.equal(parted.carriedOut.length, done, why);
    t.equal(parted.carriedOut.length + parted.withheld.length, 1, why);
  }
  t.end();
});

t.test('a plan reads like a diff', (t) => {
  const actions = [
    anAction('nginx', 'put-site', {
      subject: 'nginx/site/hello.localhost',
      reason: 'missing',
      changes: [{ field: 'serve.type', from: undefined, to: 'static' }],
    }),
    anAction('php-fpm', 'put-pool', {
      subject: 'php/pool/acme.shop',
      disruption: 'restart',
      changes: [{ field: 'version', from: '8.1', to: '8.2' }],
    }),
    anAction('tree', 'keep-directory', { subject: 'tree/old', reason: 'no longer wanted' }),
  ];
  t.equal(
    renderPlan({ actions }),
    [
      '+ nginx put-site nginx/site/hello.localhost (missing)',
      '    + serve.type: static',
      '~ php-fpm put-pool php/pool/acme.shop (differs) [restart]',
      '    - version: 8.1',
      '    + version: 8.2',
      '- tree keep-directory tree/old (no longer wanted)',
      '',
    ].join('\n'),
  );
  t.equal(renderPlan({ actions: [] }), '');
  t.end();
});

t.test('no value can forge a line or move the cursor of a terminal', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (value) => {
      const text = renderPlan({
        actions: [anAction('x', 'put', { subject: value, changes: [{ field: 'f', from: value, to: undefined }] })],
      });
      const controls = Array.from(text).filter((character) => character !== '\n' && /\p{Cc}|\u202e/u.test(character));
      return text.split('\n').length === 3 && controls.length === 0;
    }),
  );
  t.end();
});

t.test('the first failure ends a wish; what is imposed is carried out as far as it can be', async (t) => {
  const stop = new AbortController();
  t.teardown(() => stop.abort());
  const act = (op: 'put-part' | 'delete-part', part: string, shelf: 'lower' | 'upper' = 'lower'): Action =>
    anAction(shelf, op, { input: { owner: 'o', part } });
  /** Carries out with parts of which no shelf takes one, and gives what was done, settled, and thrown. */
  const outcome = async (isImposed: boolean, faults: Readonly<Record<string, Error>>): Promise<readonly unknown[]> => {
    const shop = newShop();
    shop.before = (what) => {
      if (faults[what] !== undefined) throw faults[what];
    };
    const common = { world: { shop }, log: silentLogger, signal: stop.signal };
    const runtimes = createDriverRuntimes<ShopWorld>({ ...common, clock: systemClock });
    const drivers = new Map((['lower', 'upper'] as const).map((name) => [name, runtimes.of(shelfDriver(name))]));
    const metrics = createControllerMetrics(createMetrics(), { name: 'lab', concurrency: 1, depth: () => 0 });
    const makes = [act('put-part', 'a'), act('put-part', 'b'), act('put-part', 'c', 'upper')];
    const ordered = { makes, removes: [act('delete-part', 'd')] };
    const options = { ...common, drivers, metrics, isImposed, fence: () => undefined };
    const thrown: unknown = await carryOut(options, ordered).catch((err: unknown) => err);
    return [shop.history, shop.settled.length, thrown];
  };
  const [bad, broken] = [refusal('No such part.'), new Error('The ladder is broken.')];
  t.same(await outcome(false, { 'put lower b': bad }), [['put lower a'], 1, bad]);
  t.same(await outcome(true, { 'put lower b': bad }), [['put lower a', 'put upper c', 'delete lower d'], 3, bad]);
  const both = { 'put lower a': bad, 'put upper c': broken };
  t.same(await outcome(true, both), [['put lower b', 'delete lower d'], 2, broken], 'what may succeed is tried again');
});
