import t from 'tap';
import type { ApiError } from '#runtime/base/errors.ts';
import { openMemoryStore } from '#runtime/storage/memory/memory-store.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { open, withLifecycle, namespace, site, until, settled, quota, usedOf } from './lifecycle-world.ts';

const full = { message: /exceeded quota: q,/ };
const outcomes = async (attempts: readonly Promise<unknown>[]) => {
  const results = await Promise.allSettled(attempts);
  const refused = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as ApiError] : []));
  return { made: results.length - refused.length, refused };
};

t.test('of fifty creates at once exactly as many pass as the quota has room for', (t) =>
  withLifecycle(async (world) => {
    await world.create(quota('q', { 'count/websites.wcp.example': '10', 'count/secrets': '100', cpu: '1' }));
    await world.cache.sync();
    const { made, refused } = await outcomes(Array.from({ length: 50 }, (_, n) => world.create(site(`s${n}`))));
    t.equal(made, 10);
    t.ok(refused.every(({ status }) => status === 403));
    t.match(
      refused[0]?.message,
      /^websites\.wcp\.example "s\d+" is forbidden: exceeded quota: q, requested: count\/websites\.wcp\.example=1, used: count\/websites\.wcp\.example=10, limited: count\/websites\.wcp\.example=10$/,
    );
    await until('usage', async () => (await usedOf(world))['count/websites.wcp.example'] === '10');
    t.equal(world.cache.count('wcp.example/websites', 'a'), 10);
    await settled();
    t.equal((await usedOf(world))['count/websites.wcp.example'], '10', 'a recount agrees');
    t.equal((await usedOf(world))['cpu'], undefined, 'what nothing counts is left out');
  }),
);

t.test('a refusal names every limit that is reached', (t) =>
  withLifecycle(async (world) => {
    await world.create(quota('q', { secrets: '0', 'count/secrets': '0', configmaps: '9' }));
    await world.cache.sync();
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's', namespace: 'a' } };
    await t.rejects(world.create(secret), {
      message:
        /: q, requested: count\/secrets=1,secrets=1, used: count\/secrets=0,secrets=0, limited: count\/secrets=0,secrets=0$/u,
    });
  }),
);

t.test('two servers on one store do not let more through than one', async (t) => {
  const store = openMemoryStore();
  const one = await open({ store });
  const two = await open({ store, stopped: true });
  await one.create(namespace('a'));
  await one.create(quota('q', { 'count/websites.wcp.example': '10' }));
  await until('usage', async () => (await usedOf(one))['count/websites.wcp.example'] === '0');
  await two.cache.sync();
  const { made } = await outcomes(
    Array.from({ length: 60 }, (_, n) => (n % 2 === 0 ? one : two).create(site(`s${n}`))),
  );
  t.equal(made, 10);
  await one.stop();
  await one.close();
  await two.close();
});

t.test('a place is given back by a deletion, and by a larger limit', (t) =>
  withLifecycle(async (world) => {
    await world.create(quota('q', { 'count/websites.wcp.example': '2' }));
    await world.cache.sync();
    await world.create(site('one'));
    await t.rejects(
      world.create(site('one')),
      { message: 'websites.wcp.example "one" already exists' },
      'what exists is not charged again',
    );
    await world.create(site('two'));
    await t.rejects(world.create(site('three')), full);
    await t.rejects(world.create(site('three'), { dryRun: true }), full, 'a dry run tells the same');
    await world.cache.sync();
    await t.rejects(world.create(site('one')), full, 'where no room is left, nobody asks whether the name is taken');
    await world.delete('Website', { namespace: 'a', name: 'one' });
    await until('usage after the deletion', async () => (await usedOf(world))['count/websites.wcp.example'] === '1');
    await world.create(site('three'), { dryRun: true });
    await world.create(site('three'));
    await world.update('ResourceQuota', { namespace: 'a', name: 'q' }, (live) => ({
      ...live,
      spec: { hard: { 'count/websites.wcp.example': '3' } },
    }));
    await until('the new limit', async () => {
      const status = (await world.get('ResourceQuota', { namespace: 'a', name: 'q' }))?.['status'] as
        { hard?: Record<string, string> } | undefined;
      return status?.hard?.['count/websites.wcp.example'] === '3';
    });
    await world.create(site('four'));
    await t.rejects(world.create(site('five')), full);
  }),
);

t.test('every quota of a namespace has its say, and a new one counts what is there', (t) =>
  withLifecycle(async (world) => {
    for (let n = 0; n < 3; n += 1) await world.create(site(`s${n}`));
    await world.create(quota('wide', { 'count/websites.wcp.example': '100' }));
    await world.create(quota('q', { 'count/websites.wcp.example': '4', secrets: '1' }));
    await world.create({
      ...quota('pods', { 'count/websites.wcp.example': '0' }),
      spec: { hard: { 'count/websites.wcp.example': '0' }, scopes: ['BestEffort'] },
    });
    await world.cache.sync();
    await world.create(site('s3'));
    await t.rejects(world.create(site('s4')), { message: /exceeded quota: q,/ });
    const secret = (name: string): KubeObject => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name, namespace: 'a' },
    });
    await world.create(secret('one'));
    await t.rejects(world.create(secret('two')), {
      message: /requested: secrets=1, used: secrets=1, limited: secrets=1/,
    });
  }),
);

t.test('what one quota refuses is charged to none', (t) =>
  withLifecycle(async (world) => {
    await world.create(quota('a', { 'count/websites.wcp.example': '5', secrets: '5' }));
    await world.create(quota('b', { 'count/websites.wcp.example': '1' }));
    await world.create(site('one'));
    const usage = async () => [await usedOf(world, 'a'), await usedOf(world, 'b')];
    const one = { 'count/websites.wcp.example': '1' };
    t.same(await usage(), [{ ...one, secrets: '0' }, one]);
    const { made } = await outcomes(['two', 'three'].map((name) => world.create(site(name))));
    t.equal(made, 0);
    t.same(await usage(), [{ ...one, secrets: '0' }, one], 'the other one, asked first, had room');
    await world.create({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 's', namespace: 'a' } });
    t.same(await usage(), [{ ...one, secrets: '1' }, one]);
  }),
);
