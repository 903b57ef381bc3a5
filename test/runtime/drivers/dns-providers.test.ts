import t, { type Test } from 'tap';
import { systemClock } from '#runtime/base/clock.ts';
import type { Owner } from '#runtime/drivers/driver.ts';
import { createDnsProvidersDriver, takesRecord } from '#runtime/drivers/dns-providers/index.ts';
import type { ProviderState } from '#runtime/drivers/dns-providers/model.ts';
import type { Action } from '#runtime/plan/plan.ts';
import type { RecordSets } from '#schemas/meta/record-set.ts';
import { recordsContract, type RecordService } from '#test/contracts/records.ts';
import { startCloudflare } from '#test/lab/dns-providers/cloudflare.ts';
import type { LabProvider } from '#test/lab/dns-providers/lab-provider.ts';

const owner: Owner = { kind: 'Zone', namespace: 'acme', name: 'acme', uid: 'u1' };
const zone = 'acme.example.';
const { signal } = new AbortController();

/** A driver that has just started, before a provider; what is noted outlives it. */
function aGround(provider: LabProvider) {
  const secrets = new Map([['token', provider.secret]]);
  let noted: readonly string[] = [];
  const start = () =>
    createDnsProvidersDriver<object>({
      clock: systemClock,
      endpoints: { [provider.id]: provider.url },
      secrets: () => ({ read: (_namespace, name) => Promise.resolve(secrets.get(name)) }),
      notes: {
        read: () => Promise.resolve(noted),
        write: (_world, _owner, keys) => Promise.resolve(void (noted = keys)),
      },
    });
  let driver = start();
  let version = 1;
  const stateOf = (records: RecordSets): ProviderState => ({
    zone,
    access: { provider: provider.id, secret: { namespace: 'acme', name: 'token', resourceVersion: String(version) } },
    records,
  });
  const observed = async () => driver.of(owner, await driver.observe({}, signal));
  const planned = async (records: RecordSets) =>
    driver.plan(owner, driver.normalize(stateOf(records)), await observed());
  const reach = async (records: RecordSets): Promise<readonly Action[]> => {
    const done: Action[] = [];
    for (let round = 0; round < 5; round += 1) {
      const actions = await planned(records);
      if (actions.length === 0) break;
      for (const action of actions) await driver.apply(action, {}, signal);
      done.push(...actions);
    }
    return done;
  };
  return {
    planned,
    reach,
    observed,
    notes: () => noted,
    setSecret: (values: Readonly<Record<string, string>>) => {
      secrets.set('token', values);
      version += 1;
    },
    restart: () => void (driver = start()),
  };
}

function aService(provider: LabProvider, mostWrites: RecordService['mostWrites']): RecordService {
  const { reach, planned, restart } = aGround(provider);
  return {
    zone,
    takes: (type, isApex) => takesRecord(provider.id, type, isApex),
    reach,
    planned,
    restart,
    clear: async () => void (await reach(new Map())),
    answered: (name, type) => Promise.resolve(provider.answered(name, type)),
    writes: () => provider.asked.filter((each) => !each.startsWith('GET ')).length,
    failAfter: provider.failAfter,
    mostWrites,
  };
}

const providers: readonly {
  readonly name: string;
  readonly start: (t: Test) => Promise<LabProvider>;
  readonly mostWrites: RecordService['mostWrites'];
}[] = [{ name: 'Cloudflare', start: startCloudflare, mostWrites: (sets) => Math.ceil(sets / 200) }];

for (const { name, start, mostWrites } of providers) {
  await t.test(`${name} keeps the laws of records`, async (t) => {
    const provider = await start(t);
    await recordsContract(t, aService(provider, mostWrites));
    t.same(provider.keys(), [], 'no trace is left');
  });
}
