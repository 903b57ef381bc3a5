import fc from 'fast-check';
import t from 'tap';
import { applyConfiguration } from '#runtime/apiserver/managed-fields/index.ts';
import { isEqual } from '#runtime/base/json.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import {
  apiVersion,
  apply,
  at,
  entries,
  objectOf,
  owned,
  refusal,
  common,
  spec,
  specs,
  update,
} from '#test/builders/web-object.ts';

t.test('an applier owns the leaves, entries and items it names, and not what merely leads there', (t) => {
  const applied = apply(
    undefined,
    {
      spec: {
        tls: { issuer: 'x' },
        env: { A: '1' },
        nested: { n: { a: '1' } },
        aliases: ['a'],
        ports: [{ port: 80 }],
        plain: [],
        free: { x: {} },
        whole: {},
      },
    },
    'flux',
    { metadata: { labels: { l: '1' } } },
  );
  t.same(entries(applied), [
    {
      manager: 'flux',
      operation: 'Apply',
      apiVersion,
      time: at(0),
      fieldsType: 'FieldsV1',
      fieldsV1: {
        'f:metadata': { 'f:labels': { 'f:l': {} } },
        'f:spec': {
          'f:aliases': { 'v:"a"': {} },
          'f:env': { 'f:A': {} },
          'f:free': { 'f:x': {} },
          'f:nested': { 'f:n': { '.': {}, 'f:a': {} } },
          'f:plain': {},
          'f:ports': { 'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:port': {} } },
          'f:tls': { 'f:issuer': {} },
          'f:whole': {},
        },
      },
    },
  ]);
  t.end();
});

t.test('an applier takes out what it no longer applies', (t) => {
  const one = apply(
    undefined,
    {
      spec: {
        host: 'a',
        env: { A: '1', B: '2' },
        aliases: ['x', 'y'],
        headers: [{ name: 'h1' }, { name: 'h2', value: 'v' }],
      },
    },
    'm',
    {
      metadata: { labels: { a: '1', b: '2' }, annotations: { n: '1' } },
    },
  );
  const two = apply(one, { spec: { host: 'a', env: { B: '2' }, aliases: ['y'], headers: [{ name: 'h2' }] } }, 'm', {
    metadata: { labels: { b: '2' } },
  });
  t.same(spec(two), { host: 'a', env: { B: '2' }, aliases: ['y'], headers: [{ name: 'h2' }] });
  t.same(two.metadata.labels, { b: '2' });
  t.notOk('annotations' in two.metadata, 'a container that loses everything goes');
  const three = apply(two, {}, 'm');
  t.notOk('spec' in three);
  t.same(three.metadata, { name: 'w', namespace: 'ns' }, 'name and namespace always stay');
  t.end();
});

t.test('a map in which nothing but empty lists is left goes, too', (t) => {
  const one = apply(undefined, { spec: { host: 'a', headers: [{ name: 'h1' }] } }, 'm');
  const grown = { ...one, spec: { host: 'a', headers: [{ name: 'h1' }], aliases: [] } };
  const updated = update(one, grown, 'updater', { minute: 1 });
  t.same(spec(apply(updated, { spec: { host: 'a' } }, 'm', { minute: 2 })), { host: 'a', aliases: [] });
  t.notOk('spec' in apply(updated, {}, 'm', { minute: 2 }));
  t.end();
});

t.test('what others own or nobody owns is not taken out with it', (t) => {
  const one = apply(
    undefined,
    { spec: { env: { A: '1' }, headers: [{ name: 'h', value: 'v' }], tls: { issuer: 'x' } } },
    'm',
  );
  const grown = {
    ...one,
    spec: {
      env: { A: '1', U: '2' },
      headers: [{ name: 'h', value: 'v', note: 'n' }, { name: 'u' }],
      tls: { issuer: 'x', version: '1' },
    },
  };
  const updated = update(one, grown, 'updater', { minute: 1 });
  const gone = apply(updated, {}, 'm', { minute: 2 });
  t.same(
    spec(gone),
    { env: { U: '2' }, headers: [{ name: 'u' }], tls: { version: '1' } },
    'an item goes with its applier, its neighbours stay',
  );
  t.same(owned(gone), {
    updater: {
      'f:spec': {
        'f:env': { 'f:U': {} },
        'f:headers': { 'k:{"name":"u"}': { '.': {}, 'f:name': {} } },
        'f:tls': { 'f:version': {} },
      },
    },
  });
  t.end();
});

