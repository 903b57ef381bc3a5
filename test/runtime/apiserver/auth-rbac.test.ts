import fc from 'fast-check';
import t from 'tap';
import { applyBootstrapObjects } from '#runtime/apiserver/auth/bootstrap/apply.ts';
import { bootstrapPolicy } from '#runtime/apiserver/auth/bootstrap/policy.ts';
import { aggregatedRules } from '#runtime/apiserver/auth/rbac/aggregation.ts';
import { createRbacAuthorizer } from '#runtime/apiserver/auth/rbac/authorizer.ts';
import { compiledRole, roleAllows } from '#runtime/apiserver/auth/rbac/compiled-role.ts';
import { coverage } from '#runtime/apiserver/auth/rbac/coverage.ts';
import { createEscalationPlugin } from '#runtime/apiserver/auth/rbac/escalation.ts';
import { rulesOf, type PolicyRule } from '#runtime/apiserver/auth/rbac/model.ts';
import type { RequestAttributes, UserInfo } from '#runtime/apiserver/operations.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { rbac } from './memory-operations.ts';
import {
  user,
  jane,
  master,
  clusterRole,
  role,
  subjects,
  binding,
  rule,
  withWorld,
  request,
  refusal,
} from './auth-objects.ts';

t.test('a rule allows what it names and nothing beside it', async (t) => {
  const cases: readonly (readonly [string, Partial<PolicyRule>, Partial<RequestAttributes>, boolean])[] = [
    ['the named resource', { resources: ['secrets'], verbs: ['get'] }, { resource: 'secrets' }, true],
    ['another verb', { resources: ['secrets'], verbs: ['get'] }, { resource: 'secrets', verb: 'list' }, false],
    ['any verb', { resources: ['secrets'], verbs: ['*'] }, { resource: 'secrets', verb: 'list' }, true],
    ['another group', { resources: ['secrets'], verbs: ['get'] }, { resource: 'secrets', group: 'x.y' }, false],
    [
      'any group',
      { apiGroups: ['*'], resources: ['secrets'], verbs: ['get'] },
      { resource: 'secrets', group: 'x.y' },
      true,
    ],
    [
      'a subresource is not its resource',
      { resources: ['sites'], verbs: ['get'] },
      { resource: 'sites', subresource: 'status' },
      false,
    ],
    [
      'a resource is not its subresource',
      { resources: ['sites/status'], verbs: ['get'] },
      { resource: 'sites' },
      false,
    ],
    [
      'the named subresource',
      { resources: ['sites/status'], verbs: ['get'] },
      { resource: 'sites', subresource: 'status' },
      true,
    ],
    [
      'a subresource of anything',
      { resources: ['*/status'], verbs: ['get'] },
      { resource: 'sites', subresource: 'status' },
      true,
    ],
    [
      'any resource covers subresources',
      { resources: ['*'], verbs: ['get'] },
      { resource: 'sites', subresource: 'status' },
      true,
    ],
    [
      'a star after the slash is no pattern',
      { resources: ['sites/*'], verbs: ['get'] },
      { resource: 'sites', subresource: 'status' },
      false,
    ],
    [
      'the named object',
      { resources: ['secrets'], resourceNames: ['a'], verbs: ['get'] },
      { resource: 'secrets', name: 'a' },
      true,
    ],
    [
      'another object',
      { resources: ['secrets'], resourceNames: ['a'], verbs: ['get'] },
      { resource: 'secrets', name: 'b' },
      false,
    ],
    [
      'names never allow a list',
      { resources: ['secrets'], resourceNames: ['a', ''], verbs: ['*'] },
      { resource: 'secrets', verb: 'list' },
      false,
    ],
    [
      'names never allow a create',
      { resources: ['secrets'], resourceNames: ['a', ''], verbs: ['*'] },
      { resource: 'secrets', verb: 'create' },
      false,
    ],
    ['a path', { nonResourceURLs: ['/metrics'], verbs: ['get'] }, { path: '/metrics' }, true],
    ['below a path', { nonResourceURLs: ['/api/*'], verbs: ['get'] }, { path: '/api/v1' }, true],
    ['beside a path', { nonResourceURLs: ['/api/*'], verbs: ['get'] }, { path: '/apis' }, false],
    ['every path', { nonResourceURLs: ['*'], verbs: ['get'] }, { path: '/x' }, true],
    ['paths allow no resource', { nonResourceURLs: ['*'], verbs: ['*'] }, { resource: 'secrets' }, false],
    ['resources allow no path', { apiGroups: ['*'], resources: ['*'], verbs: ['*'] }, { path: '/metrics' }, false],
  ];
  for (const [why, parts, wanted, allowed] of cases) {
    await withWorld(async (world) => {
      const authorizer = createRbacAuthorizer(world);
      await world.create(clusterRole('r', [{ apiGroups: [''], ...parts }]));
      await world.create(binding('', 'b', 'ClusterRole=r', subjects('User=jane')));
      await world.cache.sync();
      t.equal(authorizer.authorize(request(jane, wanted)).allowed, allowed, why);
    });
  }
});

