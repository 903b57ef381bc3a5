import { differencesOf } from './differences.ts';
import { explain } from './explained.ts';
import type { Explanation, Finding } from './explanation.ts';
import type { Said } from './play.ts';
import { isDry, isWatch, type StreamRequest } from './request.ts';

/** A finding that is meant to be. */
export interface Explained {
  readonly finding: Finding;
  readonly explanation: Explanation;
}

/** What came of comparing the answers to one stream. */
export interface Verdict {
  readonly explained: readonly Explained[];
  readonly unexplained: readonly Finding[];
}

/** Compares the answers to a stream in order, watches at the end. Ends with a difference that leaves the servers in different states: what follows follows from it. */
export function compare(stream: readonly StreamRequest[], theirs: readonly Said[], ours: readonly Said[]): Verdict {
  const explained: Explained[] = [];
  const unexplained: Finding[] = [];
  for (const [index, request] of watchesLast(stream)) {
    const [their, our] = [theirs[index], ours[index]];
    if (their === undefined || our === undefined) throw new Error('a request was not answered');
    const findings = differencesOf(their, our).map((difference) => ({ request, difference, theirs: their, ours: our }));
    for (const finding of findings) {
      const explanation = explain(finding);
      if (explanation === undefined) unexplained.push(finding);
      else explained.push({ finding, explanation });
    }
    if (findings.some(partsWays)) break;
  }
  return { explained, unexplained };
}

function watchesLast(stream: readonly StreamRequest[]): readonly (readonly [number, StreamRequest])[] {
  const all = [...stream.entries()];
  return [...all.filter(([, request]) => !isWatch(request)), ...all.filter(([, request]) => isWatch(request))];
}

/** Whether something is stored on one server and not, or not the same, on the other. */
function partsWays(finding: Finding): boolean {
  const { request, difference, theirs, ours } = finding;
  if (/managedFields|resourceVersion/u.test(difference.path)) return true;
  if (theirs.status >= 300 && ours.status >= 300) return false;
  return explain(finding) === undefined || (isStored(request) && theirs.status < 300 !== ours.status < 300);
}

function isStored(request: StreamRequest): boolean {
  return request.method !== 'GET' && !isDry(request);
}

/** What findings of one cause have in common: who was asked for what, how each answered, and where they differ. */
export function signatureOf({ request, difference, theirs, ours }: Finding): string {
  const { method, kind, headers } = request;
  const [, type = 'json'] = /application\/([a-z-]+)/u.exec(headers['content-type'] ?? '') ?? [];
  const asked = [
    isWatch(request) ? 'WATCH' : method,
    ...(method === 'PATCH' ? [type] : []),
    kind.apiVersion,
    kind.kind,
    ...(request.subresource === undefined ? [] : [request.subresource]),
  ];
  const where = theirs.status === ours.status ? difference.path.replaceAll(/\[\d+\]/gu, '[]') : 'status';
  return [...asked, `${theirs.status}/${ours.status}`, where].join(' ');
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
