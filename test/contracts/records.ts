import type { Test } from 'tap';
import type { Action } from '#runtime/plan/plan.ts';
import { contentOf, wholeName } from '#schemas/meta/record-content.ts';
import { recordKey, type RecordSets } from '#schemas/meta/record-set.ts';
import { isEqual } from '#runtime/base/json.ts';

/** Values as people declare them, by `www A`. */
export type Declared = Readonly<Record<string, readonly string[]>>;

/** Something that answers for one zone, and the driver that keeps its records as they are declared. */
export interface RecordService {
  /** With the dot at its end. */
  readonly zone: string;
  /** Whether it has records of a type, at the zone itself or below. */
  takes(type: string, isApex: boolean): boolean;
  /** Rounds of the loop until nothing is left to do; what was done. */
  reach(desired: RecordSets): Promise<readonly Action[]>;
  /** What the next round would do. */
  planned(desired: RecordSets): Promise<readonly Action[]>;
  /** Takes away all that is ours. */
  clear(): Promise<void>;
  /** Forgets what is known, as after a start. */
  restart(): void;
  /** What the service says to whoever asks it, contents in order. */
  answered(name: string, type: string): Promise<readonly string[]>;
  /** How often it was asked to change something. */
  writes(): number;
  /** One of the next requests fails: how many go well before, and whether that one was carried out all the same. */
  failAfter(skipped: number, fault: 'before' | 'after'): void;
  /** Requests that so many new sets may take. */
  readonly mostWrites: (sets: number) => number;
}

const examples: Declared = {
  'a A': ['192.0.2.1', '192.0.2.2'],
  'aaaa AAAA': ['2001:db8::1'],
  '@ ALIAS': ['www.other.example'],
  '@ CAA': ['0 issue "letsencrypt.org"', '128 iodef "mailto:security@acme.example"'],
  'cname CNAME': ['www.other.example'],
  'sub DS': ['12345 13 2 5f78a1b2c3d4e5f60718293a4b5c6d7e8f90112233445566778899aabbccddee'],
  'https HTTPS': ['1 . alpn=h2,h3', '2 www.other.example port=8443'],
  '@ MX': ['10 mail.other.example', '20 mail.acme.example'],
  'naptr NAPTR': ['100 10 "S" "SIP+D2U" "" _sip._udp.acme.example'],
  'sub NS': ['ns1.other.example', 'ns2.other.example'],
  'ptr PTR': ['www.other.example'],
  '_https._tcp SRV': ['0 5 443 www.other.example', '10 0 443 .'],
  'ssh SSHFP': ['4 2 5f78a1b2c3d4e5f60718293a4b5c6d7e8f90112233445566778899aabbccddee'],
  '_8443._foo SVCB': ['1 www.other.example alpn=h2'],
  '_443._tcp TLSA': ['3 1 1 5f78a1b2c3d4e5f60718293a4b5c6d7e8f90112233445566778899aabbccddee'],
  'text TXT': ['v=spf1 -all'],
  '*.any A': ['192.0.2.3'],
};

/** Texts that a careless reader takes for something else. */
const texts: readonly string[] = [
  'plain',
  'two  blanks; and a semicolon',
  'a "quoted" word and a back\\slash',
  '"wholly quoted"',
  '$INCLUDE /etc/passwd',
  '@',
  'ends with a dot.',
  'Grüße, 世界',
  `${'v=DKIM1; p='}${'A'.repeat(400)}`,
];

