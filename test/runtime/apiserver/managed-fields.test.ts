import fc from 'fast-check';
import t from 'tap';
import { builtinSchemas } from '#runtime/apiserver/builtin/schemas/index.ts';
import { applyConfiguration, trackUpdate } from '#runtime/apiserver/managed-fields/index.ts';
import { isEqual } from '#runtime/base/json.ts';
import type { KubeObject, ManagedFieldsEntry } from '#schemas/meta/object.ts';
import {
  apiVersion,
  apply,
  at,
  entries,
  objectOf,
  owned,
  common,
  spec,
  specs,
  update,
} from '#test/builders/web-object.ts';

t.test('who creates an object owns all of its fields, in the form of FieldsV1', (t) => {
  const created = update(
    undefined,
    objectOf(
      {
        spec: {
          host: 'a',
          tls: { issuer: 'x' },
          env: { B: '1', A: '2' },
          whole: { a: '1' },
          aliases: ['b', 'a'],
          plain: ['x', 'y'],
          ports: [{ port: 80, name: 'http' }],
          free: { deep: { list: [1] } },
        },
      },
      {
        uid: 'u',
        generation: 1,
        labels: { l: '1' },
        finalizers: ['x/y'],
        ownerReferences: [{ apiVersion: 'v1', kind: 'K', name: 'n', uid: 'o' }],
      },
    ),
    'kubectl-create',
  );
  const [entry, ...rest] = entries(created);
  t.same(rest, []);
  t.equal(
    JSON.stringify(entry),
    JSON.stringify({
      manager: 'kubectl-create',
      operation: 'Update',
      apiVersion,
      time: at(0),
      fieldsType: 'FieldsV1',
      fieldsV1: {
        'f:metadata': {
          'f:finalizers': { '.': {}, 'v:"x/y"': {} },
          'f:labels': { '.': {}, 'f:l': {} },
          'f:ownerReferences': { '.': {}, 'k:{"uid":"o"}': {} },
        },
        'f:spec': {
          '.': {},
          'f:aliases': { '.': {}, 'v:"a"': {}, 'v:"b"': {} },
          'f:env': { '.': {}, 'f:A': {}, 'f:B': {} },
          'f:free': { '.': {}, 'f:deep': { '.': {}, 'f:list': {} } },
          'f:host': {},
          'f:plain': {},
          'f:ports': { '.': {}, 'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:name': {}, 'f:port': {} } },
          'f:tls': { '.': {}, 'f:issuer': {} },
          'f:whole': {},
        },
      },
    }),
    'elements come in the order of Kubernetes',
  );
  t.end();
});

t.test('nobody owns the bare spec and status of a built-in kind', (t) => {
  const next: KubeObject = {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'x' },
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
  };
  const builtin = builtinSchemas['core/v1/Namespace'];
  t.same(owned(update(undefined, next, 'm', { schema: builtin, apiVersion: 'v1' })), {
    m: { 'f:spec': { 'f:finalizers': {} }, 'f:status': { 'f:phase': {} } },
  });
  t.end();
});

t.test('an update takes what it changes and adds, and nobody owns what it removes', (t) => {
  const one = update(undefined, objectOf({ spec: { host: 'a', count: 1, env: { A: '1', B: '2' } } }), 'one');
  const two = update(one, { ...one, spec: { host: 'b', env: { A: '1', C: '3' } } }, 'two', { minute: 1 });
  t.same(owned(two), {
    one: { 'f:spec': { '.': {}, 'f:env': { '.': {}, 'f:A': {} } } },
    two: { 'f:spec': { 'f:env': { 'f:C': {} }, 'f:host': {} } },
  });
  t.same(
    entries(two).map(({ time }) => time),
    [at(0), at(1)],
    'losing fields changes no time',
  );
  const three = update(two, { ...two, spec: { host: 'b' } }, 'three', { minute: 2 });
  t.same(
    owned(three),
    { one: { 'f:spec': {} }, two: { 'f:spec': { 'f:host': {} } } },
    'whoever only removes owns nothing',
  );
  t.end();
});

t.test('a manager that owns nothing any more vanishes', (t) => {
  const one = update(undefined, objectOf({}, { labels: { a: '1' } }), 'one');
  const two = update(one, objectOf({ spec: { host: 'a' } }, { managedFields: entries(one) }), 'two', { minute: 1 });
  t.same(Object.keys(owned(two)), ['two']);
  t.end();
});