t.test('a binding gives its role to its subjects, where it stands, as long as both exist', (t) =>
  withWorld(async (world) => {
    const authorizer = createRbacAuthorizer(world);
    const may = (by: UserInfo, namespace: string) =>
      authorizer.authorize(request(by, { resource: 'configmaps', namespace })).allowed;
    const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get'] }];
    await world.create(clusterRole('reader', rules));
    await world.create(role('a', 'reader', rules));
    await world.create(binding('a', 'user', 'Role=reader', subjects('User=jane')));
    await world.create(binding('b', 'group', 'ClusterRole=reader', subjects('Group=ops')));
    await world.create(binding('c', 'account', 'ClusterRole=reader', subjects('ServiceAccount=x/robot')));
    await world.create(binding('d', 'dangling', 'Role=reader', subjects('User=jane')));
    await world.create(binding('', 'wrong-kind', 'Role=reader', subjects('User=tom')));
    await world.cache.sync();
    const robot = user('system:serviceaccount:x:robot');
    t.ok(may(jane, 'a'), 'a user by a Role');
    t.notOk(may(jane, 'b'), 'not in another namespace');
    t.notOk(may(jane, ''), 'not at the cluster scope');
    t.notOk(may(jane, 'd'), 'a Role of another namespace does not count');
    t.notOk(may(user('tom'), 'a'), 'a ClusterRoleBinding cannot name a Role');
    t.ok(may(user('max', 'ops'), 'b'), 'a group by a ClusterRole');
    t.ok(may(robot, 'c'), 'a ServiceAccount of another namespace');
    t.notOk(may(user('system:serviceaccount:c:robot'), 'c'), 'not its namesake');
    t.notOk(may(user('max', 'User=jane'), 'a'), 'a group is not a user of that name');
    t.equal(
      authorizer.authorize(request(robot, { resource: 'configmaps', namespace: 'c' })).reason,
      'RBAC: allowed by RoleBinding "account/c" of ClusterRole "reader" to ServiceAccount "robot/x"',
    );
    await world.delete('RoleBinding', { namespace: 'a', name: 'user' });
    await world.delete('ClusterRole', { name: 'reader' });
    await world.cache.sync();
    t.notOk(may(jane, 'a'), 'the binding is gone');
    t.notOk(may(robot, 'c'), 'the role is gone');
    t.ok(
      authorizer.authorize(request(master, { resource: 'anything', verb: 'delete' })).allowed,
      'system:masters may all',
    );
  }),
);

