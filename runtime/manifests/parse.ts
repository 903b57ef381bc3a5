import { isPair, isScalar, LineCounter, parseAllDocuments, visit, type Document, type YAMLError } from 'yaml';
import type { KubeObject } from '#schemas/meta/object.ts';
import { isRecord } from '#runtime/base/json.ts';
import { ManifestError, type Manifest, type ManifestFault } from './manifest.ts';

/** A file of manifests, and what it is called in messages. */
export interface ManifestText {
  readonly file: string;
  readonly text: string;
}

/** Whether a file in a directory holds manifests, by its name: what tells kustomize how to put them together does not. */
export function isManifestFile(name: string): boolean {
  return /\.(ya?ml|json)$/.test(name) && !/^kustomization\.ya?ml$/.test(name);
}

/** The objects of all texts in order. Throws ManifestError with every fault of every text. */
export function parseAll(texts: readonly ManifestText[]): readonly Manifest[] {
  const faults: ManifestFault[] = [];
  const manifests = texts.flatMap(({ file, text }) => {
    try {
      return parseManifests(file, text);
    } catch (err) {
      if (!(err instanceof ManifestError)) throw err;
      faults.push(...err.faults);
      return [];
    }
  });
  if (faults.length > 0) throw new ManifestError(faults);
  return manifests;
}

/**
 * All objects of a YAML or JSON text; `kind: List` is taken apart, empty documents are skipped.
 * Throws ManifestError with every fault of the text: syntax, duplicate keys, a missing apiVersion, kind or name.
 */
export function parseManifests(file: string, text: string): readonly Manifest[] {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, version: '1.1', merge: true, uniqueKeys: true });
  const lineAt = (offset: number): number => lines.linePos(offset).line;
  const read = [...documents].map((document) => readDocument(document, { file, lineAt }));
  const faults = read.flatMap((each) => each.faults);
  if (faults.length > 0) throw new ManifestError(faults);
  return read.flatMap((each) => each.manifests);
}

interface Place {
  readonly file: string;
  readonly lineAt: (offset: number) => number;
}

function readDocument(
  document: Document.Parsed,
  { file, lineAt }: Place,
): { readonly manifests: readonly Manifest[]; readonly faults: readonly ManifestFault[] } {
  const syntax = document.errors.map((error) => ({
    source: { file, line: lineAt(error.pos[0]) },
    message: `${ownerOf(document)}${wordsOf(document, error)}`,
  }));
  if (syntax.length > 0) return { manifests: [], faults: syntax };
  const source = { file, line: lineAt((document.contents?.range ?? document.range)[0]) };
  const objects = objectsOf(document).map((value) => ({ value, fault: faultOf(value) }));
  return {
    manifests: objects.flatMap(({ value, fault }) =>
      fault === undefined ? [{ source, object: value as KubeObject }] : [],
    ),
    faults: objects.flatMap(({ fault }) => (fault === undefined ? [] : [{ source, message: fault }])),
  };
}

/** `Domain acme/shop: ` as far as it can be read; faulty text often still says whose it is. */
function ownerOf(document: Document.Parsed): string {
  const [kind, namespace, name] = [['kind'], ['metadata', 'namespace'], ['metadata', 'name']].map((path) => {
    const value: unknown = document.getIn(path);
    return typeof value === 'string' ? value : undefined;
  });
  if (kind === undefined || name === undefined) return '';
  return `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}: `;
}

function wordsOf(document: Document.Parsed, error: YAMLError): string {
  const field = error.code === 'DUPLICATE_KEY' ? fieldAt(document, error.pos[0]) : undefined;
  if (field !== undefined) return `${field}: key "${field.split('.').at(-1) ?? ''}" already set in map`;
  return error.message.split('\n')[0] ?? error.code;
}

/** The dotted path of the key that begins at an offset. */
function fieldAt(document: Document.Parsed, offset: number): string | undefined {
  let field: string | undefined;
  visit(document, {
    Pair: (_index, pair, above) => {
      if (!isScalar(pair.key) || pair.key.range?.[0] !== offset) return undefined;
      const keys = [...above.filter((node) => isPair(node)), pair].map(({ key }) => key);
      field = keys.map((key) => String(isScalar(key) ? key.value : key)).join('.');
      return visit.BREAK;
    },
  });
  return field;
}

/** The objects of a document: none when it is empty, the items of a List. */
function objectsOf(document: Document): readonly unknown[] {
  const value: unknown = document.toJS({ maxAliasCount: 100 });
  if (value === null) return [];
  const isList =
    isRecord(value) &&
    typeof value['kind'] === 'string' &&
    value['kind'].endsWith('List') &&
    Array.isArray(value['items']);
  return isList ? (value['items'] as readonly unknown[]) : [value];
}

function faultOf(value: unknown): string | undefined {
  if (!isRecord(value)) return 'a manifest is a mapping with apiVersion, kind and metadata';
  if (typeof value['apiVersion'] !== 'string') return 'apiVersion: Required value';
  if (typeof value['kind'] !== 'string') return 'kind: Required value';
  const metadata = value['metadata'];
  if (!isRecord(metadata)) return `${value['kind']}: metadata: Required value`;
  if (typeof metadata['name'] !== 'string' && typeof metadata['generateName'] !== 'string')
    return `${value['kind']}: metadata.name: Required value`;
  return undefined;
}
