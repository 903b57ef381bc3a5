import { differencesOf } from './differences.ts';
import { explain, type Explanation, type Finding } from './explained.ts';
import type { Said } from './play.ts';
import { isDry, isWatch, type StreamRequest } from './request.ts';

/** What came of comparing the answers to one stream. */
export interface Verdict {
  /** Requests whose answers were compared. */
  readonly compared: number;
  readonly explained: readonly Explanation[];
  /** All of the first request that has any. */
  readonly unexplained: readonly Finding[];
}

/**
 * Compares the answers to a stream in order, watches at the end. Ends with the first difference that nobody explains, and with one that leaves the servers in
 * different states: what follows follows from it.
 */
export function compare(stream: readonly StreamRequest[], theirs: readonly Said[], ours: readonly Said[]): Verdict {
  const explained: Explanation[] = [];
  let compared = 0;
  for (const [index, request] of watchesLast(stream)) {
    const [their, our] = [theirs[index], ours[index]];
    if (their === undefined || our === undefined) throw new Error('a request was not answered');
    compared += 1;
    const findings = differencesOf(their, our).map((difference) => ({ request, difference, theirs: their, ours: our }));
    const unexplained = findings.filter((finding) => explain(finding) === undefined);
    explained.push(...findings.map(explain).filter((explanation) => explanation !== undefined));
    if (unexplained.length > 0) return { compared, explained, unexplained };
    if (findings.some(partsWays)) break;
  }
  return { compared, explained, unexplained: [] };
}

function watchesLast(stream: readonly StreamRequest[]): readonly (readonly [number, StreamRequest])[] {
  const all = [...stream.entries()];
  return [...all.filter(([, request]) => !isWatch(request)), ...all.filter(([, request]) => isWatch(request))];
}

/** Whether something is stored on one server and not on the other. */
function partsWays({ request, difference: { path }, theirs, ours }: Finding): boolean {
  if (/managedFields|resourceVersion/u.test(path)) return true;
  return request.method !== 'GET' && !isDry(request) && theirs.status < 300 !== ours.status < 300;
}

/** A finding for people: what was asked, and both answers. */
export function told({ request, difference, theirs, ours }: Finding): string {
  return [
    asked(request),
    `  differ in ${difference.path}: theirs ${textOf(difference.theirs)}, ours ${textOf(difference.ours)}`,
    `  theirs ${theirs.status} ${textOf(theirs.body)}`,
    `  ours   ${ours.status} ${textOf(ours.body)}`,
  ].join('\n');
}

const maxShown = 2_000;

function textOf(value: unknown): string {
  return String(JSON.stringify(value)).slice(0, maxShown);
}

/** A request on one line. */
export function asked({ kind, ...request }: StreamRequest): string {
  const { method, name, ...rest } = request;
  return `${method} ${kind.apiVersion} ${kind.kind}${name === undefined ? '' : ` ${name}`} ${JSON.stringify(rest)}`;
}
