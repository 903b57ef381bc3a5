import type { Document } from 'yaml';
import type { KubeObject } from '#schemas/meta/object.ts';
import { breathe } from '#runtime/base/breathe.ts';
import { checkYaml, valueOf } from '#runtime/base/check-yaml.ts';
import { isRecord } from '#runtime/base/json.ts';
import { YamlRefusal, yamlDocuments, type YamlDocument } from '#runtime/base/yaml-documents.ts';
import { ManifestError, type Manifest, type ManifestFault } from './manifest.ts';

/** Of one document: about 600 kB of a manifest, 1.4 MB of a definition; a second, for which nothing else is done. */
const maxTokens = 200_000;
/** More say nothing new. */
const maxFaults = 100;

/** A file of manifests, and what it is called in messages. */
export interface ManifestText {
  readonly file: string;
  readonly text: string;
}

/** Whether a file in a directory holds manifests, by its name: what tells kustomize how to put them together does not. */
export function isManifestFile(name: string): boolean {
  return /\.(ya?ml|json)$/.test(name) && !/^kustomization\.ya?ml$/.test(name);
}

/** The objects of all texts in order. Rejects with ManifestError that has the faults of all texts, a hundred at most. */
export async function parseAll(texts: readonly ManifestText[]): Promise<readonly Manifest[]> {
  const read: Read = { manifests: [], faults: [] };
  for (const text of texts) {
    await readText(text, read);
    if (read.faults.length >= maxFaults) break;
  }
  if (read.faults.length > 0) throw new ManifestError(read.faults.slice(0, maxFaults));
  return read.manifests;
}

/**
 * All objects of a YAML or JSON text; `kind: List` is taken apart, empty documents are skipped.
 * Rejects with ManifestError that has the faults of the text: syntax, duplicate keys, a missing apiVersion, kind or name.
 */
export function parseManifests(file: string, text: string): Promise<readonly Manifest[]> {
  return parseAll([{ file, text }]);
}

/** What was found so far. */
interface Read {
  readonly manifests: Manifest[];
  readonly faults: ManifestFault[];
}

/** Others have their turn between documents: a leader goes on to hold its lease. */
async function readText({ file, text }: ManifestText, read: Read): Promise<void> {
  try {
    for (const yaml of yamlDocuments(text, { maxTokens })) {
      readDocument(yaml, file, read);
      if (read.faults.length >= maxFaults) return;
      await breathe();
    }
  } catch (err) {
    read.faults.push(faultAt(file, err));
  }
}

function readDocument(yaml: YamlDocument, file: string, { manifests, faults }: Read): void {
  const { document, lineAt } = yaml;
  const source = { file, line: lineAt((document.contents?.range ?? document.range)[0]) };
  try {
    const broken = brokenIn(yaml, file);
    for (const fault of broken) faults.push(fault);
    if (broken.length > 0) return;
    for (const value of objectsOf(yaml)) {
      const message = faultOf(value);
      if (message === undefined) manifests.push({ source, object: value as KubeObject });
      else faults.push({ source, message });
    }
  } catch (err) {
    faults.push(faultAt(file, err, ownerOf(document)));
  }
}

/** What keeps a document from being a value: syntax, and keys that stand twice. */
function brokenIn(yaml: YamlDocument, file: string): readonly ManifestFault[] {
  const { document, lineAt } = yaml;
  const faults = document.errors.slice(0, maxFaults).map(({ pos, message }) => ({ at: pos[0], message }));
  // Aliases and keys of what is broken say nothing.
  const duplicates = faults.length > 0 ? [] : checkYaml(yaml);
  const twice = duplicates.map(({ path, key, offset }) => ({
    at: offset,
    message: `${path}: key "${key}" already set in map`,
  }));
  const all = [...faults, ...twice];
  const owner = all.length === 0 ? '' : ownerOf(document);
  return all.map(({ at, message }) => ({ source: { file, line: lineAt(at) }, message: `${owner}${message}` }));
}

function faultAt(file: string, err: unknown, owner = ''): ManifestFault {
  if (!(err instanceof YamlRefusal)) throw err;
  return { source: { file, line: err.line }, message: `${owner}${err.message}` };
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

/** The objects of a document that was checked: none when it is empty, the items of a List. */
function objectsOf(yaml: YamlDocument): readonly unknown[] {
  const value = valueOf(yaml);
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