t.test('rights change with the role, without a restart', (t) =>
  withWorld(async (world) => {
    const authorizer = createRbacAuthorizer(world);
    await world.create(clusterRole('r', [{ apiGroups: [''], resources: ['secrets'], verbs: ['get'] }]));
    await world.create(binding('', 'b', 'ClusterRole=r', subjects('User=jane')));
    await world.cache.sync();
    t.ok(authorizer.authorize(request(jane, { resource: 'secrets' })).allowed);
    await world.update('ClusterRole', { name: 'r' }, (live) => ({ ...live, rules: [] }));
    await world.cache.sync();
    t.notOk(authorizer.authorize(request(jane, { resource: 'secrets' })).allowed);
  }),
);

t.test('a decision does not get slower with the bindings of others', (t) =>
  withWorld(async (world) => {
    const authorizer = createRbacAuthorizer(world);
    await world.create(clusterRole('r', [{ apiGroups: [''], resources: ['secrets'], verbs: ['get'] }]));
    for (let n = 0; n < 10_000; n += 1) {
      await world.create(binding(`n${n}`, 'owner', 'ClusterRole=r', subjects(`User=u${n}`)));
    }
    await world.cache.sync();
    const someone = user('u777');
    const here = request(someone, { resource: 'secrets', namespace: 'n777' });
    const elsewhere = request(someone, { resource: 'secrets', namespace: 'n778' });
    const rounds = 20_000;
    const started = process.cpuUsage();
    for (let n = 0; n < rounds; n += 1) {
      authorizer.authorize(here);
      authorizer.authorize(elsewhere);
    }
    const { user: micros } = process.cpuUsage(started);
    const each = micros / rounds / 2;
    t.comment(`${each.toFixed(2)} µs per decision with 10,000 RoleBindings`);
    t.ok(authorizer.authorize(here).allowed && !authorizer.authorize(elsewhere).allowed);
    t.ok(each < 50, `${each} µs`);
  }),
);

t.test('one of many Roles that each name an object is found without a look at the others', (t) =>
  withWorld(async (world) => {
    let looks = 0;
    const get: typeof world.cache.get = (...key) => {
      looks += 1;
      return world.cache.get(...key);
    };
    const authorizer = createRbacAuthorizer({ cache: { ...world.cache, get } });
    for (let n = 0; n < 500; n += 1) {
      const rules = [{ apiGroups: [''], resources: ['secrets'], resourceNames: [`s${n}`], verbs: ['get'] }];
      await world.create(role('a', `r${n}`, rules));
      await world.create(
        binding('a', `b${n}`, `Role=r${n}`, subjects(n === 400 ? 'User=tom' : 'ServiceAccount=x/agent')),
      );
    }
    await world.create(binding('b', 'elsewhere', 'Role=r7', subjects('ServiceAccount=x/agent')));
    await world.cache.sync();
    const agent = user('system:serviceaccount:x:agent');
    const decide = (namespace: string, name: string) =>
      authorizer.authorize(request(agent, { resource: 'secrets', namespace, name }));
    t.same(decide('a', 's450'), {
      allowed: true,
      reason: 'RBAC: allowed by RoleBinding "b450/a" of Role "r450" to ServiceAccount "agent/x"',
    });
    t.equal(looks, 0);
    t.notOk(decide('a', 's400').allowed, 'that one is of somebody else');
    t.notOk(decide('b', 's7').allowed, 'a Role of another namespace');
    await world.update('Role', { namespace: 'a', name: 'r450' }, (live) => ({ ...live, rules: [] }));
    await world.cache.sync();
    t.notOk(decide('a', 's450').allowed, 'and no longer');
  }),
);

