import type { FieldFault } from '#runtime/base/errors.ts';
import { forbidden, invalid, notSupported, requiredValue } from '#runtime/validation/faults.ts';
import { patternFault } from '#runtime/validation/pattern.ts';
import type { Schema } from '#schemas/meta/schema.ts';
import { validateJunctors } from './junctor-rules.ts';

/** Keywords of JSON Schema that structural schemas do without. */
const FORBIDDEN = [
  '$ref',
  '$schema',
  'id',
  'definitions',
  'dependencies',
  'patternProperties',
  'additionalItems',
  'deprecated',
  'discriminator',
  'readOnly',
  'writeOnly',
  'xml',
] as const;

const TYPES = ['array', 'boolean', 'integer', 'number', 'object', 'string'];

type Place = 'root' | 'field' | 'items';

const TYPELESS: Readonly<Record<Place, string>> = {
  root: 'must not be empty at the root',
  field: 'must not be empty for specified object fields',
  items: 'must not be empty for specified array items',
};

/**
 * The rules of structural schemas (CRD docs, "Specifying a structural schema"; C3): a type everywhere, no keywords that pruning cannot follow,
 * logic only over what is specified outside of it. `path` is that of the schema within the definition.
 */
export function validateStructure(schema: Schema, path: string): readonly FieldFault[] {
  return validateNode(schema, path, 'root');
}

function validateNode(schema: Schema, path: string, place: Place): readonly FieldFault[] {
  return [
    ...validateType(schema, path, place),
    ...validateKeywords(schema, path, place),
    ...validateExtensions(schema, path),
    ...validateListType(schema, path),
    ...validateMetadata(schema, path, place),
    ...validateJunctors(schema, path),
    ...validateChildren(schema, path),
  ];
}

function validateChildren(schema: Schema, path: string): readonly FieldFault[] {
  return [
    ...Object.entries(schema.properties ?? {}).flatMap(([name, child]) =>
      validateNode(child, `${path}.properties[${name}]`, 'field'),
    ),
    ...(typeof schema.additionalProperties === 'object'
      ? validateNode(schema.additionalProperties, `${path}.additionalProperties`, 'field')
      : []),
    ...(schema.items === undefined ? [] : validateNode(schema.items, `${path}.items`, 'items')),
  ];
}

function validateType(schema: Schema, path: string, place: Place): readonly FieldFault[] {
  const field = `${path}.type`;
  const isIntOrString = schema['x-kubernetes-int-or-string'] === true;
  if (schema.type === undefined || (schema.type as string) === '') {
    const mayLackType = place !== 'root' && (isIntOrString || schema['x-kubernetes-preserve-unknown-fields'] === true);
    return mayLackType ? [] : [requiredValue(field, TYPELESS[place])];
  }
  if (isIntOrString) return [invalid(field, schema.type, 'must be empty if x-kubernetes-int-or-string is true')];
  if (place === 'root' && schema.type !== 'object') return [invalid(field, schema.type, 'must be object at the root')];
  return TYPES.includes(schema.type) ? [] : [notSupported(field, schema.type, TYPES)];
}

/** A rule of one node: the keyword that it is about, whether it is broken, and the words of the refusal. */
type Check = readonly [keyword: string, isBroken: boolean, fault: (field: string) => FieldFault];

function failed(path: string, checks: readonly Check[]): readonly FieldFault[] {
  return checks.flatMap(([keyword, isBroken, fault]) => (isBroken ? [fault(`${path}.${keyword}`)] : []));
}

const forbid = (detail: string) => (field: string) => forbidden(field, detail);

function validateKeywords(schema: Schema, path: string, place: Place): readonly FieldFault[] {
  const { additionalProperties: others, pattern } = schema;
  const isRoot = place === 'root';
  return [
    ...failed(
      path,
      FORBIDDEN.map((keyword) => [keyword, keyword in schema, forbid(`${keyword} is not supported`)]),
    ),
    ...failed(path, [
      [
        'uniqueItems',
        schema.uniqueItems === true,
        forbid('uniqueItems cannot be set to true since the runtime complexity becomes quadratic'),
      ],
      ['additionalProperties', others === false, forbid('additionalProperties cannot be set to false')],
      [
        'additionalProperties',
        others !== undefined && schema.properties !== undefined,
        forbid('additionalProperties and properties are mutual exclusive'),
      ],
      ['additionalProperties', others !== undefined && isRoot, forbid('must not be used at the root')],
      ['nullable', schema.nullable === true && isRoot, forbid('nullable cannot be true at the root')],
      [
        'items',
        schema.type === 'array' && schema.items === undefined,
        (field) => requiredValue(field, 'must be specified'),
      ],
    ]),
    ...(pattern === undefined ? [] : validatePattern(pattern, `${path}.pattern`)),
  ];
}

function validatePattern(pattern: string, field: string): readonly FieldFault[] {
  const problem = patternFault(pattern);
  if (problem === undefined) return [];
  return [invalid(field, pattern, `must be a valid regular expression, but isn't: ${problem}`)];
}

