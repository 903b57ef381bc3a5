import { SaxesParser } from 'saxes';
import { HostError } from '#runtime/base/errors.ts';

/** An element by the names of its children; text is what stands in it itself. */
export interface Element {
  readonly name: string;
  readonly text: string;
  readonly children: readonly Element[];
}

/** HostError for what is no XML. */
export function parseXml(text: string): Element {
  interface Open {
    readonly name: string;
    text: string;
    readonly children: Open[];
  }
  const root: Open = { name: '', text: '', children: [] };
  const path = [root];
  const parser = new SaxesParser();
  parser.on('opentag', ({ name }) => {
    const element = { name, text: '', children: [] };
    path.at(-1)?.children.push(element);
    path.push(element);
  });
  parser.on('text', (part) => {
    const open = path.at(-1);
    if (open !== undefined) open.text += part;
  });
  parser.on('closetag', () => void path.pop());
  try {
    parser.write(text).close();
  } catch (err) {
    throw new HostError('Route 53 answers with something that is no XML', {}, { cause: err });
  }
  return root.children[0] ?? root;
}

/** Elements that are reached by these names, from all that the ones before have. */
export function elementsAt(from: Element, ...names: readonly string[]): readonly Element[] {
  return names.reduce<readonly Element[]>(
    (found, name) => found.flatMap(({ children }) => children.filter((child) => child.name === name)),
    [from],
  );
}

/** The text of the first of them; empty when there is none. */
export function textAt(from: Element, ...names: readonly string[]): string {
  return elementsAt(from, ...names)[0]?.text ?? '';
}

/** Text that has been escaped: nothing else becomes part of a document. */
class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

export function element(name: string, ...content: readonly (Markup | string | number)[]): Markup {
  const inside = content.map((part) =>
    part instanceof Markup ? part.text : String(part).replaceAll(/[&<>]/g, (letter) => escapes[letter] ?? ''),
  );
  return new Markup(`<${name}>${inside.join('')}</${name}>`);
}

/** A whole document whose root has this name and default namespace. */
export function document(name: string, namespace: string, content: Markup): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${name} xmlns="${namespace}">${content.text}</${name}>`;
}