t.test('rules cover others right by right', async (t) => {
  const held = [
    rule({ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] }),
    rule({ apiGroups: ['apps'], resources: ['*'], verbs: ['get'] }),
    rule({ apiGroups: [''], resources: ['secrets'], resourceNames: ['a', 'b'], verbs: ['get'] }),
    rule({ apiGroups: [''], resources: ['*/status'], verbs: ['patch'] }),
    rule({ nonResourceURLs: ['/api/*'], verbs: ['get'] }),
  ];
  const cases: readonly (readonly [string, Partial<PolicyRule>, boolean])[] = [
    ['the same', { apiGroups: [''], resources: ['pods'], verbs: ['get'] }, true],
    ['one verb more', { apiGroups: [''], resources: ['pods'], verbs: ['get', 'delete'] }, false],
    ['put together from two rules', { apiGroups: ['', 'apps'], resources: ['pods'], verbs: ['get'] }, true],
    ['all groups', { apiGroups: ['*'], resources: ['pods'], verbs: ['get'] }, false],
    ['all verbs', { apiGroups: ['apps'], resources: ['x'], verbs: ['*'] }, false],
    ['all resources', { apiGroups: ['apps'], resources: ['*'], verbs: ['get'] }, true],
    ['a held name', { apiGroups: [''], resources: ['secrets'], resourceNames: ['b'], verbs: ['get'] }, true],
    ['every name', { apiGroups: [''], resources: ['secrets'], verbs: ['get'] }, false],
    [
      'the empty name is not every name',
      { apiGroups: [''], resources: ['secrets'], resourceNames: [''], verbs: ['get'] },
      false,
    ],
    ['a subresource of anything', { apiGroups: [''], resources: ['x/status'], verbs: ['patch'] }, true],
    ['a longer path', { nonResourceURLs: ['/api/v1/*'], verbs: ['get'] }, true],
    ['every path', { nonResourceURLs: ['*'], verbs: ['get'] }, false],
    ['a rule that allows nothing', { verbs: ['*'] }, true],
  ];
  for (const [why, wanted, covered] of cases) t.equal(coverage(held, [rule(wanted)]).covered, covered, why);
});

t.test('rules cover a role just when they allow each of its requests', async (t) => {
  const [groups, resources, names, verbs] = [
    ['', 'g'],
    ['a', 'b', 'a/s'],
    ['x', 'y'],
    ['get', 'list'],
  ];
  const some = (values: readonly string[]) => fc.subarray([...values], { minLength: 1 });
  const plain = fc.record({
    apiGroups: some(groups),
    resources: some(resources),
    resourceNames: fc.subarray(names),
    verbs: some(verbs),
  });
  const wide = fc.record({
    apiGroups: some([...groups, '*']),
    resources: some([...resources, '*', '*/s']),
    resourceNames: fc.subarray(names),
    verbs: some([...verbs, '*']),
  });
  fc.assert(
    fc.property(fc.array(wide, { maxLength: 4 }), plain, (heldParts, wantedParts) => {
      const held = heldParts.map(rule);
      const wanted = rule(wantedParts);
      const role = compiledRole(clusterRole('held', held));
      const asked = wanted.apiGroups.flatMap((group) =>
        wanted.resources.flatMap((path) =>
          (wanted.resourceNames.length === 0 ? [''] : wanted.resourceNames).flatMap((name) =>
            wanted.verbs.map((verb) => {
              const [resource = '', subresource = ''] = path.split('/');
              return request(jane, { group, resource, subresource, name, verb });
            }),
          ),
        ),
      );
      return coverage(held, [wanted]).covered === asked.every((attributes) => roleAllows(role, attributes));
    }),
    { numRuns: 2000 },
  );
  t.pass('2,000 random roles');
});

t.test('a role that multiplies its lists is refused in bounded time', async (t) => {
  const many = (prefix: string) => Array.from({ length: 400 }, (_, n) => `${prefix}${n}`);
  const wanted = rule({ apiGroups: many('g'), resources: many('r'), resourceNames: many('n'), verbs: many('v') });
  const held = many('v').map((verb) => rule({ apiGroups: ['*'], resources: ['*'], verbs: [verb] }));
  const started = process.cpuUsage();
  t.notOk(coverage(held, [wanted]).covered);
  t.ok(process.cpuUsage(started).user < 2_000_000);
});

