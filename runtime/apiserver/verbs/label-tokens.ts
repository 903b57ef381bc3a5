/** A piece of a label selector. */
export interface LabelToken {
  readonly type: 'identifier' | 'in' | 'notin' | Symbol_ | 'end';
  readonly text: string;
}

type Symbol_ = '(' | ')' | ',' | '!' | '=' | '==' | '!=' | '>' | '<';

const symbols: ReadonlySet<string> = new Set<Symbol_>(['(', ')', ',', '!', '=', '==', '!=', '>', '<']);
const piece = /[ \t\r\n]*([=!(),><]+|[^=!(),>< \t\r\n]+)/gy;

/** Takes a label selector apart; several symbols in a row are as few tokens as they can be. */
export function lexLabelSelector(text: string): readonly LabelToken[] {
  const tokens: LabelToken[] = [];
  for (const [, found = ''] of text.matchAll(piece)) {
    if (found === 'in' || found === 'notin') tokens.push({ type: found, text: found });
    else if (/^[=!(),><]/u.test(found)) tokens.push(...symbolsOf(found));
    else tokens.push({ type: 'identifier', text: found });
  }
  return [...tokens, { type: 'end', text: '' }];
}

function symbolsOf(run: string): readonly LabelToken[] {
  const tokens: LabelToken[] = [];
  for (let at = 0; at < run.length;) {
    const two = run.slice(at, at + 2);
    const type = two.length === 2 && symbols.has(two) ? two : run.slice(at, at + 1);
    tokens.push({ type: type as Symbol_, text: type });
    at += type.length;
  }
  return tokens;
}
