import type { FieldFault } from '#runtime/base/errors.ts';
import { isRecord } from '#runtime/base/json.ts';
import { metadataFaults, metadataTypeProblem } from '#runtime/apiserver/registry/metadata-rules.ts';
import { invalid, requiredValue } from '#runtime/validation/faults.ts';
import { childPath, fieldPath } from '#runtime/validation/field-path.ts';
import type { LocatedFault } from '#runtime/validation/fault-words.ts';
import type { Schema } from '#schemas/meta/schema.ts';
import { LABEL, LABEL_WORDS } from './crd-names.ts';
import { compileChecks, type Check } from './node-checks.ts';

/**
 * That a resource in an object says what it is, and has metadata such as any object, of which it may go without a name. Undefined when the schema has no
 * such field.
 */
export function compileEmbeddedResources(schema: Schema): ((object: unknown) => readonly LocatedFault[]) | undefined {
  return compileChecks(schema, (node) => (node['x-kubernetes-embedded-resource'] === true ? checkResource : undefined));
}

const checkResource: Check = (value, segments, faults) => {
  if (!isRecord(value)) return;
  const path = fieldPath(segments);
  const found = [
    ...typeFaults(value['apiVersion'], childPath(path, 'apiVersion'), versionProblem),
    ...typeFaults(value['kind'], childPath(path, 'kind'), kindProblem),
    ...embeddedMetadataFaults(value['metadata'] ?? {}, childPath(path, 'metadata')),
  ];
  for (const fault of found) faults.push({ fault, segments });
};

function typeFaults(
  value: unknown,
  field: string,
  problemOf: (text: string) => string | undefined,
): readonly FieldFault[] {
  if (value === undefined) return [requiredValue(field)];
  const problem = typeof value === 'string' ? problemOf(value) : 'must be a string';
  return problem === undefined ? [] : [invalid(field, value, problem)];
}

function versionProblem(apiVersion: string): string | undefined {
  if (apiVersion === '') return 'must not be empty';
  return apiVersion.split('/').length > 2 ? `unexpected GroupVersion string: ${apiVersion}` : undefined;
}

function kindProblem(kind: string): string | undefined {
  if (kind === '') return 'must not be empty';
  return LABEL.test(kind.toLowerCase()) ? undefined : `may have mixed case, but should otherwise match: ${LABEL_WORDS}`;
}

const rules = { names: 'segment', qualifiedFinalizers: false } as const;

function embeddedMetadataFaults(metadata: unknown, path: string): readonly FieldFault[] {
  const problem = metadataTypeProblem(metadata);
  if (problem !== undefined || !isRecord(metadata)) return [invalid(path, metadata, problem ?? '')];
  const given = Object.fromEntries(Object.entries(metadata).filter(([, part]) => part !== null && part !== ''));
  return metadataFaults({ name: 'nameless', ...given }, rules).map((fault) => ({
    ...fault,
    field: fault.field.replace(/^metadata/u, () => path),
  }));
}
