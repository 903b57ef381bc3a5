import t from 'tap';
import { proves } from '#test/attacks/attack.ts';
import { openTexts } from '#test/attacks/grounds.ts';
import { hostileTexts, manifestWith, placesOfTexts, textAttacks } from '#test/attacks/texts.ts';
import { admit } from '#test/builders/admit.ts';
import { walkSchema } from '#test/builders/schema-walk.ts';
import { isRecord } from '#runtime/base/json.ts';
import type { KindDefinition } from '#schemas/meta/kind.ts';
import type { Schema } from '#schemas/meta/schema.ts';
import { kinds } from '#schemas/index.ts';

const stringFields = kinds.flatMap((kind) =>
  walkSchema(kind.spec, 'spec')
    .filter(({ schema }) => schema.type === 'string' || schema['x-kubernetes-int-or-string'] === true)
    .map(({ path }) => ({ kind, path })),
);

/** Fields in which hostile text is somebody's own data: it is carried as such and shown to nobody but whom it is for. */
const dataFields = new Set([
  ...Object.keys(placesOfTexts),
  'spec.suspensions[].message',
  'spec.suspensions[].by',
  'spec.owners[].name',
  // Each becomes a DNSRecord, where it is looked at by its type; a TXT may say anything.
  'spec.dns.records[].values[]',
]);

/** What a field of the list above may take of the hostile values, and why that is harmless. */
const harmless = new Map<string, RegExp>([
  // They may begin with any letter of base64url, and are never words of a command.
  ['spec.token', /^-rf$/],
  ['spec.key', /^-rf$/],
  // Labels are compared, nothing else; Kubernetes allows it.
  ['spec.placement.hostSelector.matchExpressions[].key', /^a\.\.b$/],
  ['spec.placement.hostSelector.matchLabels{}', /^(a\.\.b)?$/],
  ['spec.placement.hostSelector.matchExpressions[].values[]', /^(a\.\.b)?$/],
]);

/** What a schema says about texts, and about what stands beside each other. */
const rules = ['pattern', 'enum', 'format', 'minLength', 'maxLength', 'minItems', 'x-kubernetes-validations'];

/** A kind that takes any text in every field. */
function withoutRules(kind: KindDefinition): KindDefinition {
  const { validations: _, ...rest } = kind;
  return { ...rest, spec: stripped(kind.spec) as Schema, validations: [] };
}

function stripped(value: unknown): unknown {
  if (!isRecord(value)) return Array.isArray(value) ? value.map(stripped) : value;
  const isSchema = typeof value['type'] === 'string' || value['x-kubernetes-int-or-string'] === true;
  const kept = Object.entries(value).filter(([key]) => !isSchema || !rules.includes(key));
  return Object.fromEntries(kept.map(([key, part]) => [key, stripped(part)]));
}

const unruled = new Map(kinds.map((kind) => [kind, withoutRules(kind)]));

const passes = (kind: KindDefinition, path: string, value: string): boolean =>
  admit(kind, manifestWith(kind.kind, path, value)).faults.length === 0;

void t.test('a hostile value is refused in every field that is more than somebody’s own data', async (each) => {
  let refused = 0;
  const taken: string[] = [];
  const refusedAnyway: string[] = [];
  for (const { kind, path } of stringFields.filter((field) => !dataFields.has(field.path))) {
    for (const value of hostileTexts) {
      const what = `${kind.kind} ${path} ${JSON.stringify(value.slice(0, 40))}`;
      if (passes(kind, path, value)) {
        if (harmless.get(path)?.test(value) !== true) taken.push(what);
        continue;
      }
      refused += 1;
      if (!passes(unruled.get(kind) ?? kind, path, value)) refusedAnyway.push(what);
    }
  }
  each.same(taken, []);
  each.same(refusedAnyway, [], 'the control: without the rules for texts the same manifests are taken');
  each.ok(refused > 500, `${String(refused)} refusals, each with a control`);
});

void t.test('no control character passes into a field whose text leaves the API', async (each) => {
  // What a TXT says leaves as numbers (RFC 1035 §5.1).
  const open = new Set(['spec.php.env[].value', 'spec.dns.records[].values[]']);
  const passed: string[] = [];
  for (const { kind, path } of stringFields.filter((field) => !open.has(field.path))) {
    for (const value of ['a\nb', 'a\r\nb', 'a\u0000b', 'a\u2028b', 'x'.repeat(65_536)]) {
      if (passes(kind, path, value)) passed.push(`${kind.kind} ${path} ${JSON.stringify(value.slice(0, 10))}`);
    }
  }
  each.same(passed, []);
});

await proves(t, textAttacks, openTexts);
