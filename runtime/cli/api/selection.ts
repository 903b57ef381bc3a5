import { UsageError } from '#runtime/cli/io.ts';
import type { DiscoveredResource } from '#runtime/client/discovery.ts';
import type { RestMapper } from './rest-mapper.ts';

/** What a command line points at: resources, and names within them (all when none are given). */
export interface Selection {
  readonly type: DiscoveredResource;
  readonly name: string | undefined;
}

/** Reads `TYPE`, `TYPE NAME…`, `TYPE,TYPE`, `TYPE/NAME TYPE/NAME…` as kubectl does. */
export function parseSelection(mapper: RestMapper, words: readonly string[]): readonly Selection[] {
  const [first, ...rest] = words;
  if (first === undefined)
    throw new UsageError('You must specify the type of resource to get, for example: wcpctl get domains');
  if (words.some((word) => word.includes('/'))) return words.map((word) => parsePair(mapper, word));
  const types = first.split(',').flatMap((word) => mapper.matching(word));
  if (rest.length === 0) return types.map((type) => ({ type, name: undefined }));
  return types.flatMap((type) => rest.map((name) => ({ type, name })));
}

function parsePair(mapper: RestMapper, word: string): Selection {
  const [type = '', name = '', ...more] = word.split('/');
  if (type === '' || name === '' || more.length > 0) {
    throw new UsageError(`there is no need to mix forms: write TYPE/NAME for each object, not "${word}"`);
  }
  return { type: mapper.named(type), name };
}

/** Exactly one named object. */
export function parseOne(
  mapper: RestMapper,
  words: readonly string[],
): { readonly type: DiscoveredResource; readonly name: string } {
  const [selection, ...more] = parseSelection(mapper, words);
  if (selection?.name === undefined || more.length > 0)
    throw new UsageError('name exactly one object: TYPE NAME or TYPE/NAME');
  return { type: selection.type, name: selection.name };
}
