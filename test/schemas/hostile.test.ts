import t from 'tap';
import { readFileSync } from 'node:fs';
import { parse, parseAllDocuments } from 'yaml';
import { desiredPools, desiredTree } from '#controllers/domain/host/desired.ts';
import type { DomainHostInputs } from '#controllers/domain/host/inputs.ts';
import { desiredSites } from '#controllers/domain/host/sites.ts';
import { namesOf } from '#controllers/domain/names.ts';
import { canonicalJson, isRecord } from '#runtime/base/json.ts';
import { kinds, domainKind, type Domain } from '#schemas/index.ts';
import { admit } from '#test/builders/admit.ts';
import { walkSchema, withValue } from '#test/builders/schema-walk.ts';

const HOSTILE: readonly string[] = [
  'a\nb',
  'a\r\nSet-Cookie: x=1',
  'a;b',
  'a{b}',
  '"',
  "'",
  '`id`',
  '$(id)',
  '${x}',
  '..',
  '../../etc/passwd',
  'a..b',
  '~.*',
  'a\u0000b',
  'a\u2028b',
  '\u202Eb',
  '\\',
  'x'.repeat(65_536),
  '#',
  '%0a',
  '-rf',
  ' ',
  '',
  'é',
];

const root = new URL('../../', import.meta.url);
const example = (name: string): unknown => parse(readFileSync(new URL(`examples/${name}`, root), 'utf8'));

/** A manifest in which the field at `path` may stand: of the four ways to serve only the one in question. */
function baseFor(kind: string, file: string, path: string): unknown {
  if (kind !== domainKind.kind) return example(`${file}.yaml`);
  const [document] = parseAllDocuments(readFileSync(new URL('examples/scenarios/shop.yaml', root), 'utf8'));
  const shop = document?.toJS() as { spec: Record<string, unknown> };
  const way = /^spec\.(static|php|proxy|redirect)/.exec(path)?.[1] ?? 'php';
  const { php, ...rest } = shop.spec;
  const ways: Readonly<Record<string, unknown>> = {
    static: {},
    php,
    proxy: {},
    redirect: { to: 'https://acme.example' },
  };
  return { ...shop, spec: { ...rest, [way]: ways[way] } };
}

const stringFields = kinds.flatMap((kind) =>
  walkSchema(kind.spec, 'spec')
    .filter(({ schema }) => schema.type === 'string' || schema['x-kubernetes-int-or-string'] === true)
    .map(({ path }) => ({
      kind,
      path,
      file: kind.kind
        .replaceAll(/(?<=[a-z])([A-Z])/g, '-$1')
        .toLowerCase()
        .replace('uidclaim', 'uid-claim'),
    })),
);

/** Fields in which hostile text is somebody's own data: it is carried as such and shown to nobody but whom it is for. */
const DATA_FIELDS = new Set([
  'spec.php.env[].value',
  'spec.headers[].value',
  'spec.tls.hsts.maxAge',
  'spec.redirect.to',
  'spec.access.basicAuth.realm',
  'spec.php.settings[].value',
  'spec.suspensions[].message',
  'spec.suspensions[].by',
  'spec.owners[].name',
]);

/** What a field of the list above may take of the hostile values, and why that is harmless. */
const HARMLESS = new Map<string, RegExp>([
  // Labels are compared, nothing else; Kubernetes allows it.
  ['spec.placement.hostSelector.matchLabels{}', /^(a\.\.b)?$/],
  ['spec.placement.hostSelector.matchExpressions[].values[]', /^(a\.\.b)?$/],
]);

void t.test('a hostile value is refused in every field that is more than somebody’s own data', async (t) => {
  let refused = 0;
  for (const { kind, path, file } of stringFields) {
    if (DATA_FIELDS.has(path)) continue;
    for (const value of HOSTILE) {
      const { faults } = admit(kind, withValue(baseFor(kind.kind, file, path), path, value) as object);
      if (faults.length > 0) refused += 1;
      else
        t.match(
          value,
          HARMLESS.get(path) ?? /^$(?!.)/,
          `${kind.kind} ${path} takes ${JSON.stringify(value.slice(0, 40))}`,
        );
    }
  }
  t.ok(refused > 500, `${String(refused)} refusals`);
});

void t.test('no control character passes into a field whose text leaves the API', async (t) => {
  const open = new Set(['spec.php.env[].value']);
  const passed: string[] = [];
  for (const { kind, path, file } of stringFields) {
    if (open.has(path)) continue;
    for (const value of ['a\nb', 'a\r\nb', 'a\u0000b', 'a\u2028b', 'x'.repeat(65_536)]) {
      const { faults } = admit(kind, withValue(baseFor(kind.kind, file, path), path, value) as object);
      if (faults.length === 0) passed.push(`${kind.kind} ${path} ${JSON.stringify(value.slice(0, 10))}`);
    }
  }
  t.same(passed, []);
});

function inputsOf(domain: Domain): DomainHostInputs {
  return {
    tenant: 'acme',
    accountId: 20_000,
    frontGid: 33,
    root: '/srv/wcp360',
    names: namesOf(domain),
    secretVersions: {},
    php: { version: '8.2', children: 8, memoryBytes: 1 },
  };
}

function recordsOf(domain: Domain): string {
  const inputs = inputsOf(domain);
  const plain = (value: unknown): unknown =>
    value instanceof Map
      ? Object.fromEntries([...value].map(([key, part]) => [key, plain(part)]))
      : isRecord(value)
        ? Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plain(part)]))
        : value;
  return canonicalJson(
    plain({
      sites: desiredSites(domain, inputs),
      pools: desiredPools(domain, inputs),
      tree: desiredTree(domain, inputs),
    }),
  );
}

void t.test(
  'a hostile value that passes comes out as data: with a harmless one in its place, everything else is the same',
  async (t) => {
    const harmless = 'harmless-value';
    let passed = 0;
    for (const { kind, path, file } of stringFields.filter(
      (field) => field.kind === domainKind && DATA_FIELDS.has(field.path),
    )) {
      const plain = admit(domainKind, withValue(baseFor(kind.kind, file, path), path, harmless) as object);
      if (plain.faults.length > 0) continue;
      for (const value of HOSTILE.filter((text) => text.length > 1)) {
        const { object, faults } = admit(domainKind, withValue(baseFor(kind.kind, file, path), path, value) as object);
        if (faults.length > 0) continue;
        passed += 1;
        const text = JSON.stringify(value).slice(1, -1);
        t.equal(
          recordsOf(object).replaceAll(text, harmless),
          recordsOf(plain.object),
          `${path} ${encodeURIComponent(value)}`,
        );
      }
    }
    t.ok(passed > 10, `${String(passed)} values passed as data`);
  },
);