t.test('nobody grants what they lack', (t) =>
  withWorld(async (world) => {
    const authorizer = createRbacAuthorizer(world);
    world.use([createEscalationPlugin({ cache: world.cache, authorizer })]);
    const read = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get'] }];
    const all = [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }];
    const manage = { apiGroups: [rbac], resources: ['*'], verbs: ['create', 'update', 'get'] };
    await world.create(clusterRole('owner', [manage, ...read]));
    await world.create(clusterRole('powerful', all));
    await world.create(
      clusterRole('may-escalate', [
        { apiGroups: [rbac], resources: ['roles'], resourceNames: ['wanted'], verbs: ['escalate'] },
      ]),
    );
    await world.create(
      clusterRole('may-bind', [
        { apiGroups: [rbac], resources: ['clusterroles'], resourceNames: ['powerful'], verbs: ['bind'] },
      ]),
    );
    await world.create(binding('a', 'owner', 'ClusterRole=owner', subjects('User=jane')));
    await world.create(binding('a', 'escalate', 'ClusterRole=may-escalate', subjects('User=sue')));
    await world.create(binding('a', 'bind', 'ClusterRole=may-bind', subjects('User=bob')));
    await world.cache.sync();
    const sue = user('sue');
    const bob = user('bob');
    const error = await refusal(world.create(role('a', 'wanted', all), { as: jane }));
    t.equal(error.status, 403);
    t.equal(
      error.message,
      'roles.rbac.authorization.k8s.io "wanted" is forbidden: user "jane" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:["*"], Resources:["*"], Verbs:["*"]}',
    );
    await t.resolves(world.create(role('a', 'held', read), { as: jane }), 'rules that one holds');
    t.equal(
      (await refusal(world.create(role('b', 'held', read), { as: jane }))).status,
      403,
      'not in another namespace',
    );
    t.equal(
      (await refusal(world.create(clusterRole('held', read), { as: jane }))).status,
      403,
      'nor for the whole cluster',
    );
    await t.resolves(world.create(role('a', 'wanted', all), { as: sue }), 'the verb escalate');
    t.equal(
      (await refusal(world.create(role('a', 'other', all), { as: sue }))).status,
      403,
      'escalate on one name only',
    );
    await t.resolves(
      world.update(
        'Role',
        { namespace: 'a', name: 'wanted' },
        (live) => ({ ...live, metadata: { ...live.metadata, labels: { x: 'y' } } }),
        jane,
      ),
      'a change beside the rules',
    );
    t.equal(
      (await refusal(world.update('Role', { namespace: 'a', name: 'held' }, (live) => ({ ...live, rules: all }), jane)))
        .status,
      403,
      'an update grants, too',
    );

    const grab = (name: string, as: UserInfo, to = 'ClusterRole=powerful') =>
      world.create(binding('a', name, to, subjects('User=jane')), { as });
    t.equal((await refusal(grab('x', jane))).status, 403, 'binding a role with more rights');
    t.equal(
      (await refusal(grab('x', jane, 'ClusterRole=missing'))).status,
      404,
      'binding a role that somebody may make later',
    );
    await t.resolves(grab('y', bob), 'the verb bind');
    t.equal(
      (await refusal(world.create(binding('', 'y', 'ClusterRole=powerful', subjects('User=bob')), { as: bob }))).status,
      403,
      'bind in a namespace only',
    );
    await t.resolves(grab('z', jane, 'Role=held'), 'a role whose rules one holds');
    const moved = world.update(
      'RoleBinding',
      { namespace: 'a', name: 'z' },
      (live) => ({ ...live, roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'powerful' } }),
      master,
    );
    const immutable = await refusal(moved);
    t.equal(immutable.status, 422);
    t.match(immutable.message, /roleRef: Invalid value: .*: cannot change roleRef/);
    const aggregated = clusterRole('sum', [], {
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: { x: 'y' } }] },
    });
    t.equal(
      (await refusal(world.create(aggregated, { as: jane }))).status,
      403,
      'an aggregated role may come to grant anything',
    );
    await t.resolves(world.create(aggregated, { as: master }));
  }),
);

