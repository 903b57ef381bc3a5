import t from 'tap';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import type { Attack } from '#test/attacks/attack.ts';
import { controllers } from '#test/builders/controllers.ts';
import { goldenCases } from '#test/builders/golden.ts';
import { admit } from '#test/builders/admit.ts';
import { walkSchema, type SchemaNode } from '#test/builders/schema-walk.ts';
import { edits } from '#test/lab/defences.ts';
import type { Edit } from '#test/lab/edit.ts';
import { edited } from '#test/lab/weakened.ts';
import { rootSchemaOf, toCrd } from '#schemas/meta/crd.ts';
import type { KindDefinition } from '#schemas/meta/kind.ts';
import type { Schema } from '#schemas/meta/schema.ts';
import { kinds } from '#schemas/index.ts';

const root = new URL('../', import.meta.url);
const fileOf = (kind: KindDefinition): string =>
  kind.kind.replaceAll(/(?<=[a-z])([A-Z])|(?<=[A-Z])([A-Z])(?=[a-z])/g, '-$1$2').toLowerCase();

/** Kinds without a controller, and why. */
const WITHOUT_CONTROLLER = new Map([
  ['Host', 'the agent writes it when it joins: controllers/host/registration.ts'],
  ['PlanRequest', 'answered by every leader and agent: runtime/manager/plan-requests.ts'],
]);

/** What a field lacks, each with the test that says whether it needs it. */
const NEEDS: readonly (readonly [what: string, isLacking: (schema: Schema) => boolean])[] = [
  ['description', (schema) => (schema.description ?? '') === ''],
  ['maxLength', (schema) => schema.type === 'string' && schema.enum === undefined && schema.maxLength === undefined],
  ['maxItems', (schema) => schema.type === 'array' && schema.maxItems === undefined],
  ['maxProperties', (schema) => typeof schema.additionalProperties === 'object' && schema.maxProperties === undefined],
  ['minimum', (schema) => schema.type === 'integer' && schema.enum === undefined && schema.minimum === undefined],
];

const lacksOf = ({ path, schema }: SchemaNode): readonly string[] =>
  NEEDS.filter(([, isLacking]) => isLacking(schema)).map(([what]) => `${path} has no ${what}`);

for (const kind of kinds) {
  void t.test(`${kind.kind} has all that a kind has`, async (t) => {
    const own = [...controllers.values()].filter(
      (controller) => (controller.kind as KindDefinition).kind === kind.kind,
    );
    t.ok(own.length > 0 || WITHOUT_CONTROLLER.has(kind.kind), 'a controller, or a stated reason for none');

    const example = new URL(`examples/${fileOf(kind)}.yaml`, root);
    t.ok(existsSync(example), 'an example');
    const [document] = parseAllDocuments(readFileSync(example, 'utf8'));
    t.same(admit(kind, document?.toJS() as object).faults, [], 'a valid example');

    t.ok(kind.shortNames.length > 0, 'a short name');
    t.ok(kind.categories.includes('hosting'), 'the category hosting');
    t.equal(kind.columns.at(-1)?.name, 'Age', 'AGE as its last column');

    if (own.length === 0) return;
    const cases = goldenCases()
      .filter(({ controller }) => own.some(({ name }) => name === controller))
      .map(({ name }) => name);
    for (const word of ['created', 'changed', 'deleted'])
      t.ok(
        cases.some((name) => name.includes(word)),
        `a golden case for ${word}`,
      );
  });

  void t.test(`every field of ${kind.kind} says what it is and how long it may be`, async (t) => {
    const lacking = [...walkSchema(kind.spec, 'spec'), ...walkSchema(kind.status, 'status')].flatMap(lacksOf);
    t.same(lacking, []);
    const open = walkSchema(kind.spec, 'spec').filter(
      ({ schema }) =>
        schema.type === 'string' &&
        schema.enum === undefined &&
        schema.pattern === undefined &&
        schema.format === undefined,
    );
    t.same(
      open.map(({ path }) => path),
      [],
      'every string that people write has a pattern',
    );
  });
}

void t.test('short names and plurals are one kind’s alone', async (t) => {
  const words = kinds.flatMap((kind) => [...kind.shortNames, ...new Set([kind.plural, kind.singular])]);
  t.same(words.toSorted(), [...new Set(words)].toSorted());
});

void t.test('every reason that a controller gives is documented', async (t) => {
  const text = readdirSync(new URL('controllers/', root), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => ({
      folder: entry.parentPath.split('/controllers/')[1]?.split('/')[0] ?? '',
      text: readFileSync(`${entry.parentPath}/${entry.name}`, 'utf8'),
    }));
  const documented = readFileSync(new URL('docs/reference/conditions.md', root), 'utf8');
  const missing = text.flatMap(({ folder, text: source }) =>
    [...source.matchAll(/reason: '([A-Z]\w+)'/g)]
      .map(([, word = '']) => ({ folder, word }))
      .filter(({ word }) => !documented.includes(`\`${word}\``)),
  );
  t.same(missing, []);
});

