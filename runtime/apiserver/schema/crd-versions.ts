import type { FieldFault } from '#runtime/base/errors.ts';
import { InvalidError } from '#runtime/base/errors.ts';
import { compileJsonPath } from '#runtime/base/json-path.ts';
import { parseJsonPath } from '#runtime/base/json-path-parse.ts';
import { duplicate, invalid, requiredValue, tooMany } from '#runtime/validation/faults.ts';
import type { DefinitionSpec, DefinitionVersion } from '#runtime/apiserver/registry/definition.ts';
import type { Schema } from '#schemas/meta/schema.ts';

const LABEL = /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/;
const COLUMN_TYPES = ['boolean', 'date', 'integer', 'number', 'string'];
const COLUMN_FORMATS = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password'];
const MAX_SELECTABLE = 8;

/** The list of versions as a whole: their names, which one is stored, and those that objects may still be stored in. */
export function validateVersionList(spec: DefinitionSpec, storedVersions: readonly string[]): readonly FieldFault[] {
  const { versions } = spec;
  if (versions.length === 0) return [requiredValue('spec.versions', 'must have at least one version')];
  const names = versions.map(({ name }) => name);
  const storage = versions.filter((version) => version.storage);
  return [
    ...names.flatMap((name, index) => {
      const field = `spec.versions[${index}].name`;
      if (!LABEL.test(name)) return [invalid(field, name, 'must be a DNS-1035 label')];
      return names.indexOf(name) === index ? [] : [invalid('spec.versions', name, 'must contain unique version names')];
    }),
    ...(storage.length === 1
      ? []
      : [invalid('spec.versions', undefined, 'must have exactly one version marked as storage version')]),
    ...storedVersions.flatMap((name, index) =>
      names.includes(name) ? [] : [invalid(`status.storedVersions[${index}]`, name, 'must appear in spec.versions')],
    ),
  ];
}

/** Subresources, columns and selectable fields of one version. */
export function validateVersion(version: DefinitionVersion, path: string): readonly FieldFault[] {
  const schema = version.schema?.openAPIV3Schema;
  return [
    ...validateRoot(version, `${path}.schema.openAPIV3Schema`),
    ...validateScale(version, `${path}.subresources.scale`),
    ...(version.additionalPrinterColumns ?? []).flatMap((column, index) =>
      validateColumn(column, `${path}.additionalPrinterColumns[${index}]`),
    ),
    ...(schema === undefined ? [] : validateSelectable(version, schema, `${path}.selectableFields`)),
    ...(version.deprecationWarning !== undefined && version.deprecated !== true
      ? [invalid(`${path}.deprecationWarning`, version.deprecationWarning, 'can only be set for deprecated versions')]
      : []),
  ];
}

/** What would be lost when a status is looked at by itself, as `properties.status`. */
const notAtRoot = [
  'additionalProperties',
  'allOf',
  'anyOf',
  'default',
  'enum',
  'maxProperties',
  'minProperties',
  'not',
  'nullable',
  'oneOf',
  'x-kubernetes-embedded-resource',
  'x-kubernetes-int-or-string',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-list-type',
  'x-kubernetes-map-type',
];

function validateRoot({ schema, subresources }: DefinitionVersion, path: string): readonly FieldFault[] {
  if (subresources?.status === undefined) return [];
  const root = (schema?.openAPIV3Schema ?? {}) as Readonly<Record<string, unknown>>;
  const isSet = (keyword: string): boolean => ![undefined, null, false, ''].includes(root[keyword] as null);
  const found = notAtRoot.find(isSet);
  if (found === undefined) return [];
  return [
    invalid(`${path}.${found}`, root[found], 'is not allowed at the root of a schema whose status is a subresource'),
  ];
}