t.test('the same value is shared, and stays until its last applier drops it', (t) => {
  const a = apply(undefined, { spec: { host: 'h', count: 1 } }, 'a');
  const both = apply(a, { spec: { host: 'h' } }, 'b', { minute: 1 });
  t.same(owned(both), { a: { 'f:spec': { 'f:count': {}, 'f:host': {} } }, b: { 'f:spec': { 'f:host': {} } } });
  const left = apply(both, { spec: { count: 1 } }, 'a', { minute: 2 });
  t.same(spec(left), { host: 'h', count: 1 });
  const last = apply(left, { spec: {} }, 'b', { minute: 3 });
  t.same(spec(last), { count: 1 });
  t.end();
});

t.test('another value than another manager owns is a conflict, told field by field', (t) => {
  const one = update(undefined, objectOf({ spec: { host: 'a', count: 1 } }), 'kubectl-edit');
  const single = refusal(() => apply(one, { spec: { host: 'b', count: 1 } }, 'flux'));
  t.equal(single.status, 409);
  t.equal(single.reason, 'Conflict');
  t.equal(
    single.message,
    'Apply failed with 1 conflict: conflict with "kubectl-edit" using wcp.example/v1: .spec.host',
  );
  t.same(single.faults, [
    {
      reason: 'FieldManagerConflict',
      message: 'conflict with "kubectl-edit" using wcp.example/v1',
      field: '.spec.host',
    },
  ]);
  const applied = apply(
    one,
    { spec: { headers: [{ name: 'n', value: '1' }], ports: [{ port: 80, name: 'x' }] } },
    'other',
    { minute: 1 },
  );
  const several = refusal(() =>
    apply(
      applied,
      { spec: { host: 'b', count: 2, headers: [{ name: 'n', value: '2' }], ports: [{ port: 80, name: 'y' }] } },
      'flux',
    ),
  );
  t.equal(
    several.message,
    [
      'Apply failed with 4 conflicts: conflicts with "kubectl-edit" using wcp.example/v1:',
      '- .spec.count',
      '- .spec.host',
      'conflicts with "other":',
      '- .spec.headers[name="n"].value',
      '- .spec.ports[port=80,protocol="TCP"].name',
    ].join('\n'),
  );
  const status = update(one, { ...one, status: { host: 'h' } }, 'agent', { subresource: 'status' });
  const apart = refusal(() => apply(status, { status: { host: 'x' } }, 'flux', { subresource: 'status' }));
  t.equal(
    apart.message,
    'Apply failed with 1 conflict: conflict with "agent" with subresource "status" using wcp.example/v1: .status.host',
  );
  t.end();
});

t.test('force takes the field and its ownership', (t) => {
  const one = apply(undefined, { spec: { host: 'a', count: 1 } }, 'a');
  const taken = apply(one, { spec: { host: 'b' } }, 'b', { force: true, minute: 1 });
  t.same(spec(taken), { host: 'b', count: 1 });
  t.same(owned(taken), { a: { 'f:spec': { 'f:count': {} } }, b: { 'f:spec': { 'f:host': {} } } });
  const dropped = apply(taken, { spec: { count: 1 } }, 'a', { minute: 2 });
  t.same(spec(dropped), { host: 'b', count: 1 }, 'who lost a field does not take it out');
  t.end();
});

t.test('values that are owned as a whole conflict as a whole', (t) => {
  const one = apply(undefined, { spec: { whole: { a: '1' }, plain: ['x'], free: { l: [{ a: 1 }] } } }, 'a');
  t.equal(
    refusal(() => apply(one, { spec: { whole: { b: '1' }, plain: ['x', 'y'], free: { l: [] } } }, 'b')).faults.length,
    3,
  );
  t.same(spec(apply(one, { spec: { whole: { b: '1' } } }, 'b', { force: true })), {
    whole: { b: '1' },
    plain: ['x'],
    free: { l: [{ a: 1 }] },
  });
  t.end();
});

t.test('lists keep the order of the applier, with foreign items at their place', (t) => {
  const live = update(undefined, objectOf({ spec: { aliases: ['a', 'x', 'b', 'y', 'c'] } }), 'm');
  t.same(spec(apply(live, { spec: { aliases: ['c', 'n', 'a'] } }, 'f')), { aliases: ['x', 'b', 'y', 'c', 'n', 'a'] });
  t.same(spec(apply(live, { spec: { aliases: ['a', 'n', 'c'] } }, 'f')), { aliases: ['a', 'x', 'b', 'y', 'n', 'c'] });
  t.same(spec(apply(live, { spec: { aliases: ['n'] } }, 'f')), { aliases: ['a', 'x', 'b', 'y', 'c', 'n'] });
  t.end();
});

