import type { Test } from 'tap';
import { HostError } from '#runtime/base/errors.ts';
import { contentOfPresented } from '#runtime/drivers/dns-providers/presentation.ts';
import type { Owner } from '#runtime/drivers/driver.ts';
import { powerdnsDriver as driver, type ZoneState, type ZoneTable } from '#runtime/drivers/powerdns/index.ts';
import type { RecordSets } from '#schemas/meta/record-set.ts';
import { aZoneTable, type NameServer } from '#test/lab/name-server.ts';
import { reach } from './driver.ts';
import { recordsContract } from './records.ts';

const zone = 'acme.example.';

/** The laws of records over a PowerDNS, whatever keeps its zones; nothing of `owner` is left there. */
export async function powerdnsRecords(t: Test, server: NameServer, owner: Owner): Promise<void> {
  const { world, signal } = server;
  let fault: { left: number; readonly when: 'before' | 'after' } | undefined;
  const faulty: typeof world.host = {
    ...world.host,
    httpRequest: async (request, asking) => {
      const when = fault !== undefined && fault.left-- === 0 ? fault.when : undefined;
      if (when === 'before') throw new HostError('the connection was cut');
      const answer = await world.host.httpRequest(request, asking);
      if (when === 'after') throw new HostError('the connection was cut');
      return answer;
    },
  };
  // SOA and NS are the platform's, and stand in each state.
  const tableFor = (records: RecordSets): ZoneTable => {
    const [[name, state]] = [...aZoneTable(zone)] as [[string, ZoneState]];
    return new Map([[name, { ...state, records: new Map([...state.records, ...records]) }]]);
  };
  const under = async (records: RecordSets) =>
    await reach(driver, { ...world, host: faulty }, owner, tableFor(records));
  await recordsContract(t, {
    zone,
    takes: (type) => type !== 'ALIAS',
    reach: under,
    planned: async (records) => {
      const found = driver.of(owner, await driver.observe(world, signal));
      return driver.plan(owner, driver.normalize(tableFor(records)), found);
    },
    clear: async () => void (await under(new Map())),
    restart: () => undefined,
    answered: async (name, type) => {
      const lines = await server.dig(name, type, '+noshort', '+noall', '+answer', '+authority', '+tcp');
      return lines.flatMap((line) => {
        const [, owner = '', found, data = ''] = /^(\S+)\s+\d+\s+IN\s+(\S+)\s+(.*)$/.exec(line) ?? [];
        return owner === name && found === type ? (contentOfPresented(type, data) ?? line) : [];
      });
    },
    writes: () => server.asked.filter((each) => !each.startsWith('GET ')).length,
    failAfter: (skipped, when) => void (fault = { left: skipped, when }),
    mostWrites: () => 1,
  });
  await reach(driver, world, owner, driver.nothing);
}