t.test('an update that changes nothing returns the very entries of before', (t) => {
  const one = update(undefined, objectOf({ spec: { host: 'a', ports: [{ port: 1 }], env: {} } }), 'one');
  const echo = JSON.parse(JSON.stringify(one)) as KubeObject;
  t.equal(
    update(one, echo, 'two', { minute: 5 }).metadata.managedFields,
    one.metadata.managedFields,
    'entries echoed by the client',
  );
  const { managedFields: _gone, ...metadata } = echo.metadata;
  const without = update(one, { ...echo, metadata }, 'two', { minute: 5 });
  t.equal(without.metadata.managedFields, one.metadata.managedFields, 'entries left out by the client');
  t.end();
});

t.test('entries that a client sends count on the main resource only', (t) => {
  const one = update(undefined, objectOf({ spec: { host: 'a' } }), 'one');
  const theirs = [
    {
      manager: 'mine',
      operation: 'Apply',
      apiVersion,
      fieldsType: 'FieldsV1',
      fieldsV1: { 'f:spec': { 'f:host': {} } },
    },
  ];
  const sent = { ...one, metadata: { ...one.metadata, managedFields: theirs as readonly ManagedFieldsEntry[] } };
  t.same(owned(update(one, sent, 'x')), { mine: { 'f:spec': { 'f:host': {} } } });
  t.same(owned(update(one, sent, 'x', { subresource: 'status' })), owned(one));
  for (const broken of [
    [{ manager: 'x' }],
    [{ ...theirs[0], fieldsV1: { 'x:y': {} } }],
    [{ ...theirs[0], operation: 'Frob' }],
    'text',
  ]) {
    const sentBroken = { ...one, metadata: { ...one.metadata, managedFields: broken as never } };
    t.same(owned(update(one, sentBroken, 'x')), owned(one), 'malformed entries are passed over');
  }
  t.end();
});

t.test('an empty list, or one empty entry, forgets all managers until somebody applies', (t) => {
  const one = update(undefined, objectOf({ spec: { host: 'a' } }), 'one');
  for (const reset of [[], [{}]]) {
    const forgotten = update(one, { ...one, metadata: { ...one.metadata, managedFields: reset } }, 'x');
    t.notOk('managedFields' in forgotten.metadata);
    const next = update(forgotten, { ...forgotten, spec: { host: 'b' } }, 'y');
    t.notOk('managedFields' in next.metadata, 'updates are not tracked');
    const applied = apply(next, { spec: { count: 1 } }, 'z', { minute: 3 });
    t.same(owned(applied), {
      z: { 'f:spec': { 'f:count': {} } },
      'before-first-apply': { 'f:spec': { '.': {}, 'f:host': {} } },
    });
  }
  t.end();
});

t.test('keys of list items are the same however a client writes them', (t) => {
  const one = update(undefined, objectOf({ spec: { ports: [{ port: 80, protocol: 'UDP', name: 'a' }] } }), 'one');
  const theirs = [
    {
      manager: 'm',
      operation: 'Update',
      apiVersion,
      fieldsType: 'FieldsV1',
      fieldsV1: { 'f:spec': { 'f:ports': { 'k:{"protocol":"UDP", "port":80}': { 'f:name': {} } } } },
    },
  ];
  const sent = {
    ...one,
    spec: { ports: [{ port: 80, protocol: 'UDP', name: 'b' }] },
    metadata: { ...one.metadata, managedFields: theirs as never },
  };
  t.same(owned(update(one, sent, 'x')), {
    x: { 'f:spec': { 'f:ports': { 'k:{"port":80,"protocol":"UDP"}': { 'f:name': {} } } } },
  });
  t.end();
});