t.test('an aggregated role has the rules of those that its selectors match, each once', async (t) => {
  const labelled = (name: string, labels: Record<string, string>, rules: readonly object[]): KubeObject => {
    const made = clusterRole(name, rules);
    return { ...made, metadata: { ...made.metadata, labels } };
  };
  const get = { apiGroups: [''], resources: ['a'], verbs: ['get'] };
  const list = { apiGroups: [''], resources: ['b'], verbs: ['list'] };
  const sum = clusterRole('sum', [], {
    aggregationRule: {
      clusterRoleSelectors: [
        { matchLabels: { to: 'sum' } },
        { matchExpressions: [{ key: 'also', operator: 'In', values: ['yes'] }] },
        { matchExpressions: [{ key: 'also', operator: 'Matches', values: ['.*'] }] },
      ],
    },
  });
  const roles = [
    labelled('z', { to: 'sum' }, [get]),
    labelled('a', { also: 'yes' }, [list, get]),
    labelled('no', { also: 'no' }, [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }]),
    sum,
  ];
  t.same(aggregatedRules(sum, roles), [rule(list), rule(get)]);
  t.equal(aggregatedRules(clusterRole('plain', []), roles), undefined);
});

t.test('the bootstrap policy is completed, never taken back', (t) =>
  withWorld(async (world) => {
    const { operations, cache } = world;
    await applyBootstrapObjects(operations);
    const first = await cache.sync();
    await applyBootstrapObjects(operations);
    t.equal(await cache.sync(), first, 'a second run writes nothing');
    t.equal(cache.count('core/namespaces'), 3);
    const [extra] = [{ apiGroups: ['x.y'], resources: ['z'], verbs: ['get'] }];
    await world.update('ClusterRole', { name: 'system:basic-user' }, (live) => ({ ...live, rules: [extra] }));
    await world.update('ClusterRole', { name: 'system:discovery' }, (live) => ({
      ...live,
      rules: [],
      metadata: { ...live.metadata, annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'false' } },
    }));
    await world.update('ClusterRoleBinding', { name: 'system:basic-user' }, (live) => ({
      ...live,
      subjects: [{ kind: 'User', name: 'max' }],
    }));
    await world.delete('ClusterRole', { name: 'cluster-admin' });
    await applyBootstrapObjects(operations);
    const rules = rulesOf((await world.get('ClusterRole', { name: 'system:basic-user' })) ?? clusterRole('', []));
    t.same(rules[0], rule(extra ?? {}), "people's rules stay");
    t.equal(rules.length, 3, 'ours are back');
    t.same((await world.get('ClusterRole', { name: 'system:discovery' }))?.['rules'], [], 'unless they said no');
    t.match((await world.get('ClusterRoleBinding', { name: 'system:basic-user' }))?.['subjects'], [
      { name: 'max' },
      { name: 'system:authenticated' },
    ]);
    t.ok(await world.get('ClusterRole', { name: 'cluster-admin' }));
    const authorizer = createRbacAuthorizer({ cache });
    const anonymous = { name: 'system:anonymous', groups: ['system:unauthenticated'] };
    t.ok(authorizer.authorize(request(anonymous, { path: '/readyz' })).allowed);
    t.notOk(authorizer.authorize(request(anonymous, { path: '/api' })).allowed);
    t.notOk(authorizer.authorize(request(jane, { resource: 'secrets', namespace: 'default' })).allowed);
    t.equal(
      new Set(bootstrapPolicy().map((object) => `${object.kind}/${object.metadata.name}`)).size,
      bootstrapPolicy().length,
    );
  }),
);