function validateScale(version: DefinitionVersion, path: string): readonly FieldFault[] {
  const scale = version.subresources?.scale;
  if (scale === undefined) return [];
  return [
    ...validateScalePath(`${path}.specReplicasPath`, scale.specReplicasPath, ['.spec']),
    ...validateScalePath(`${path}.statusReplicasPath`, scale.statusReplicasPath, ['.status']),
    ...(scale.labelSelectorPath === undefined || scale.labelSelectorPath === ''
      ? []
      : validateScalePath(`${path}.labelSelectorPath`, scale.labelSelectorPath, ['.spec', '.status'])),
  ];
}

function validateScalePath(field: string, value: string, below: readonly string[]): readonly FieldFault[] {
  if (value === '') return [requiredValue(field)];
  if (fieldNames(value) === undefined) return [invalid(field, value, 'must be a simple json path of field names')];
  if (below.some((prefix) => value.startsWith(`${prefix}.`))) return [];
  return [invalid(field, value, `should be a json path under ${below.join(' or ')}`)];
}

type Column = NonNullable<DefinitionVersion['additionalPrinterColumns']>[number];

function validateColumn(column: Column, path: string): readonly FieldFault[] {
  const { name, type, format = '', jsonPath } = column;
  return [
    ...(name === '' ? [requiredValue(`${path}.name`)] : []),
    ...(COLUMN_TYPES.includes(type) ? [] : [invalid(`${path}.type`, type, `must be one of ${COLUMN_TYPES.join(',')}`)]),
    ...(format === '' || COLUMN_FORMATS.includes(format)
      ? []
      : [invalid(`${path}.format`, format, `must be one of ${COLUMN_FORMATS.join(',')}`)]),
    ...validateColumnPath(`${path}.jsonPath`, jsonPath),
  ];
}

function validateColumnPath(field: string, value: string): readonly FieldFault[] {
  if (value === '') return [requiredValue(field)];
  if (!value.startsWith('.')) return [invalid(field, value, 'must be a simple json path starting with .')];
  try {
    compileJsonPath(value);
    return [];
  } catch (err) {
    if (!(err instanceof InvalidError)) throw err;
    return [invalid(field, value, err.message)];
  }
}

function validateSelectable(version: DefinitionVersion, schema: Schema, path: string): readonly FieldFault[] {
  const paths = (version.selectableFields ?? []).map(({ jsonPath }) => jsonPath);
  const faults = paths.flatMap((jsonPath, index): readonly FieldFault[] => {
    const field = `${path}[${index}].jsonPath`;
    if (jsonPath === '') return [requiredValue(field)];
    if (paths.indexOf(jsonPath) !== index) return [duplicate(field, jsonPath)];
    const problem = selectableProblem(schema, jsonPath);
    return problem === undefined ? [] : [invalid(field, jsonPath, problem)];
  });
  return paths.length > MAX_SELECTABLE ? [...faults, tooMany(path, paths.length, MAX_SELECTABLE)] : faults;
}

function selectableProblem(schema: Schema, jsonPath: string): string | undefined {
  const names = fieldNames(jsonPath);
  if (names === undefined) return 'is an invalid path: must be a simple json path of field names';
  if (names[0] === 'metadata') return 'must not point to fields in metadata';
  const current = names.reduce<Schema | undefined>((node, name) => propertyOf(node, name), schema);
  if (current === undefined) return 'is an invalid path: does not refer to a valid field';
  if (current.type === 'string' || current.type === 'integer' || current.type === 'boolean') return undefined;
  return 'is an invalid path: must point to a field of type string, boolean or integer';
}

function propertyOf(schema: Schema | undefined, name: string): Schema | undefined {
  const properties = schema?.properties;
  return properties !== undefined && Object.hasOwn(properties, name) ? properties[name] : undefined;
}

function fieldNames(path: string): readonly string[] | undefined {
  if (!path.startsWith('.')) return undefined;
  try {
    const names = parseJsonPath(path).steps.map((step) => (step.kind === 'field' ? step.name : undefined));
    return names.length > 0 && names.every((name) => name !== undefined) ? names : undefined;
  } catch (err) {
    if (!(err instanceof InvalidError)) throw err;
    return undefined;
  }
}