t.test('elements that a client writes in another form than ours cost what one copy of them all does', (t) => {
  const elements = Array.from({ length: 16_000 }, (_, i) => `v: ${i}`);
  const fieldsV1 = { 'f:spec': { 'f:numbers': Object.fromEntries(elements.map((element) => [element, {}])) } };
  const managedFields = [{ manager: 'm', operation: 'Apply', apiVersion, fieldsType: 'FieldsV1', fieldsV1 }];
  const sent = update(undefined, objectOf({ spec: { numbers: [0] } }, { managedFields }), 'x');
  const left = elements.slice(1).map((element) => element.replace(' ', ''));
  const numbers = Object.fromEntries(left.toSorted().map((element) => [element, {}]));
  t.equal(JSON.stringify(owned(sent)['m']), JSON.stringify({ 'f:spec': { 'f:numbers': numbers } }));
  t.end();
});

t.test('status and the rest of the object are owned apart', (t) => {
  const one = update(undefined, objectOf({ spec: { host: 'a' } }), 'one');
  const reported = {
    ...one,
    metadata: { ...one.metadata, labels: { x: 'y' } },
    spec: { host: 'zzz' },
    status: { host: 'h' },
  };
  const two = update(one, reported, 'agent', { subresource: 'status', minute: 1 });
  const [, entry] = entries(two);
  t.same(entry, {
    manager: 'agent',
    operation: 'Update',
    apiVersion,
    time: at(1),
    fieldsType: 'FieldsV1',
    fieldsV1: { 'f:status': { '.': {}, 'f:host': {} } },
    subresource: 'status',
  });
  t.same(owned(two)['one'], owned(one)['one'], 'what the endpoint does not write changes no owner');
  const ignoring = trackUpdate({
    live: undefined,
    next: objectOf({ spec: { host: 'a' }, status: { host: 'x' } }),
    manager: 'm',
    ...common({}),
    ignored: ['status'],
  });
  t.same(owned(ignoring), { m: { 'f:spec': { '.': {}, 'f:host': {} } } });
  t.end();
});

t.test('nobody comes to own what an endpoint resets, however deep it lies, nor what lies below it', (t) => {
  const ignored = ['spec.tls.issuer', 'spec.env', 'spec.nested.n.a'];
  const reset = { env: { A: '1' }, tls: { issuer: 'x' }, nested: { n: { a: '1' } } };
  const fields = { ...reset, tls: { issuer: 'x', version: '1' }, host: 'a' };
  const made = trackUpdate({
    live: undefined,
    next: objectOf({ spec: fields }),
    manager: 'm',
    ...common({}),
    ignored,
  });
  const around = { 'f:nested': { '.': {}, 'f:n': {} }, 'f:tls': { '.': {}, 'f:version': {} } };
  t.same(owned(made), { m: { 'f:spec': { '.': {}, 'f:host': {}, ...around } } });
  const whole = update(undefined, objectOf({ spec: fields }), 'whole');
  const emptied = { ...whole, spec: { host: 'a' } };
  const less = owned(trackUpdate({ live: whole, next: emptied, manager: 'm', ...common({}), ignored }))['whole'];
  const kept = { 'f:env': { '.': {}, 'f:A': {} }, 'f:nested': { 'f:n': { 'f:a': {} } }, 'f:tls': { 'f:issuer': {} } };
  t.same(less, { 'f:spec': { '.': {}, 'f:host': {}, ...kept } }, 'and nobody loses it');
  const applyAs = (manager: string, spec: object): KubeObject =>
    applyConfiguration({ live: whole, config: objectOf({ spec }), manager, force: false, ...common({}), ignored });
  const changed = { env: { A: '2' }, tls: { issuer: 'y' }, nested: { n: { a: '2' } } };
  const applied = owned(applyAs('f', { host: 'a', ...changed }));
  t.same(applied['f'], { 'f:spec': { 'f:host': {}, 'f:nested': { 'f:n': {} } } }, 'which is no conflict');
  t.same(applied['whole'], owned(whole)['whole']);
  t.equal(owned(applyAs('f', { tls: { issuer: 'y' }, env: { A: '2' } }))['f'], undefined);
  t.end();
});

