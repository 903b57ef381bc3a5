import fc from 'fast-check';
import type { LabApi } from '#test/lab/lab-api.ts';
import { asked, compare, signatureOf, told, type Verdict } from './compare.ts';
import type { Explanation, Finding } from './explanation.ts';
import { play } from './play.ts';
import type { StreamRequest } from './request.ts';

/** The servers that are compared: `theirs` is right. */
export interface Pair {
  readonly theirs: LabApi;
  readonly ours: LabApi;
}

/** A difference that nobody explains, with the shortest stream that shows it. */
export interface Unexplained {
  /** Of the stream in which it was first seen: a run with this seed begins with that stream. */
  readonly seed: number;
  readonly stream: readonly StreamRequest[];
  readonly text: string;
  /** In how many streams it was seen. */
  count: number;
}

type Shown = Pick<Unexplained, 'stream' | 'text'>;

export interface SearchOptions {
  readonly seed: number;
  /** How many requests at least. */
  readonly requests: number;
  /** Streams that are played at once, each in a namespace of its own. */
  readonly lanes: number;
  /** Of what is played. */
  readonly streams: fc.Arbitrary<readonly StreamRequest[]>;
}

/** A failing stream is made shorter for so long. */
const shrinkMs = 30_000;

/** Differences of one cause that are told. */
const maxTold = 3;

/** Plays random streams on two servers, and goes on after a difference: one search finds all there are. */
export class Search {
  requests = 0;
  streams = 0;
  readonly explained = new Map<Explanation, number>();
  /** By signature. */
  readonly unexplained = new Map<string, Unexplained>();
  readonly #pair: Pair;
  readonly #prefix: string;
  #namespaces = 0;

  /** `prefix`: of its namespaces, for a search on servers that were searched before. */
  constructor(pair: Pair, prefix = 's') {
    this.#pair = pair;
    this.#prefix = prefix;
  }

  async run({ seed, requests, lanes, streams }: SearchOptions): Promise<void> {
    const seeds = seedsFrom(seed);
    const enough = this.requests + requests;
    const lane = async (): Promise<void> => {
      while (this.requests < enough) await this.#look(streams, seeds.next().value);
    };
    await Promise.all(Array.from({ length: lanes }, lane));
  }

  /** Plays one stream; when it shows something new, also shorter ones, down to the shortest that shows the same. */
  async #look(streams: SearchOptions['streams'], seed: number): Promise<void> {
    let wanted: string | undefined;
    let deadline = Number.POSITIVE_INFINITY;
    let broken: Error | undefined;
    const property = fc.asyncProperty(streams, async (stream) => {
      // Whatever comes late passes, which ends the shrinking.
      if (performance.now() > deadline) return;
      const play = wanted === undefined ? this.#playFirst(stream) : this.#playBoth(stream);
      const { unexplained } = await play.catch((err: unknown) => {
        broken = new Error(stream.map(asked).join('\n'), { cause: err });
        return { unexplained: [] };
      });
      wanted ??= this.#firstNew(unexplained);
      const text = textOf(unexplained, wanted);
      if (text === undefined) return;
      deadline = Math.min(deadline, performance.now() + shrinkMs);
      throw new Error(text);
    });
    const { failed, counterexample, errorInstance } = await fc.check(property, { seed, numRuns: 1, unbiased: true });
    if (broken !== undefined) throw broken;
    if (!failed || wanted === undefined) return;
    const [shrunk = []] = counterexample ?? [];
    const { stream, text: differences } = await this.#withoutEnd(
      { stream: shrunk, text: String(errorInstance) },
      wanted,
    );
    const text = [...stream.map(asked), differences].join('\n');
    this.unexplained.set(wanted, { seed, stream, text, count: this.unexplained.get(wanted)?.count ?? 1 });
  }

  /** An array shrinks by any of its items but the last one. */
  async #withoutEnd(shown: Shown, wanted: string): Promise<Shown> {
    const stream = shown.stream.slice(0, -1);
    if (stream.length === 0) return shown;
    const { unexplained } = await this.#playBoth(stream);
    const text = textOf(unexplained, wanted);
    return text === undefined ? shown : await this.#withoutEnd({ stream, text }, wanted);
  }

  /** Counts what is known already; the signature of the first that is not, which is known from now on. */
  #firstNew(findings: readonly Finding[]): string | undefined {
    const signatures = [...new Set(findings.map(signatureOf))];
    for (const signature of signatures) {
      const known = this.unexplained.get(signature);
      if (known !== undefined) known.count += 1;
    }
    const first = signatures.find((signature) => !this.unexplained.has(signature));
    if (first !== undefined) this.unexplained.set(first, { seed: 0, stream: [], text: '', count: 1 });
    return first;
  }

  /** What is made shorter later counts as it was. */
  async #playFirst(stream: readonly StreamRequest[]): Promise<Verdict> {
    this.requests += stream.length;
    this.streams += 1;
    const verdict = await this.#playBoth(stream);
    for (const { explanation } of verdict.explained)
      this.explained.set(explanation, (this.explained.get(explanation) ?? 0) + 1);
    return verdict;
  }

  async #playBoth(stream: readonly StreamRequest[]): Promise<Verdict> {
    this.#namespaces += 1;
    return await this.show(stream, `${this.#prefix}-${this.#namespaces}`);
  }

  /** Plays one stream in a namespace that nobody has used; it counts for nothing. */
  async show(stream: readonly StreamRequest[], namespace: string): Promise<Verdict> {
    const { theirs, ours } = this.#pair;
    const [their, our] = await Promise.all([play(theirs, stream, namespace), play(ours, stream, namespace)]);
    return compare(stream, their, our);
  }
}

/** What of a difference is told; undefined when it is not there. */
function textOf(findings: readonly Finding[], signature: string | undefined): string | undefined {
  const found = findings.filter((finding) => signatureOf(finding) === signature);
  return found.length === 0 ? undefined : found.slice(0, maxTold).map(told).join('\n');
}

/** The seed itself and then any number of others that follow from it. */
function* seedsFrom(seed: number): Generator<number, never> {
  yield seed;
  for (let step = 1; ; step += 1) yield fc.sample(fc.integer(), { seed: seed + step, numRuns: 1 })[0] ?? step;
}