function validateExtensions(schema: Schema, path: string): readonly FieldFault[] {
  const keepsAll = schema['x-kubernetes-preserve-unknown-fields'];
  const mapType = schema['x-kubernetes-map-type'] as string | undefined;
  const isNoObject = schema.type !== 'object';
  return failed(path, [
    [
      'x-kubernetes-preserve-unknown-fields',
      keepsAll === false,
      (field) => invalid(field, false, 'must be true or undefined'),
    ],
    [
      'x-kubernetes-map-type',
      mapType !== undefined && !['atomic', 'granular'].includes(mapType),
      (field) => notSupported(field, mapType, ['atomic', 'granular']),
    ],
    [
      'type',
      mapType !== undefined && isNoObject,
      (field) => invalid(field, schema.type ?? '', 'must be object if x-kubernetes-map-type is specified'),
    ],
    ...(schema['x-kubernetes-embedded-resource'] === true ? embeddedChecks(schema) : []),
  ]);
}

function embeddedChecks(schema: Schema): readonly Check[] {
  const keepsAll = schema['x-kubernetes-preserve-unknown-fields'] === true;
  return [
    [
      'type',
      schema.type !== 'object',
      (field) => invalid(field, schema.type ?? '', 'must be object if x-kubernetes-embedded-resource is true'),
    ],
    [
      'properties',
      !keepsAll && schema.properties === undefined,
      (field) =>
        requiredValue(
          field,
          'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields',
        ),
    ],
    [
      'additionalProperties',
      schema.additionalProperties !== undefined,
      forbid('must not be used if x-kubernetes-embedded-resource is set'),
    ],
  ];
}

function validateListType(schema: Schema, path: string): readonly FieldFault[] {
  const listType = schema['x-kubernetes-list-type'] as string | undefined;
  const keys = schema['x-kubernetes-list-map-keys'];
  if (listType === undefined) {
    return keys === undefined
      ? []
      : [requiredValue(`${path}.x-kubernetes-list-type`, 'must be map if x-kubernetes-list-map-keys is non-empty')];
  }
  const field = `${path}.x-kubernetes-list-type`;
  if (!['atomic', 'set', 'map'].includes(listType)) return [notSupported(field, listType, ['atomic', 'map', 'set'])];
  if (schema.type !== 'array')
    return [invalid(`${path}.type`, schema.type ?? '', 'must be array if x-kubernetes-list-type is specified')];
  if (listType === 'set') return validateSetItems(schema.items, path);
  if (listType === 'map') return validateMapKeys(schema.items, keys ?? [], path);
  return keys === undefined
    ? []
    : [forbidden(`${path}.x-kubernetes-list-map-keys`, 'may be used only with x-kubernetes-list-type map')];
}

/** Items of a set are compared as wholes, so that nobody may own a part of one. */
const ATOMIC_KEYWORDS = { object: 'x-kubernetes-map-type', array: 'x-kubernetes-list-type' } as const;

function validateSetItems(items: Schema | undefined, path: string): readonly FieldFault[] {
  if (items === undefined) return [];
  if (items.nullable === true) {
    return [forbidden(`${path}.items.nullable`, 'cannot be nullable when x-kubernetes-list-type is set')];
  }
  if (items.type !== 'object' && items.type !== 'array') return [];
  const keyword = ATOMIC_KEYWORDS[items.type];
  if (items[keyword] === 'atomic') return [];
  const words = 'must be atomic as item of a list with x-kubernetes-list-type=set';
  return [invalid(`${path}.items.${keyword}`, items[keyword] ?? '', words)];
}

function validateMapKeys(items: Schema | undefined, keys: readonly string[], path: string): readonly FieldFault[] {
  const field = `${path}.x-kubernetes-list-map-keys`;
  if (keys.length === 0) return [requiredValue(field, 'must not be empty if x-kubernetes-list-type is map')];
  if (items?.type !== 'object')
    return [
      invalid(
        `${path}.items.type`,
        items?.type ?? '',
        "must be object if parent array's x-kubernetes-list-type is map",
      ),
    ];
  return keys.flatMap((key, index): readonly FieldFault[] => {
    const { properties = {}, required = [] } = items;
    const property = Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (property === undefined)
      return [invalid(`${field}[${index}]`, key, 'entries must all be names of item properties')];
    if (property.type === 'object' || property.type === 'array') {
      return [
        invalid(
          `${path}.items.properties[${key}].type`,
          property.type,
          "must be a scalar type if parent array's x-kubernetes-list-type is map",
        ),
      ];
    }
    if (keys.indexOf(key) !== index) return [invalid(`${field}[${index}]`, key, 'entries must be unique')];
    if (required.includes(key) || property.default !== undefined) return [];
    return [
      requiredValue(
        `${path}.items.properties[${key}].default`,
        'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property',
      ),
    ];
  });
}

function validateMetadata(schema: Schema, path: string, place: Place): readonly FieldFault[] {
  const metadata = schema.properties?.['metadata'];
  if (metadata === undefined || (place !== 'root' && schema['x-kubernetes-embedded-resource'] !== true)) return [];
  const field = `${path}.properties[metadata]`;
  const { type, description: _description, properties = {}, ...more } = metadata;
  const names = Object.keys(properties).filter((name) => name !== 'name' && name !== 'generateName');
  return [
    ...(type === 'object' ? [] : [invalid(`${field}.type`, type ?? '', 'must be object')]),
    ...(names.length === 0 && Object.keys(more).length === 0
      ? []
      : [
          forbidden(
            field,
            'must not specify anything other than name and generateName, but metadata is implicitly specified',
          ),
        ]),
  ];
}
