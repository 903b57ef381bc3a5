import type { RefusedName } from '#runtime/base/errors.ts';

const urn = 'urn:ietf:params:acme:error:';
const longestMessage = 500;

/** What a problem document says, in one line without control characters: it is shown to people. */
export function sayingOf(document: unknown): {
  readonly type: string;
  readonly message: string;
  readonly names: readonly RefusedName[];
} {
  const { type, detail, subproblems } = fieldsOf(document);
  const kind = typeof type === 'string' && type.startsWith(urn) ? type.slice(urn.length) : 'serverInternal';
  const names = (Array.isArray(subproblems) ? subproblems : []).flatMap((each): readonly RefusedName[] => {
    const { identifier, detail: why } = fieldsOf(each);
    const { value } = fieldsOf(identifier);
    return typeof value === 'string' ? [{ dnsName: plain(value), message: plain(why) }] : [];
  });
  return { type: plain(kind), message: plain(detail), names };
}

/** Text of another program as one short line. */
export function plain(text: unknown): string {
  return typeof text === 'string' ? text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ').slice(0, longestMessage) : '';
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}