t.test('items that stand twice are tolerated in the live object and refused in a configuration', (t) => {
  const live = update(
    undefined,
    objectOf({ spec: { headers: [{ name: 'd', value: '1' }, { name: 'd', value: '2' }, { name: 'e' }] } }),
    'm',
  );
  t.same(owned(live), {
    m: {
      'f:spec': {
        '.': {},
        'f:headers': { '.': {}, 'k:{"name":"d"}': {}, 'k:{"name":"e"}': { '.': {}, 'f:name': {} } },
      },
    },
  });
  const other = apply(live, { spec: { headers: [{ name: 'f' }] } }, 'a');
  t.equal((spec(other) as { headers: unknown[] }).headers.length, 4, 'untouched duplicates stay');
  const error = refusal(() =>
    apply(live, { spec: { headers: [{ name: 'd' }, { name: 'd' }], aliases: ['x', 'x'] } }, 'a'),
  );
  t.equal(error.status, 500);
  t.equal(error.reason, '');
  t.equal(
    error.message,
    'failed to create typed patch object (ns/w; wcp.example/v1, Kind=Web): errors:\n' +
      '  .spec.headers: duplicate entries for key [name="d"]\n  .spec.aliases: duplicate entries for key [="x"]',
  );
  const settled = apply(live, { spec: { headers: [{ name: 'd', value: '3' }] } }, 'a', { force: true });
  t.same(
    spec(settled),
    { headers: [{ name: 'd', value: '3' }, { name: 'e' }] },
    'an applied item replaces its duplicates',
  );
  t.same(owned(settled)['a'], {
    'f:spec': { 'f:headers': { 'k:{"name":"d"}': { '.': {}, 'f:name': {}, 'f:value': {} } } },
  });
  t.end();
});

t.test('a configuration that does not fit the schema is a plain 500', (t) => {
  const prefix = 'failed to create typed patch object (ns/w; wcp.example/v1, Kind=Web): ';
  const cases: readonly (readonly [object, string])[] = [
    [{ spec: { foo: 1 } }, '.spec.foo: field not declared in schema'],
    [{ top: 1 }, '.top: field not declared in schema'],
    [{ spec: { host: 1 } }, '.spec.host: expected string, got number'],
    [{ spec: { count: '1' } }, '.spec.count: expected numeric (int or float), got string'],
    [{ spec: { tls: [] } }, '.spec.tls: expected map, got list'],
    [{ spec: { plain: {} } }, '.spec.plain: expected list, got map'],
    [
      { spec: { headers: [{ value: 'x' }] } },
      '.spec.headers: element 0: associative list with keys has an element that omits all key fields ["name"] (and doesn\'t have default values for any key fields)',
    ],
    [{ spec: { ports: ['x'] } }, '.spec.ports: element 0: associative list with keys may not have non-map elements'],
    [
      { spec: { aliases: [null] } },
      ".spec.aliases: element 0: associative list without keys has an element that's an explicit null",
    ],
    [{ spec: { headers: [{ name: 'n', x: 1 }] } }, '.spec.headers[name="n"].x: field not declared in schema'],
  ];
  for (const [fields, words] of cases) {
    const error = refusal(() => apply(undefined, fields, 'm'));
    t.equal(error.status, 500);
    t.equal(error.message, prefix + words);
  }
  t.doesNotThrow(() => apply(undefined, { spec: { either: 'x', free: { anything: [{ y: 1 }] } } }, 'm'));
  t.doesNotThrow(
    () => apply(undefined, { spec: { anything: { at: ['all'] } } }, 'm', { schema: undefined }),
    'without a schema everything fits',
  );
  t.end();
});

t.test('managed fields and a foreign apiVersion have no place in a configuration', (t) => {
  const managed = refusal(() => apply(undefined, {}, 'm', { metadata: { managedFields: [] } }));
  t.equal(managed.status, 400);
  t.equal(managed.message, 'metadata.managedFields must be nil');
  const config = { ...objectOf({}), apiVersion: 'wcp.example/v2' };
  const version = refusal(() =>
    applyConfiguration({ live: undefined, config, manager: 'm', force: false, ...common({}) }),
  );
  t.equal(
    version.message,
    'Incorrect version specified in apply patch. Specified patch version: wcp.example/v2, expected: wcp.example/v1',
  );
  t.end();
});