/** The laws that PowerDNS and every provider of name servers keep, seen from the one who declares. */
export async function recordsContract(t: Test, service: RecordService): Promise<void> {
  const { zone } = service;
  const go = async (declared: Declared) => await service.reach(tableOf(declared, zone));

  await t.test('records of every type that the service has are answered as they are declared', async (t) => {
    const taken = Object.entries(examples).filter(([key]) => {
      const [name = '', type = ''] = key.split(' ');
      return service.takes(type, name === '@');
    });
    t.ok(taken.length >= 8, `${taken.length} types`);
    const table = tableOf(Object.fromEntries(taken), zone);
    await service.reach(table);
    for (const [key, { contents }] of table) {
      const [name = '', type = ''] = key.split(' ');
      t.same(await service.answered(name, type), contents, key);
    }
    service.restart();
    t.same((await service.reach(table)).filter(isWrite), [], 'what was read back is what was written');
    await service.clear();
  });

  await t.test('a text is the text that was declared, whatever it looks like', async (t) => {
    const table = tableOf({ 'many TXT': texts }, zone);
    await service.reach(table);
    t.same(await service.answered(`many.${zone}`, 'TXT'), [...table.values()][0]?.contents);
    service.restart();
    t.same((await service.reach(table)).filter(isWrite), []);
    await service.clear();
  });

  await t.test('an applied plan leaves nothing to plan, and survives JSON', async (t) => {
    for (const state of [
      { 'www A': ['192.0.2.1'], '@ MX': ['10 mail.acme.example'] },
      { 'www A': ['192.0.2.2', '192.0.2.1'], 'text TXT': ['a', 'b'] },
      { 'www CNAME': ['shop.acme.example'], 'b A': ['192.0.2.3'] },
      {},
    ]) {
      for (const action of await go(state)) t.ok(isEqual(JSON.parse(JSON.stringify(action)), action), action.op);
      t.same(await service.planned(tableOf(state, zone)), []);
    }
    await service.clear();
  });

  await t.test('a look at what stands writes nothing', async (t) => {
    const state = { 'www A': ['192.0.2.1'], 'text TXT': ['x'] };
    await go(state);
    const before = service.writes();
    service.restart();
    await go(state);
    await go(state);
    t.equal(service.writes(), before);
    await service.clear();
  });

  await t.test('a change of one set leaves the others alone', async (t) => {
    await go({ 'www A': ['192.0.2.1'], 'keep TXT': ['kept'] });
    const actions = await go({ 'www A': ['192.0.2.9', '192.0.2.1'], 'keep TXT': ['kept'] });
    t.notOk(JSON.stringify(actions.filter(isWrite)).includes(`keep.${zone}`));
    t.same(await service.answered(`www.${zone}`, 'A'), ['192.0.2.1', '192.0.2.9']);
    t.same(await service.answered(`keep.${zone}`, 'TXT'), ['"kept"']);
    await service.clear();
  });

  await t.test('an address gives way to a CNAME, and a CNAME to addresses', async (t) => {
    for (const [state, type] of [
      [{ 'www A': ['192.0.2.1'], 'www AAAA': ['2001:db8::1'] }, 'A'],
      [{ 'www CNAME': ['shop.acme.example'] }, 'CNAME'],
      [{ 'www AAAA': ['2001:db8::1'] }, 'AAAA'],
    ] as const) {
      await go(state);
      for (const each of ['A', 'AAAA', 'CNAME'])
        t.equal(
          (await service.answered(`www.${zone}`, each)).length > 0,
          each === type || `www ${each}` in state,
          each,
        );
    }
    await service.clear();
  });

  await t.test('many sets take few requests, and are read back whole', async (t) => {
    const sets = 230;
    const many = Object.fromEntries(
      Array.from({ length: sets }, (_, index) => [`n${index} A`, [`192.0.2.${index % 250}`]]),
    );
    const before = service.writes();
    await go(many);
    t.ok(service.writes() - before <= service.mostWrites(sets), `${service.writes() - before} writes`);
    service.restart();
    t.same((await go(many)).filter(isWrite), []);
    await service.clear();
    t.same(await service.answered(`n7.${zone}`, 'A'), []);
  });

  await t.test('after a request that failed, carried out or not, it ends where it would have without', async (t) => {
    const way: readonly Declared[] = [
      { 'www A': ['192.0.2.1'], 'text TXT': ['a', 'b'] },
      { 'www CNAME': ['shop.acme.example'], 'text TXT': ['b', 'c'], 'new A': ['192.0.2.7'] },
      {},
    ];
    let points = 0;
    for (const fault of ['before', 'after'] as const) {
      for (let skipped = 0; skipped < 8; skipped += 1) {
        for (const state of way) {
          const table = tableOf(state, zone);
          service.failAfter(skipped, fault);
          const failed = await service.reach(table).then(
            () => false,
            () => true,
          );
          if (failed) points += 1;
          service.failAfter(Number.POSITIVE_INFINITY, fault);
          await service.reach(table);
          for (const [key, { contents }] of table) {
            const [name = '', type = ''] = key.split(' ');
            t.same(await service.answered(name, type), contents, `${key} after ${fault} ${skipped}`);
          }
          t.same(await service.planned(table), []);
        }
      }
    }
    await service.clear();
    t.ok(points >= 6, `${points} faults`);
  });
}

/** Actions that change what is answered. */
export function isWrite({ op }: Action): boolean {
  return /-(records|zone|settings)$/.test(op) && !/^(look|note|forget)-/.test(op);
}

export function tableOf(declared: Declared, zone: string, ttlSeconds = 300): RecordSets {
  return new Map(
    Object.entries(declared).map(([key, values]) => {
      const [name = '', type = ''] = key.split(' ');
      const contents = values.map((value) => contentOf(type, value) ?? '').toSorted();
      return [recordKey(wholeName(name, zone), type), { ttlSeconds, contents }] as const;
    }),
  );
}
