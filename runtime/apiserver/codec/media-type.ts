/** A media type with its parameters, all lower-case but the parameters' values. */
export interface MediaType {
  /** `application/json` */
  readonly type: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/** One way in which an endpoint can answer. Without `as` it is the plain object; with it, a transformation to that kind of `group/version`. */
export interface MediaOffer {
  readonly type: string;
  readonly as?: string;
  readonly group?: string;
  readonly version?: string;
  /** `watch` for a stream of events. */
  readonly stream?: string;
}

/** The offer that was chosen; `pretty` when the client asked for indented text in the Accept header. */
export interface NegotiatedType extends MediaOffer {
  readonly pretty?: boolean;
}

export const jsonType = 'application/json';
export const yamlType = 'application/yaml';
export const protobufType = 'application/vnd.kubernetes.protobuf';

/** What every endpoint that answers with plain objects offers; the first is the default. */
export const plainOffers: readonly MediaOffer[] = [{ type: jsonType }, { type: yamlType }];

/** The plain offers and, for each of them, the given kinds of group `meta.k8s.io`, such as `Table`, in v1 and v1beta1. */
export function metaOffers(...kinds: readonly string[]): readonly MediaOffer[] {
  const versions = ['v1', 'v1beta1'];
  const transformed = plainOffers.flatMap(({ type }) =>
    kinds.flatMap((as) => versions.map((version) => ({ type, as, group: 'meta.k8s.io', version }))),
  );
  return [...plainOffers, ...transformed];
}

interface Clause extends MediaType {
  readonly quality: number;
}

/**
 * Chooses the offer that an Accept header likes best: by `q`, then by the order of the header; the first offer for no header, an empty one and for any type.
 * Clauses that ask for a transformation or a stream which is not offered are passed over; parameters that mean nothing here are ignored.
 * Undefined when nothing fits: the caller answers 406.
 */
export function negotiateAccept(
  header: string | undefined,
  offered: readonly MediaOffer[],
): NegotiatedType | undefined {
  const clauses = parseClauses(header ?? '');
  if (clauses.length === 0) return offered[0];
  for (const clause of clauses) {
    const offer = offered.find((candidate) => fits(clause, candidate));
    if (offer !== undefined) return isPretty(clause) ? { ...offer, pretty: true } : offer;
  }
  return undefined;
}

/** Reads a Content-Type; undefined for none, which Kubernetes takes for JSON. */
export function parseContentType(header: string | undefined): MediaType | undefined {
  const trimmed = (header ?? '').trim();
  return trimmed === '' ? undefined : parseMediaType(trimmed);
}

function parseClauses(header: string): readonly Clause[] {
  return splitQuoted(header, ',')
    .filter((part) => part.trim() !== '')
    .map((part) => {
      const { q, ...parameters } = parseMediaType(part).parameters;
      return { type: parseMediaType(part).type, parameters, quality: qualityOf(q) };
    })
    .filter(({ quality }) => quality > 0)
    .toSorted((a, b) => b.quality - a.quality);
}

function parseMediaType(text: string): MediaType {
  const [type = '', ...rest] = splitQuoted(text, ';');
  const parameters: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const part of rest) {
    const equals = part.indexOf('=');
    if (equals > 0) parameters[part.slice(0, equals).trim().toLowerCase()] = unquote(part.slice(equals + 1).trim());
  }
  return { type: type.trim().toLowerCase(), parameters };
}

function qualityOf(q: string | undefined): number {
  if (q === undefined) return 1;
  const value = Number(q);
  return value >= 0 && value <= 1 ? value : 0;
}

function fits(clause: Clause, offer: MediaOffer): boolean {
  const { stream } = clause.parameters;
  return (
    coversType(clause.type, offer.type) &&
    isSameTransform(clause, offer) &&
    (stream === undefined || stream === offer.stream)
  );
}

/** Group and version mean nothing without a kind to transform to. */
function isSameTransform({ parameters }: Clause, offer: MediaOffer): boolean {
  const { as = '', g = '', v = '' } = parameters;
  return as === (offer.as ?? '') && (as === '' || (g === (offer.group ?? '') && v === (offer.version ?? '')));
}

function coversType(asked: string, offered: string): boolean {
  if (asked === offered || asked === '*/*') return true;
  return asked.endsWith('/*') && offered.startsWith(asked.slice(0, -1));
}

function isPretty(clause: Clause): boolean {
  const pretty = clause.parameters['pretty'];
  return pretty === '1' || pretty === 'true';
}

/** Splits at a separator that stands outside of quotes. */
function splitQuoted(text: string, separator: string): readonly string[] {
  if (!text.includes('"')) return text.split(separator);
  const parts: string[] = [];
  let start = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === '"' && text[at - 1] !== '\\') quoted = !quoted;
    if (text[at] === separator && !quoted) {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  return [...parts, text.slice(start)];
}

function unquote(text: string): string {
  return text.startsWith('"') && text.endsWith('"') && text.length > 1
    ? text.slice(1, -1).replaceAll(/\\(.)/g, '$1')
    : text;
}