t.test('null is owned, and leaves a container with content alone', (t) => {
  const one = apply(undefined, { spec: { host: null, tls: null } }, 'm');
  t.same(owned(one), { m: { 'f:spec': { 'f:host': {}, 'f:tls': {} } } });
  const live = update(undefined, objectOf({ spec: { env: { A: '1' }, aliases: ['a'] } }), 'u');
  t.same(spec(apply(live, { spec: { env: null, aliases: null } }, 'm')), { env: { A: '1' }, aliases: ['a'] });
  t.end();
});

t.test('applying again changes nothing, not even a time', (t) => {
  const fields = { spec: { host: 'a', ports: [{ port: 1 }], env: { A: '1' }, aliases: ['b', 'a'] } };
  const one = apply(undefined, fields, 'm', { metadata: { labels: { a: '1' }, creationTimestamp: null } });
  const again = apply(one, JSON.parse(JSON.stringify(fields)) as object, 'm', {
    minute: 9,
    metadata: { labels: { a: '1' }, creationTimestamp: null },
  });
  t.equal(again, one, 'the very object');
  const shared = apply(one, fields, 'n', { minute: 9 });
  t.equal(spec(shared), spec(one));
  t.equal(apply(shared, fields, 'n', { minute: 10 }), shared);
  t.end();
});

t.test('a container that is applied empty stays, empty, when its content goes', (t) => {
  const one = apply(undefined, { spec: { env: { A: '1' }, free: { x: { y: '1' } } } }, 'm');
  const emptied = apply(one, { spec: { env: {}, free: { x: {} } } }, 'm', { minute: 1 });
  t.same(spec(emptied), { env: {}, free: { x: {} } });
  t.equal(apply(emptied, { spec: { env: {}, free: { x: {} } } }, 'm', { minute: 2 }), emptied);
  t.end();
});

t.test('what the server keeps in metadata is merged for whoever checks and resets it', (t) => {
  const one = { ...apply(undefined, { spec: { host: 'a' } }, 'm') };
  const live: KubeObject = {
    ...one,
    metadata: { ...one.metadata, uid: 'u', resourceVersion: '5', generation: 3, creationTimestamp: at(0) },
  };
  const next = apply(live, { spec: { host: 'b' } }, 'm', {
    minute: 1,
    metadata: { creationTimestamp: null, managedFields: null, generation: 9, resourceVersion: '4' },
  });
  t.match(next.metadata, { uid: 'u', resourceVersion: '4', generation: 9, creationTimestamp: at(0) });
  t.equal(entries(next).length, 1);
  t.end();
});

t.test('what an endpoint resets is merged for whoever reads it next, and nobody owns it', (t) => {
  const live = update(undefined, objectOf({ spec: { host: 'a' } }, { labels: { l: '1' } }), 'm');
  const next = apply(live, { spec: { host: 'b' }, status: { host: 'h', observed: 1 } }, 'agent', {
    subresource: 'status',
    minute: 1,
    metadata: { labels: { l: '2' } },
  });
  t.match(next, { spec: { host: 'b' }, status: { host: 'h', observed: 1 } });
  t.same(owned(next)['m'], owned(live)['m'], 'which is no conflict');
  t.same(owned(next)['agent'], { 'f:status': { 'f:host': {}, 'f:observed': {} } });
  const less = apply(next, { status: { host: 'h' } }, 'agent', { subresource: 'status', minute: 2 });
  t.same(less['status'], { host: 'h' });
  const main = applyConfiguration({
    live: { ...next, spec: spec(live) },
    config: objectOf({ spec: { host: 'a' }, status: { host: 'x' } }),
    manager: 'f',
    force: false,
    ...common({}),
    ignored: ['status'],
  });
  t.same(main['status'], { host: 'x', observed: 1 });
  t.same(owned(main)['f'], { 'f:spec': { 'f:host': {} } });
  t.end();
});

