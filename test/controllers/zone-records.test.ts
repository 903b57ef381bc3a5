import t from 'tap';
import { dnsRecordKind, zoneKind, type DNSRecord } from '#schemas/index.ts';
import { ANNOTATIONS } from '#schemas/meta/names.ts';
import type { Zone } from '#schemas/v1alpha1/zone.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import { createObjectStore } from '#runtime/manager/object-store.ts';
import { answerOf } from '#controllers/dns-record/answer.ts';
import { mostNamesakes, namesakesWatch, recordIndexes, settleRecords } from '#controllers/zone-records.ts';
import { aCache } from '#test/builders/cache.ts';
import { anObject } from '#test/builders/objects.ts';

void t.test('of records of one name those of people count, then those of Domains, then those of the package', (t) => {
  const zone = anObject(zoneKind, {
    metadata: { name: 'acme', namespace: 'acme' },
    spec: { name: 'acme.example' },
  });
  const owned = (owner: string | undefined) =>
    owner === undefined ? {} : { annotations: { [ANNOTATIONS.owner]: owner } };
  const record = (name: string, type: string, { value, owner }: { value: string; owner?: string }): DNSRecord =>
    anObject(dnsRecordKind, {
      metadata: { name, namespace: 'acme', ...owned(owner) },
      spec: { zoneRef: { name: 'acme' }, name: '@', type, values: [value] },
    });
  const [ofDomain, ofPackage] = ['Domain/acme/shop', 'Zone/acme/acme'];
  const { sets, verdicts } = settleRecords(
    zone,
    [
      record('package-a', 'A', { value: '192.0.2.1', owner: ofPackage }),
      record('domain-a', 'A', { value: '192.0.2.2', owner: ofDomain }),
      record('package-spf', 'TXT', { value: 'v=spf1 mx -all', owner: ofPackage }),
      record('own-spf', 'TXT', { value: 'V=SPF1 a -all' }),
      record('package-text', 'TXT', { value: 'owner=1', owner: ofPackage }),
      record('own-caa', 'CAA', { value: '0 issue "one.example"' }),
      record('domain-caa', 'CAA', { value: '0 issue "two.example"', owner: ofDomain }),
    ],
    [],
  );
  const contents = [...sets].map(([key, set]) => [key, set.contents]);
  t.same(Object.fromEntries(contents), {
    'acme.example. A': ['192.0.2.2'],
    'acme.example. CAA': ['0 issue "one.example"'],
    'acme.example. TXT': ['"V=SPF1 a -all"', '"owner=1"'],
  });
  const unanswered = [...verdicts]
    .filter(([, { isAnswered }]) => !isAnswered)
    .map(([name, { reason }]) => [name, reason]);
  t.same(Object.fromEntries(unanswered), {
    'package-a': 'Overridden',
    'package-spf': 'Overridden',
    'domain-caa': 'Overridden',
  });
  t.end();
});

/** DNSRecords of one name, from the oldest on, as a cache shows them. */
function namesakes(count: number, spec: (index: number) => object) {
  const store = createObjectStore();
  for (const { index } of recordIndexes) store.addIndex(index);
  const records = Array.from({ length: count }, (_, index) => {
    const metadata = { name: `r${index}`.padEnd(8, '-'), namespace: 'acme', creationTimestamp: time(index) };
    return anObject(dnsRecordKind, { metadata, spec: { zoneRef: { name: 'acme' }, name: 'www', ...spec(index) } });
  });
  for (const record of records) store.set(record);
  const zone = anObject(zoneKind, {
    metadata: { name: 'acme', namespace: 'acme' },
    spec: { name: 'acme.example' },
    status: { host: 'web1', servedBy: 'web1' },
  });
  const cache = {
    ...aCache([]),
    get: () => zone,
    byIndex: (_kind: unknown, index: string, value: string) => store.byIndex(index, value),
  } as unknown as Cache;
  return { zone, records, store, cache };
}

function time(second: number): string {
  return new Date(1_800_000_000_000 + second * 1_000).toISOString();
}

void t.test('whatever number of DNSRecords of one name there is, each is settled once for all who ask', (t) => {
  const { records, cache } = namesakes(4_000, (index) => ({ type: 'TXT', values: [`v=a${index % 10} ${index}`] }));
  // What was settled each time, with each text compared with each, took minutes.
  const verdicts = records.map((record) => answerOf(record, cache.get(zoneKind, { name: '' }) as Zone, cache));
  const reasons = verdicts.map((answer) => ('verdict' in answer ? answer.verdict.reason : 'Pending'));
  t.same(new Set(reasons.slice(0, mostNamesakes)), new Set(['Answered']));
  t.same(new Set(reasons.slice(mostNamesakes)), new Set(['TooManyRecords']));
  t.end();
});

void t.test('of DNSRecords of one name few are woken by a change, and none by what a status says', (t) => {
  const { records, store, cache } = namesakes(1_000, () => ({ type: 'A', values: ['192.0.2.1'] }));
  const [first, second] = records as [DNSRecord, DNSRecord];
  const woken = (): readonly string[] => namesakesWatch.keysOf(first, cache).map(({ name }) => name);
  t.same(
    woken(),
    records.slice(0, 2 * mostNamesakes).map(({ metadata }) => metadata.name),
  );
  store.delete(`acme/${second.metadata.name}`);
  t.ok(woken().includes(records[mostNamesakes]?.metadata.name ?? ''), 'the one whose turn it is now');
  const answered = { ...first, status: { host: 'web1' } };
  t.equal(namesakesWatch.isNews?.(answered, first, 'modified'), false);
  const edited = { ...first, metadata: { ...first.metadata, generation: 7 } };
  t.equal(namesakesWatch.isNews?.(edited, first, 'modified'), true);
  t.equal(namesakesWatch.isNews?.(first, undefined, 'added'), true);
  t.end();
});

void t.test('records of one name and type are taken as long as they fit into an answer', (t) => {
  const { zone, records } = namesakes(6, (index) =>
    index === 5
      ? { type: 'TXT', values: ['small'] }
      : { type: 'TXT', values: ['a', 'b', 'c', 'd', 'e'].map((letter) => `${index}${letter}`.padEnd(2_048, 'é')) },
  );
  const { sets, verdicts } = settleRecords(zone, records, []);
  const reasons = records.map(({ metadata }) => verdicts.get(metadata.name)?.reason);
  t.same(reasons, ['Answered', 'Answered', 'Answered', 'AnswerTooLarge', 'AnswerTooLarge', 'Answered']);
  t.equal(sets.get('www.acme.example. TXT')?.contents.length, 16);
  t.end();
});
