import type { FieldFault } from '#runtime/base/errors.ts';
import { isEqual } from '#runtime/base/json.ts';
import { forbidden, requiredValue } from '#runtime/validation/faults.ts';
import { partOf } from '#runtime/validation/field-path.ts';
import {
  hasCondition,
  specOf,
  type DefinitionSpec,
  type DefinitionVersion,
} from '#runtime/apiserver/registry/definition.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { validateRules } from './cel/rule-checks.ts';
import { checkEnvelope } from './crd-envelope.ts';
import { validateNames, validateUnchanged } from './crd-names.ts';
import { validateVersion, validateVersionList } from './crd-versions.ts';
import { validateDefaults, validateMetadataDefaults } from './default-rules.ts';
import { validateStructure } from './structural-rules.ts';

/** Everything that walks a schema does so by recursion; nobody writes one of a hundred properties inside of each other. */
const MAX_DEPTH = 200;

/**
 * What is wrong with a CustomResourceDefinition whose names were completed (C1, C3, C5, C8, C9): names, versions, structural schemas, defaults,
 * rules and their costs, columns, selectable fields, subresources, stored versions. With `old`, also what may not be changed; a schema that did
 * not change is not looked at again, so that a stricter server does not lock anybody out. Never throws.
 */
export function validateCrd(definition: KubeObject, old?: KubeObject): readonly FieldFault[] {
  if (isDeeperThan(definition, MAX_DEPTH))
    return [forbidden('spec', `must not be nested deeper than ${MAX_DEPTH} levels`)];
  const broken = checkEnvelope(definition);
  const spec = specOf(definition);
  if (broken.length > 0 || spec === undefined) return broken;
  const oldSpec = old === undefined ? undefined : specOf(old);
  return [
    ...validateNames(definition, spec),
    ...(oldSpec === undefined || old === undefined
      ? []
      : validateUnchanged(spec, oldSpec, hasCondition(old, 'Established'))),
    ...validateVersionList(spec, storedVersions(definition)),
    ...spec.versions.flatMap((version, index) => [
      ...validateVersion(version, `spec.versions[${index}]`),
      ...validateSchema(version, `spec.versions[${index}].schema.openAPIV3Schema`, oldSpec),
    ]),
  ];
}

function validateSchema(
  version: DefinitionVersion,
  path: string,
  old: DefinitionSpec | undefined,
): readonly FieldFault[] {
  const schema = version.schema?.openAPIV3Schema;
  if (schema === undefined) return [requiredValue(path, 'schemas are required')];
  const before = old?.versions.find(({ name }) => name === version.name)?.schema?.openAPIV3Schema;
  if (before !== undefined && isEqual(before, schema)) return [];
  const structure = validateStructure(schema, path);
  // Defaults and rules are worked out with the schema, which must hold together first.
  if (structure.length > 0) return structure;
  return [...validateMetadataDefaults(schema, path), ...validateDefaults(schema, path), ...validateRules(schema, path)];
}

function storedVersions(definition: KubeObject): readonly string[] {
  const stored = partOf(partOf(definition, 'status'), 'storedVersions');
  return Array.isArray(stored) ? stored.map(String) : [];
}

function isDeeperThan(value: unknown, most: number): boolean {
  let level: readonly unknown[] = [value];
  for (let depth = 0; depth <= most && level.length > 0; depth += 1) {
    level = level.flatMap((part): readonly unknown[] =>
      typeof part === 'object' && part !== null ? Object.values(part) : [],
    );
  }
  return level.length > 0;
}