t.test('kubectl may take over what its own client-side apply set, and keeps the annotation in step', (t) => {
  const annotation = 'kubectl.kubernetes.io/last-applied-configuration';
  const sent = objectOf({ spec: { host: 'a', count: 1 } }, { annotations: {} });
  const first = objectOf({ spec: { host: 'a', count: 1 } }, { annotations: { [annotation]: JSON.stringify(sent) } });
  const live = update(undefined, first, 'kubectl-client-side-apply');
  const migrated = apply(live, { spec: { host: 'b', count: 1 } }, 'kubectl', { minute: 1 });
  t.same(spec(migrated), { host: 'b', count: 1 });
  t.equal(
    migrated.metadata.annotations?.[annotation],
    `${JSON.stringify(objectOf({ spec: { host: 'b', count: 1 } }))}\n`,
  );
  t.equal(refusal(() => apply(live, { spec: { host: 'b' } }, 'flux')).status, 409, 'others may not');
  const edited = update(live, { ...live, spec: { host: 'edited', count: 1 } }, 'kubectl-edit', { minute: 1 });
  const conflict = refusal(() => apply(edited, { spec: { host: 'b', count: 2 } }, 'kubectl'));
  t.same(
    conflict.faults.map(({ field }) => field),
    ['.spec.host'],
    'what somebody changed since stays a conflict',
  );
  t.end();
});

t.test('finalizers are owned one by one', (t) => {
  const one = apply(undefined, {}, 'a', { metadata: { finalizers: ['x/a'] } });
  const two = apply(one, {}, 'b', { metadata: { finalizers: ['x/b'] } });
  t.same(two.metadata.finalizers, ['x/a', 'x/b']);
  const three = apply(two, {}, 'a');
  t.same(three.metadata.finalizers, ['x/b']);
  t.same(owned(three), { b: { 'f:metadata': { 'f:finalizers': { 'v:"x/b"': {} } } } });
  t.end();
});

t.test('an applier is the same at every version, an updater is not', (t) => {
  const one = apply(undefined, { spec: { host: 'a', count: 1 } }, 'm');
  const next = apply({ ...one, apiVersion: 'wcp.example/v2' }, { spec: { host: 'a' } }, 'm', {
    apiVersion: 'wcp.example/v2',
    minute: 1,
  });
  t.same(spec(next), { host: 'a' });
  t.same(
    entries(next).map((entry) => entry.apiVersion),
    ['wcp.example/v2'],
  );
  const updated = update(next, { ...next, spec: { host: 'b', count: 1 } }, 'u');
  const later = update(updated, { ...updated, spec: { host: 'c', count: 1 } }, 'u', { apiVersion: 'wcp.example/v2' });
  t.equal(entries(later).filter(({ manager }) => manager === 'u').length, 2);
  t.end();
});

t.test('law: applying twice is applying once', (t) => {
  fc.assert(
    fc.property(specs, specs, (before, config) => {
      const live = update(undefined, objectOf({ spec: before }), 'u');
      const once = apply(live, { spec: config }, 'm', { force: true });
      t.equal(apply(once, { spec: JSON.parse(JSON.stringify(config)) as object }, 'm', { minute: 1 }), once);
    }),
    { numRuns: 500 },
  );
  t.end();
});

t.test(
  'law: whoever applies gets what it applied, and a second applier of the same shares it without conflict',
  (t) => {
    fc.assert(
      fc.property(specs, specs, (before, config) => {
        const live = update(undefined, objectOf({ spec: before }), 'u');
        const one = apply(live, { spec: config }, 'm', { force: true });
        const two = apply(one, { spec: config }, 'n', { minute: 1 });
        t.ok(isEqual(spec(two), spec(one)));
        t.ok(isEqual(owned(two)['n'], owned(two)['m']));
        for (const field of ['host', 'count', 'plain', 'whole'] as const) {
          if (config[field] !== undefined) t.same((spec(one) as Record<string, unknown>)[field], config[field]);
        }
      }),
      { numRuns: 300 },
    );
    t.end();
  },
);

t.test('law: applying nothing after applying something leaves what was there before, where nothing was taken', (t) => {
  fc.assert(
    fc.property(specs, (config) => {
      const live = update(undefined, objectOf({}, { labels: { l: '1' } }), 'u');
      const applied = apply(live, { spec: config }, 'm');
      const gone = apply(applied, {}, 'm', { minute: 1 });
      // An empty list of items owns nothing, so that nobody takes it out.
      const rest = JSON.parse(JSON.stringify(spec(gone) ?? {})) as Record<string, unknown>;
      t.ok(
        Object.values(rest).every((value) => isEqual(value, [])),
        JSON.stringify(rest),
      );
      t.same(gone.metadata.labels, { l: '1' });
    }),
    { numRuns: 300 },
  );
  t.end();
});
