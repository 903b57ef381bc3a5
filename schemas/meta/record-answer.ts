/** What a name server said of one record. */
export interface AnsweredRecord {
  /** In lower case, with the dot at its end. */
  readonly name: string;
  readonly type: string;
  readonly ttlSeconds: number;
  /** As `contentOf` spells it; `undefined` for types that are not looked into. */
  readonly content: string | undefined;
}

/** An answer, and what stands beside it: where a name is delegated its records are there. */
export interface NameServerAnswer {
  readonly isAuthoritative: boolean;
  readonly records: readonly AnsweredRecord[];
  readonly authorities: readonly AnsweredRecord[];
  readonly additionals: readonly AnsweredRecord[];
}

/** Records of one name and type, wherever in the answer they stand. */
export function answeredUnder(
  { records, authorities, additionals }: NameServerAnswer,
  wanted: { readonly name: string; readonly type: string },
): readonly AnsweredRecord[] {
  return [...records, ...authorities, ...additionals].filter(
    ({ name, type }) => name === wanted.name && type === wanted.type,
  );
}

/** The very contents, and no others; of types that nobody looks into as many of them. */
export function answersWith(
  answer: NameServerAnswer,
  wanted: { readonly name: string; readonly type: string; readonly contents: readonly string[] },
): boolean {
  const found = answeredUnder(answer, wanted);
  const known = new Set(wanted.contents);
  const contents = new Set(found.map(({ content }, index) => content ?? `#${index}`));
  return contents.size === known.size && found.every(({ content }) => content === undefined || known.has(content));
}