t.test('at most ten updaters are kept apart; the oldest are put together', (t) => {
  let object = update(undefined, objectOf({ spec: { host: 'a' } }), 'm00');
  for (let n = 1; n <= 12; n += 1) {
    const env = { ...(spec(object) as { env?: object }).env, [`E${n}`]: 'x' };
    object = update(object, { ...object, spec: { host: 'a', env } }, `m${String(n).padStart(2, '0')}`, { minute: n });
  }
  const updaters = entries(object);
  t.equal(updaters.length, 10);
  t.equal(updaters[0]?.manager, 'ancient-changes');
  t.equal(updaters[0]?.time, at(3), 'the time of the newest of them');
  t.same(updaters[0]?.fieldsV1, {
    'f:spec': { '.': {}, 'f:env': { '.': {}, 'f:E1': {}, 'f:E2': {}, 'f:E3': {} }, 'f:host': {} },
  });
  t.same(owned(object)['m12'], { 'f:spec': { 'f:env': { 'f:E12': {} } } });
  t.end();
});

t.test('many managers cost what they own together, not what each costs every other', (t) => {
  const names = Array.from({ length: 16_000 }, (_, i) => `m${i}`);
  const managersOf = (operation: string): unknown[] =>
    names.map((manager) => {
      const fieldsV1 = { 'f:spec': { 'f:env': { [`f:${manager}`]: {} } } };
      return { manager, operation, apiVersion, fieldsType: 'FieldsV1', fieldsV1 };
    });
  const env = Object.fromEntries(names.map((name) => [name, 'x']));
  const updated = update(undefined, objectOf({ spec: {} }, { managedFields: managersOf('Update') }), 'x');
  t.equal(entries(updated).length, 10);
  t.equal(Object.keys(fieldsAt(updated, 'ancient-changes')).length, names.length - 8);
  const live = objectOf({ spec: { env } }, { managedFields: managersOf('Apply') });
  const applied = apply(live, { spec: { host: 'a' } }, 'x');
  t.equal(entries(applied).length, names.length + 1);
  const forced = apply(live, { spec: { env: Object.fromEntries(names.map((name) => [name, 'y'])) } }, 'x', {
    force: true,
  });
  t.same(Object.keys(owned(forced)), ['x'], 'who touches all of it takes it from each');
  t.end();
});

/** What a manager owns below the environment. */
function fieldsAt(object: KubeObject, manager: string): object {
  const set = owned(object)[manager] as { readonly 'f:spec': { readonly 'f:env': object } };
  return set['f:spec']['f:env'];
}

t.test('an update from null, to null and between forms of a value moves ownership', (t) => {
  const steps: readonly unknown[] = [{ a: 1 }, null, {}, 'text', { b: { c: 1 } }, [1], [], 5, { b: 2 }];
  let object = update(undefined, objectOf({ spec: { free: {} } }), 'm', { schema: undefined });
  for (const [index, free] of steps.entries()) {
    object = update(object, { ...object, spec: { free } }, `m${index}`, { minute: index, schema: undefined });
    const json = JSON.stringify(entries(object));
    t.ok(json.includes('"f:free"'), json);
    t.ok(entries(object).length > 0);
  }
  t.same(owned(object)[`m${steps.length - 1}`], { 'f:spec': { 'f:free': { '.': {}, 'f:b': {} } } });
  t.end();
});

t.test('law: an update to an equal object changes nothing, and one to another object is owned by somebody', (t) => {
  fc.assert(
    fc.property(specs, specs, (before, after) => {
      const live = update(undefined, objectOf({ spec: before }), 'u');
      const copy = JSON.parse(JSON.stringify(live)) as KubeObject;
      t.equal(update(live, copy, 'v', { minute: 1 }).metadata.managedFields, live.metadata.managedFields);
      const next = update(live, objectOf({ spec: after }), 'v', { minute: 1 });
      const all = update(undefined, objectOf({ spec: after }), 'u');
      t.ok(
        isEqual(union(owned(next)['u'], owned(next)['v']), union(owned(all)['u'], undefined)),
        JSON.stringify([before, after, owned(next), owned(all)]),
      );
    }),
    { numRuns: 300 },
  );
  t.end();
});

/** All paths of two FieldsV1 together. */
function union(...sets: readonly unknown[]): readonly string[] {
  const paths = new Set<string>();
  const walk = (node: unknown, path: string): void => {
    const keys = Object.keys(node as object);
    if (path !== '' && (keys.length === 0 || keys.includes('.'))) paths.add(path);
    for (const key of keys) if (key !== '.') walk((node as Record<string, unknown>)[key], `${path}/${key}`);
  };
  for (const set of sets) if (set !== undefined) walk(set, '');
  return [...paths].toSorted();
}
