import type { FieldFault } from '#runtime/base/errors.ts';
import { forbidden, requiredValue } from '#runtime/validation/faults.ts';
import type { Schema } from '#schemas/meta/schema.ts';

/** What may not stand inside of allOf, anyOf, oneOf and not: everything that pruning and defaulting would have to follow. */
const NOT_INSIDE = [
  'additionalProperties',
  'default',
  'description',
  'nullable',
  'title',
  'type',
  'x-kubernetes-embedded-resource',
  'x-kubernetes-int-or-string',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-list-type',
  'x-kubernetes-map-type',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-validations',
] as const;

/** The branches of the logic of one node: they only restrict what is specified outside of them. */
export function validateJunctors(schema: Schema, path: string): readonly FieldFault[] {
  return branchesOf(schema, path).flatMap(([branch, branchPath]) => validateBranch(branch, schema, branchPath));
}

type Branch = readonly [Schema, string];

function branchesOf(schema: Schema, path: string): readonly Branch[] {
  const lists = (['allOf', 'anyOf', 'oneOf'] as const).flatMap((junctor) =>
    (schema[junctor] ?? []).map((branch, index): Branch => [branch, `${path}.${junctor}[${index}]`]),
  );
  return schema.not === undefined ? lists : [...lists, [schema.not, `${path}.not`]];
}

function validateBranch(branch: Schema, outside: Schema | undefined, path: string): readonly FieldFault[] {
  const mayHaveType = outside?.['x-kubernetes-int-or-string'] === true;
  const kept = NOT_INSIDE.filter((keyword) => branch[keyword] !== undefined && !(keyword === 'type' && mayHaveType));
  return [
    ...kept.map((keyword) => forbidden(`${path}.${keyword}`, 'must be empty to be structural')),
    ...Object.entries(branch.properties ?? {}).flatMap(([name, child]) =>
      validateProperty(name, child, { outside, path }),
    ),
    ...(branch.items === undefined ? [] : validateItems(branch.items, outside, path)),
    ...branchesOf(branch, path).flatMap(([inner, innerPath]) => validateBranch(inner, outside, innerPath)),
  ];
}

function validateProperty(
  name: string,
  child: Schema,
  place: { readonly outside: Schema | undefined; readonly path: string },
): readonly FieldFault[] {
  const { outside, path } = place;
  const childPath = `${path}.properties[${name}]`;
  const { properties = {} } = outside ?? {};
  const specified = Object.hasOwn(properties, name) ? properties[name] : undefined;
  const fallback = typeof outside?.additionalProperties === 'object' ? outside.additionalProperties : undefined;
  const known = specified ?? fallback;
  if (known === undefined && outside?.['x-kubernetes-preserve-unknown-fields'] !== true) {
    return [requiredValue(outsidePath(childPath), `because it is defined in ${childPath}`)];
  }
  return validateBranch(child, known, childPath);
}

function validateItems(items: Schema, outside: Schema | undefined, path: string): readonly FieldFault[] {
  const itemsPath = `${path}.items`;
  if (outside?.items === undefined)
    return [requiredValue(outsidePath(itemsPath), `because it is defined in ${itemsPath}`)];
  return validateBranch(items, outside.items, itemsPath);
}

/** The path of the same node outside of the logic. */
function outsidePath(path: string): string {
  return path.replaceAll(/\.((allOf|anyOf|oneOf)\[\d+\]|not)/g, '');
}