/** Of one kind alone, and of what no object says by it: whoever restores is told, and whoever keeps the data tells it in its own words. */
const REASONS_OF_ONE_KIND: Readonly<Record<string, readonly string[]>> = {
  SecretNotFound: ['DatabaseUser'],
  PasswordRefused: ['DatabaseUser'],
  PrivilegesUnfit: ['DatabaseUser'],
  HostsUnfit: ['DatabaseUser'],
  AdoptUnfit: ['Database'],
  DumpCut: [],
  ProgramsMissing: [],
};

void t.test('every reason that a driver of databases refuses by is documented with both kinds', async (t) => {
  const documented = readFileSync(new URL('docs/reference/conditions.md', root), 'utf8');
  const ofKind = (kind: string): string => documented.split(`\n## ${kind}\n`)[1]?.split('\n## ')[0] ?? '';
  const of = { Database: ofKind('Database'), DatabaseUser: ofKind('DatabaseUser') };
  for (const folder of ['databases', 'mariadb', 'postgresql']) {
    const directory = new URL(`runtime/drivers/${folder}/`, root);
    const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
    for (const name of files)
      for (const [, reason = ''] of readFileSync(new URL(name, directory), 'utf8').matchAll(/RefusedError\('(\w+)'/g)) {
        const kindsOf = REASONS_OF_ONE_KIND[reason] ?? Object.keys(of);
        for (const kind of kindsOf)
          t.match(of[kind as keyof typeof of], `\`${reason}\``, `${reason} of ${folder}/${name}`);
      }
  }
});

void t.test('a CRD is what a kube-apiserver takes: structural, with status, and small enough', async (t) => {
  for (const kind of kinds) {
    const crd = toCrd(kind);
    t.match(crd, {
      metadata: { name: `${kind.plural}.${kind.group}` },
      spec: { versions: [{ subresources: { status: {} } }] },
    });
    const untyped = walkSchema(rootSchemaOf(kind)).filter(
      ({ schema }) => schema.type === undefined && schema['x-kubernetes-int-or-string'] !== true,
    );
    t.same(
      untyped.map(({ path }) => path),
      [],
      `every field of ${kind.kind} has a type`,
    );
    t.ok(JSON.stringify(crd).length < 256 * 1024, `${kind.kind} fits into an annotation`);
  }
});

/** Tables of attacks by the name under which their module exports them. */
async function attackTables(): Promise<ReadonlyMap<string, readonly Attack<never>[]>> {
  const files = readdirSync(new URL('attacks/', import.meta.url)).filter((name) => !name.endsWith('.test.ts'));
  const modules = await Promise.all(
    files.map(async (name) => (await import(`#test/attacks/${name}`)) as Readonly<Record<string, unknown>>),
  );
  const tables = modules.flatMap((module) => Object.entries(module)).filter(([name]) => name.endsWith('Attacks'));
  return new Map(tables as [string, readonly Attack<never>[]][]);
}

const testFiles = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => ({ name, text: readFileSync(new URL(name, import.meta.url), 'utf8') }));

void t.test('every attack has a control', async (t) => {
  const tables = await attackTables();
  const attacks = [...tables.values()].flat();
  const proven = testFiles.flatMap(({ text }) => text.match(/\b(?:proves|succeedsWithoutDefence)\(t, [^;]*/g) ?? []);
  for (const name of tables.keys()) {
    t.ok(
      proven.some((call) => call.includes(name)),
      `${name} are seen to succeed without their defences`,
    );
  }
  t.same(duplicatesIn(attacks.map(({ name }) => name)), [], 'each is told by its name');
  const named = new Set<string>(attacks.flatMap(({ against }) => against));
  t.same(
    Object.keys(edits).filter((defence) => !named.has(defence)),
    [],
    'nothing is taken away that no attack needs',
  );
  t.comment(`${attacks.length} attacks against ${named.size} defences`);
});

void t.test('what takes a defence away fits the sources as they are', async (t) => {
  for (const [defence, list] of Object.entries(edits)) {
    const texts = new Map<string, string>();
    for (const edit of list as readonly Edit[]) {
      const text = texts.get(edit.file) ?? readFileSync(new URL(edit.file, root), 'utf8');
      t.doesNotThrow(() => texts.set(edit.file, edited(text, edit)), defence);
    }
  }
});

void t.test('cases of isolation stand in tables of attacks, where none is without a control', async (t) => {
  const ownCases = (text: string): readonly string[] =>
    text.match(/\b\w+\.(?:test|ok|not|equal|match|notMatch|same|rejects|throws)\(/g) ?? [];
  for (const { name, text } of testFiles.filter((file) => file.name.startsWith('attacks/')))
    t.same(ownCases(text), [], name);
  const isolation = testFiles.find(({ name }) => name === 'e2e/isolation.test.ts');
  t.same(ownCases(isolation?.text ?? ''), ['t.test(', 't.equal('], 'a ground for the tables, and the closing count');
});

function duplicatesIn(names: readonly string[]): readonly string[] {
  return names.filter((name, index) => names.indexOf(name) !== index);
}
