import type { Schema } from '#schemas/meta/schema.ts';
import type { FoundKind } from './kinds.ts';

/** docs/reference/<kind>.md: the example, then every field with its type, default and meaning. */
export function kindPage({ kind }: FoundKind, example: string | undefined): string {
  const names = [`\`${kind.plural}.${kind.group}\``, ...kind.shortNames.map((name) => `\`${name}\``)].join(', ');
  return [
    `# ${kind.kind}`,
    '',
    kind.description,
    '',
    `\`${kind.group}/${kind.version}\`, ${kind.scope === 'Cluster' ? 'cluster-scoped' : 'in a namespace'}; names for kubectl and wcpctl: ${names}.`,
    ...(example === undefined ? [] : ['', '```yaml', example.trimEnd(), '```']),
    '',
    '## spec',
    '',
    ...fieldTable(kind.spec),
    ...rulesOf(kind.spec['x-kubernetes-validations'], kind.validations),
    '',
    '## status',
    '',
    'Written by controllers; read it, do not write it.',
    '',
    ...fieldTable(kind.status),
    '',
  ].join('\n');
}

function rulesOf(...lists: readonly (Schema['x-kubernetes-validations'] | undefined)[]): readonly string[] {
  const rules = lists.flatMap((list) => list ?? []);
  if (rules.length === 0) return [];
  return ['', 'What holds between fields:', '', ...rules.map((rule) => `- ${rule.message ?? rule.rule}`)];
}

function fieldTable(schema: Schema): readonly string[] {
  const rows = rowsOf(schema, '');
  return ['| field | type | meaning |', '| --- | --- | --- |', ...rows];
}

function rowsOf(schema: Schema, path: string): readonly string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const here = path === '' ? name : `${path}.${name}`;
    const isRequired = schema.required?.includes(name) === true;
    const below = field.type === 'array' ? rowsOf(field.items ?? {}, `${here}[]`) : rowsOf(field, here);
    return [`| \`${here}\` | ${typeName(field)} | ${meaningOf(field, isRequired)} |`, ...below];
  });
}

function meaningOf(field: Schema, isRequired: boolean): string {
  const parts = [
    field.description ?? '',
    ...(isRequired ? ['Required.'] : []),
    ...(field.enum === undefined
      ? []
      : [
          `One of ${field.enum.map((word) => `\`${typeof word === 'string' ? word : JSON.stringify(word)}\``).join(', ')}.`,
        ]),
    ...(field.default === undefined ? [] : [`Default: \`${JSON.stringify(field.default)}\`.`]),
  ];
  return parts.join(' ').replaceAll('|', '\\|');
}

function typeName(field: Schema): string {
  if (field['x-kubernetes-int-or-string'] === true) return 'quantity';
  if (field.type === 'array') return `list of ${field.items?.type ?? 'values'}s`;
  if (field.additionalProperties !== undefined) return 'map';
  return field.type ?? 'any';
}
