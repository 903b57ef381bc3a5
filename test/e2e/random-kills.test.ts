import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { killProcess } from '#test/lab/kill.ts';
import { randomFrom } from '#test/lab/random.ts';
import { startInstance, until, type LabInstance } from '#test/lab/instance.ts';
import { aDomain, declare, declareTenant, domainType } from '#test/lab/tenants.ts';
import { conditionOf } from '#test/lab/widgets.ts';

const seed = Number(process.env['WCP360_SEED'] ?? '7');
const names = Array.from({ length: 20 }, (_, index) => `shop${index}`);

/** Kills the agent three times at random moments after it came up, the first time while `work` goes on; tells how long each lived. */
async function killing(instance: LabInstance, random: () => number, work: () => Promise<void>): Promise<string> {
  const lives: number[] = [];
  let last = 0;
  const another = async (): Promise<number | undefined> => {
    const pid = (await instance.services()).get('agent')?.pid;
    return pid === last ? undefined : pid;
  };
  const killer = async (): Promise<void> => {
    for (let count = 0; count < 3; count += 1) {
      last = await until(another, 'another agent');
      const lifeMs = Math.round(20 + random() * 700);
      await delay(lifeMs);
      killProcess(last);
      lives.push(lifeMs);
    }
  };
  await Promise.all([killer(), work()]);
  return lives.join(', ');
}

t.test('an agent that is killed at random moments of making, changing and deleting 20 sites', async (t) => {
  const random = randomFrom(seed);
  t.comment(`WCP360_SEED=${seed}`);
  const instance = await startInstance();
  t.teardown(() => instance.stop());
  const client = await instance.client();
  await declareTenant(client, 'acme');
  const sites = async (): Promise<readonly string[]> =>
    (await readdir(join(instance.directory, 'front/sites'))).filter((name) => !name.startsWith('.')).toSorted();
  const areReady = async (generation: number): Promise<boolean> => {
    const { items } = await client.list(domainType, { namespace: 'acme' });
    return items.every((item) => {
      const ready = conditionOf(item, 'Ready');
      return ready?.['status'] === 'True' && ready['observedGeneration'] === generation;
    });
  };

  const made = await killing(instance, random, async () => {
    for (const name of names)
      await declare(client, domainType, aDomain('acme', name, name.endsWith('3') ? { php: {} } : {}));
  });
  await until(() => areReady(1), 'all sites');
  t.strictSame(await sites(), names.map((name) => `${name}.acme.test`).toSorted());

  const changed = await killing(instance, random, async () => {
    for (const name of names)
      await declare(client, domainType, aDomain('acme', name, { aliases: [`${name}.other.test`] }));
  });
  await until(() => areReady(2), 'all changes');
  const both = names.flatMap((name) => [`${name}.acme.test`, `${name}.other.test`]).toSorted();
  t.strictSame(await sites(), both);
  for (const hostname of both) t.equal((await instance.http(hostname)).status, 200, hostname);

  const deleted = await killing(instance, random, async () => {
    for (const name of names) await client.delete(domainType, { namespace: 'acme', name });
  });
  await until(async () => (await client.list(domainType)).items.length === 0, 'all to go');
  t.strictSame(await sites(), []);
  t.strictSame(await readdir(join(instance.directory, 'tenants/acme/domains')), []);
  const kept = await readdir(join(instance.directory, 'kept/domain/acme'));
  t.strictSame(kept.toSorted(), names.toSorted(), 'and every directory is kept');
  t.strictSame(await readdir(join(instance.directory, 'run/pools')), []);
  t.comment(`killed after ms: ${made}; ${changed}; ${deleted}`);
});
