import { excludesType, recordKey, type RecordSet } from '#schemas/meta/record-set.ts';

/** Whether what an object declares is answered, and why not. */
export interface Verdict {
  readonly isAnswered: boolean;
  readonly reason: string;
  readonly message: string;
}

/** One record set that somebody wants. */
export interface Candidate {
  /** What people declare counts for more than what follows from a site, that for more than what the package gives, and that for more than what every zone has. */
  readonly source: 'Declared' | 'Derived' | 'Package' | 'Platform';
  /** Name of the DNSRecord; empty for what every zone has. */
  readonly object: string;
  /** RFC 3339. */
  readonly createdAt: string;
  /** The whole name, with the dot at its end. */
  readonly name: string;
  readonly type: string;
  readonly set: RecordSet;
}

/** What is answered, by `recordKey`, and what becomes of each DNSRecord, by its name. */
export interface Settled {
  readonly sets: ReadonlyMap<string, RecordSet>;
  readonly verdicts: ReadonlyMap<string, Verdict>;
}

/** What has been taken at a name: what may stand in the way of those that count for less, and no more. */
interface Taken {
  readonly types: Map<string, TakenType>;
  /** `spf1` → the text that counts for most of those that say it. */
  readonly policies: Map<string, Candidate>;
}

interface TakenType {
  readonly first: Candidate;
  readonly contents: Set<string>;
  ttlSeconds: number;
  bytes: number;
}

/** An answer is 65,535 bytes at most (RFC 1035 §4.2.2); what else stands in it, a signature among that, takes some. */
const mostAnswerBytes = 64_000;
/** Name (a pointer), type, class, time to live and length. */
const recordHeadBytes = 12;

const ranks = { Declared: 0, Derived: 1, Package: 2, Platform: 3 } as const;

/** Of two of a name that counts for more whose text is less. */
export function orderOf({ source, createdAt, object }: Pick<Candidate, 'source' | 'createdAt' | 'object'>): string {
  return `${ranks[source]} ${createdAt} ${object}`;
}

function compareCandidates(a: Candidate, b: Candidate): number {
  return orderOf(a) < orderOf(b) ? -1 : 1;
}

/** Those that count for more first: each is taken unless one before it stands in its way, or there is no room for it in an answer. */
export function settleName(
  candidates: readonly Candidate[],
  into: { readonly sets: Map<string, RecordSet>; readonly verdicts: Map<string, Verdict> },
): void {
  const taken: Taken = { types: new Map(), policies: new Map() };
  for (const candidate of candidates.toSorted(compareCandidates)) {
    const verdict = judged(candidate, taken);
    if (verdict.isAnswered) take(candidate, taken);
    if (candidate.object !== '') into.verdicts.set(candidate.object, verdict);
  }
  for (const [type, { first, ttlSeconds, contents }] of taken.types) {
    into.sets.set(recordKey(first.name, type), { ttlSeconds, contents: [...contents].toSorted() });
  }
}

const answered: Verdict = { isAnswered: true, reason: 'Answered', message: 'The name server answers with the record.' };

function judged(candidate: Candidate, taken: Taken): Verdict {
  const before = blockerOf(candidate, taken);
  if (before !== undefined) return lost(candidate, before);
  const { bytes, contents } = taken.types.get(candidate.type) ?? { bytes: 0 };
  if (bytes + bytesOf(candidate, contents) <= mostAnswerBytes) return answered;
  const message = `With it ${candidate.type} of ${candidate.name} would be larger than an answer can be (64 KiB).`;
  return refused('AnswerTooLarge', message);
}

/** What counts for most of what stands in its way. */
function blockerOf(candidate: Candidate, { types, policies }: Taken): Candidate | undefined {
  const byType = [...types.values()].find(({ first }) => excludes(first, candidate));
  // Of two policies of one kind at a name neither counts (RFC 7208 §4.5, RFC 7489 §6.6.3).
  const byPolicy = policiesOf(candidate)
    .flatMap((policy) => policies.get(policy) ?? [])
    .filter(({ source }) => source !== candidate.source);
  return [...(byType === undefined ? [] : [byType.first]), ...byPolicy].toSorted(compareCandidates)[0];
}

/** Texts of several objects stand beside each other: each proves something else. Any other set is one object's alone, or the same in all. */
function excludes(one: Candidate, two: Candidate): boolean {
  if (one.type !== two.type) return excludesType(one.type, two.type);
  return one.type !== 'TXT' && !isSame(one.set.contents, two.set.contents);
}

function isSame(one: readonly string[], two: readonly string[]): boolean {
  return one.length === two.length && one.every((content, index) => content === two[index]);
}

function policiesOf({ type, set }: Candidate): readonly string[] {
  if (type !== 'TXT') return [];
  return set.contents.flatMap((text) => /^"v=([a-z]+[0-9])/i.exec(text)?.[1]?.toLowerCase() ?? []);
}

function take(candidate: Candidate, { types, policies }: Taken): void {
  const { type, set } = candidate;
  const { ttlSeconds } = set;
  const into: TakenType = types.get(type) ?? { first: candidate, contents: new Set(), ttlSeconds, bytes: 0 };
  types.set(type, into);
  into.ttlSeconds = Math.min(into.ttlSeconds, ttlSeconds);
  into.bytes += bytesOf(candidate, into.contents);
  for (const content of set.contents) into.contents.add(content);
  for (const policy of policiesOf(candidate)) if (!policies.has(policy)) policies.set(policy, candidate);
}

/** What a set adds to those that stand there: as many bytes as its text has, in which an escaped one is written as several. */
function bytesOf({ set }: Candidate, beside?: ReadonlySet<string>): number {
  const added = set.contents.filter((content) => beside?.has(content) !== true);
  return added.reduce((sum, content) => sum + recordHeadBytes + content.replaceAll(/\\(?:\d{3}|.)/g, '.').length, 0);
}

/** The verdict on what is not answered. */
export function refused(reason: string, message: string): Verdict {
  return { isAnswered: false, reason, message };
}

function lost({ source, name, type }: Candidate, winner: Candidate): Verdict {
  const by = winner.object === '' ? 'every zone has it' : `DNSRecord ${winner.object} says what is answered`;
  const what = `${winner.type} of ${name}`;
  if (winner.source === 'Declared' && source !== 'Declared') {
    return refused('Overridden', `Somebody declared ${what} (${winner.object}), which counts for more.`);
  }
  if (winner.source === 'Derived' && source === 'Package') {
    return refused('Overridden', `${what} follows from a Domain (${winner.object}), which counts for more.`);
  }
  if (winner.type !== type) return refused('RecordConflict', `${type} cannot stand beside ${what}; ${by}.`);
  return refused('RecordTaken', `${what} is there already: ${by}.`);
}
