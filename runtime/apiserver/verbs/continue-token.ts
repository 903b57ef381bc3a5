import { isRecord } from '#runtime/base/json.ts';
import { badRequest } from '#runtime/apiserver/http/api-errors.ts';

/** Where the next page starts, and the revision that all pages show; -1 stands for "whatever is current". */
export interface ContinueToken {
  readonly revision: number;
  /** `<namespace>/<name>` of the last object that was sent; only the name for cluster-scoped kinds and lists of one namespace. */
  readonly after: string;
}

const version = 'meta.k8s.io/v1';

export function encodeContinue(token: ContinueToken): string {
  const start = `${token.after}\u0000`;
  return Buffer.from(JSON.stringify({ v: version, rv: token.revision, start })).toString('base64url');
}

/** 400 for anything that this server did not write. */
export function decodeContinue(text: string): ContinueToken {
  const token = parse(text);
  const { v, rv, start } = token;
  if (
    v !== version ||
    typeof rv !== 'number' ||
    !Number.isInteger(rv) ||
    typeof start !== 'string' ||
    !start.endsWith('\u0000')
  ) {
    throw badRequest(
      'invalid continue token: continue key is not valid: encoded start key or version is not supported',
    );
  }
  return { revision: rv, after: start.slice(0, -1) };
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    if (isRecord(value)) return value;
  } catch (err) {
    throw badRequest(
      `invalid continue token: continue key is not valid: ${err instanceof Error ? err.message : 'not JSON'}`,
    );
  }
  throw badRequest('invalid continue token: continue key is not valid: not an object');
}
