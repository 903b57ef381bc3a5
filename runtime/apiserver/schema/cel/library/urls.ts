import type { CelLibrary } from './functions.ts';
import { fail } from './text.ts';

/** Longest text that is read as a URL. */
const MAX_URL_CHARS = 65_536;

/** A value of CEL's `url()`: absolute, or a path that begins with a slash. */
class CelUrl {
  readonly text: string;
  readonly parsed: URL;
  readonly isRelative: boolean;
  constructor(text: string, parsed: URL, isRelative: boolean) {
    this.text = text;
    this.parsed = parsed;
    this.isRelative = isRelative;
  }
}

/** `url`, `isURL` and the getters of a URL (Kubernetes CEL library "URL"). */
export const urlLibrary: CelLibrary = {
  types: [{ name: 'URL', ctor: CelUrl, equals: (a: CelUrl, b: CelUrl) => a.text === b.text }],
  functions: {
    'url(string): URL': (text: string) =>
      parse(text) ?? fail(`URL parse error during conversion from string: ${text.slice(0, 100)}`),
    'isURL(string): bool': (text: string) => parse(text) !== undefined,
    'URL.getScheme(): string': (url: CelUrl) => (url.isRelative ? '' : url.parsed.protocol.slice(0, -1)),
    'URL.getHost(): string': (url: CelUrl) => (url.isRelative ? '' : writtenHost(url.text)),
    'URL.getHostname(): string': (url: CelUrl) =>
      url.isRelative
        ? ''
        : writtenHost(url.text)
            .replace(/:\d*$/, '')
            .replaceAll(/^\[|\]$/g, ''),
    'URL.getPort(): string': (url: CelUrl) => /:(\d+)$/.exec(url.isRelative ? '' : writtenHost(url.text))?.[1] ?? '',
    'URL.getEscapedPath(): string': (url: CelUrl) => writtenPath(url),
    'URL.getQuery(): map<string, list<string>>': (url: CelUrl) => {
      const query = new Map<string, string[]>();
      for (const [name, value] of url.parsed.searchParams) query.set(name, [...(query.get(name) ?? []), value]);
      return query;
    },
  },
};

function parse(text: string): CelUrl | undefined {
  if (text.length > MAX_URL_CHARS || /[\s\p{Cc}]/u.test(text)) return undefined;
  const isRelative = text.startsWith('/');
  if (!isRelative && !/^[A-Za-z][A-Za-z0-9+.-]{0,63}:/.test(text)) return undefined;
  const base = isRelative ? 'http://relative.invalid' : undefined;
  return URL.canParse(text, base) ? new CelUrl(text, new URL(text, base), isRelative) : undefined;
}

/** Authority without user information. JavaScript drops default ports, which CEL shows as written. */
function writtenHost(text: string): string {
  const authority = /^[^:]*:\/\/([^/?#]*)/.exec(text)?.[1] ?? '';
  return authority.slice(authority.lastIndexOf('@') + 1);
}

function writtenPath(url: CelUrl): string {
  const hasPath = url.isRelative || /^[^:]*:\/\/[^/?#]*\//.test(url.text);
  return hasPath ? url.parsed.pathname : '';
}
