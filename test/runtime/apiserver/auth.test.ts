import { generateKeyPairSync } from 'node:crypto';
import { SignJWT, UnsecuredJWT, exportJWK, importPKCS8, importSPKI } from 'jose';
import t from 'tap';
import { createAuthenticator } from '#runtime/apiserver/auth/authenticator.ts';
import { applyBootstrapObjects } from '#runtime/apiserver/auth/bootstrap/apply.ts';
import { bootstrapPolicy } from '#runtime/apiserver/auth/bootstrap/policy.ts';
import { createImpersonator } from '#runtime/apiserver/auth/impersonation.ts';
import { aggregatedRules } from '#runtime/apiserver/auth/rbac/aggregation.ts';
import { createRbacAuthorizer } from '#runtime/apiserver/auth/rbac/authorizer.ts';
import { coverage } from '#runtime/apiserver/auth/rbac/coverage.ts';
import { createEscalationPlugin } from '#runtime/apiserver/auth/rbac/escalation.ts';
import { completeRule, rulesOf, type PolicyRule } from '#runtime/apiserver/auth/rbac/model.ts';
import { createReviewHandlers } from '#runtime/apiserver/auth/reviews/handlers.ts';
import { createTokenIssuer } from '#runtime/apiserver/auth/tokens/issuer.ts';
import type { RequestAttributes, UserInfo } from '#runtime/apiserver/operations.ts';
import { ApiError } from '#runtime/base/errors.ts';
import { newKey } from '#runtime/config/pki/issue.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { openWorld, rbac, type World } from './memory-operations.ts';

const user = (name: string, ...groups: string[]): UserInfo => ({ name, groups: [...groups, 'system:authenticated'] });
const jane = user('jane');
const master = user('root', 'system:masters');

async function withWorld(test: (world: World) => Promise<void>): Promise<void> {
  const world = await openWorld();
  try {
    await test(world);
  } finally {
    await world.close();
  }
}

function request(by: UserInfo, parts: Partial<RequestAttributes>): RequestAttributes {
  const isPath = parts.path !== undefined;
  return {
    user: by,
    verb: 'get',
    resourceRequest: !isPath,
    group: '',
    version: 'v1',
    resource: '',
    subresource: '',
    namespace: '',
    name: '',
    path: '',
    ...parts,
  };
}

const clusterRole = (name: string, rules: readonly object[], extra: object = {}): KubeObject => ({
  apiVersion: `${rbac}/v1`,
  kind: 'ClusterRole',
  metadata: { name },
  rules,
  ...extra,
});
const role = (namespace: string, name: string, rules: readonly object[]): KubeObject => ({
  apiVersion: `${rbac}/v1`,
  kind: 'Role',
  metadata: { name, namespace },
  rules,
});
const subjects = (...names: string[]): readonly object[] =>
  names.map((name) => {
    const [kind = 'User', first = '', second] = name
      .split('=')
      .flatMap((part, index) => (index === 0 ? [part] : part.split('/')));
    return second === undefined ? { kind, name: first } : { kind, namespace: first, name: second };
  });
const binding = (where: string, name: string, to: string, who: readonly object[]): KubeObject => ({
  apiVersion: `${rbac}/v1`,
  kind: where === '' ? 'ClusterRoleBinding' : 'RoleBinding',
  metadata: { name, ...(where === '' ? {} : { namespace: where }) },
  subjects: who,
  roleRef: { apiGroup: rbac, kind: to.split('=')[0], name: to.split('=')[1] },
});
const rule = (parts: Partial<PolicyRule>): PolicyRule => completeRule(parts);

async function refusal(promise: Promise<unknown>): Promise<ApiError> {
  try {
    await promise;
  } catch (err) {
    if (err instanceof ApiError) return err;
    throw err;
  }
  throw new Error('it was allowed');
}

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

t.test('a role that multiplies its lists is refused in bounded time', async (t) => {
  const many = (prefix: string) => Array.from({ length: 400 }, (_, n) => `${prefix}${n}`);
  const wanted = rule({ apiGroups: many('g'), resources: many('r'), resourceNames: many('n'), verbs: many('v') });
  const held = many('v').map((verb) => rule({ apiGroups: ['*'], resources: ['*'], verbs: [verb] }));
  const started = performance.now();
  t.notOk(coverage(held, [wanted]).covered);
  t.ok(performance.now() - started < 2000);
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

const key = newKey();
const issuer = 'https://kubernetes.default.svc';

async function withTokens(
  test: (given: {
    readonly world: World;
    readonly account: KubeObject;
    readonly authenticate: (authorization?: string) => Promise<UserInfo>;
    readonly tokens: ReturnType<typeof createTokenIssuer>;
    readonly order: { namespace: string; serviceAccount: { name: string; uid: string }; lifetimeSeconds: number };
    readonly time: { nowMs: number };
  }) => Promise<void>,
): Promise<void> {
  await withWorld(async (world) => {
    const time = { nowMs: Date.now() };
    const clock = { now: () => time.nowMs, sleep: async () => undefined };
    const tokens = createTokenIssuer({ key, issuer, clock });
    const account = await world.create({
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'robot', namespace: 'a' },
    });
    await world.cache.sync();
    const authenticator = createAuthenticator({ tokens, cache: world.cache });
    const authenticate = (authorization?: string) =>
      authenticator.authenticate(authorization === undefined ? {} : { authorization });
    const order = {
      namespace: 'a',
      serviceAccount: { name: 'robot', uid: account.metadata.uid ?? '' },
      lifetimeSeconds: 3600,
    };
    await test({ world, account, authenticate, tokens, order, time });
  });
}

t.test('a token stands for its ServiceAccount', (t) =>
  withTokens(async ({ authenticate, tokens, order, account }) => {
    const { token } = await tokens.issue(order);
    const found = await authenticate(`Bearer ${token}`);
    t.match(found, {
      name: 'system:serviceaccount:a:robot',
      uid: account.metadata.uid,
      groups: ['system:serviceaccounts', 'system:serviceaccounts:a', 'system:authenticated'],
    });
    t.match(found.extra?.['authentication.kubernetes.io/credential-id']?.[0], /^JTI=/);
    t.equal(
      await authenticate(`bearer ${token}`),
      found,
      'the scheme is not case-sensitive, and the user is the same value',
    );
  }),
);

t.test('a token ends with its time, its account, or its Secret', (t) =>
  withTokens(async ({ world, authenticate, tokens, order, time }) => {
    const secret = await world.create({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 's', namespace: 'a' } });
    await world.cache.sync();
    const bound = { ...order, secret: { name: 's', uid: secret.metadata.uid ?? '' } };
    const plain = `Bearer ${(await tokens.issue(order)).token}`;
    const bySecret = `Bearer ${(await tokens.issue(bound)).token}`;
    await t.resolves(authenticate(bySecret));
    await world.delete('Secret', { namespace: 'a', name: 's' });
    await world.cache.sync();
    t.equal((await refusal(authenticate(bySecret))).status, 401, 'its Secret is gone');
    await t.resolves(authenticate(plain));
    time.nowMs += 3_601_000;
    t.equal((await refusal(authenticate(plain))).status, 401, 'its time is over, although it was verified before');
    const fresh = `Bearer ${(await tokens.issue(order)).token}`;
    await t.resolves(authenticate(fresh));
    await world.delete('ServiceAccount', { namespace: 'a', name: 'robot' });
    await world.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'robot', namespace: 'a' } });
    await world.cache.sync();
    t.equal((await refusal(authenticate(fresh))).status, 401, 'a namesake of its account');
  }),
);

t.test('an account that is being deleted has no valid tokens any more', (t) =>
  withTokens(async ({ world, authenticate, tokens, order }) => {
    const token = `Bearer ${(await tokens.issue(order)).token}`;
    await world.update('ServiceAccount', { namespace: 'a', name: 'robot' }, (live) => ({
      ...live,
      metadata: { ...live.metadata, finalizers: ['x.example/held'] },
    }));
    await world.delete('ServiceAccount', { namespace: 'a', name: 'robot' });
    await world.cache.sync();
    t.equal((await refusal(authenticate(token))).status, 401);
  }),
);

t.test('a token that we did not sign in our way is refused', (t) =>
  withTokens(async ({ authenticate, tokens, order, time }) => {
    const good = (await tokens.issue(order)).token;
    const [header = '', payload = '', signature = ''] = good.split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
    const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { kid: string };
    const own = await importPKCS8(key, 'ES256');
    const other = await importPKCS8(newKey(), 'ES256');
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const signed = (changes: object, head: object = {}, by = own) =>
      new SignJWT({ ...claims, ...changes }).setProtectedHeader({ alg: 'ES256', kid, ...head }).sign(by);
    const publicPem = Buffer.from(
      JSON.stringify(
        await exportJWK(await importSPKI(publicKey.export({ type: 'spki', format: 'pem' }).toString(), 'ES256')),
      ),
    );
    const cases: Record<string, string> = {
      'alg none': new UnsecuredJWT(claims).encode(),
      'alg none with the header of ours': `${Buffer.from(JSON.stringify({ alg: 'none', kid })).toString('base64url')}.${payload}.`,
      'no signature': `${header}.${payload}.`,
      'changed payload': `${header}.${Buffer.from(JSON.stringify({ ...claims, sub: 'system:serviceaccount:kube-system:x' })).toString('base64url')}.${signature}`,
      'symmetric with the public key': await new SignJWT(claims)
        .setProtectedHeader({ alg: 'HS256', kid })
        .sign(publicPem),
      'another key under our key id': await signed({}, {}, other),
      'a key of its own in the header': await signed(
        {},
        {
          kid: 'x',
          jwk: await exportJWK(await importSPKI(publicKey.export({ type: 'spki', format: 'pem' }).toString(), 'ES256')),
        },
        other,
      ),
      'a path as key id': await signed({}, { kid: '../../../../dev/null' }),
      'another issuer': await signed({ iss: 'https://elsewhere' }),
      'another audience': (await tokens.issue({ ...order, audiences: ['vault'] })).token,
      'not valid yet': await signed({ nbf: Math.floor(time.nowMs / 1000) + 600 }),
      expired: await signed({ exp: Math.floor(time.nowMs / 1000) - 1 }),
      'without an end': await signed({ exp: undefined }),
      'a subject that is not its account': await signed({ sub: 'system:serviceaccount:a:admin' }),
      'bound to a pod': await signed({
        'kubernetes.io': { ...(claims['kubernetes.io'] as object), pod: { name: 'p', uid: 'u' } },
      }),
      garbage: 'a.b.c',
      'empty parts': '..',
      'too long': 'x'.repeat(100_000),
    };
    await t.resolves(authenticate(`Bearer ${good}`), 'the control');
    await t.resolves(authenticate(`Bearer ${await signed({})}`), 'the control, signed by the test');
    for (const [why, token] of Object.entries(cases)) {
      const error = await refusal(authenticate(`Bearer ${token}`));
      t.match(error, { status: 401, reason: 'Unauthorized', message: 'Unauthorized' }, why);
    }
    for (const header of ['Basic amFuZTpqYW5l', 'Bearer', `Bearer ${good} x`, `Token ${good}`, 'x']) {
      t.equal((await refusal(authenticate(header))).status, 401, header.slice(0, 12));
    }
  }),
);

t.test('a token that a former key signed is accepted while that key is known', async (t) => {
  const order = { namespace: 'a', serviceAccount: { name: 'x', uid: 'u' }, lifetimeSeconds: 600 };
  const before = createTokenIssuer({ key, issuer });
  const rotated = createTokenIssuer({ key: newKey(), issuer, previousKeys: [key] });
  const { token } = await before.issue(order);
  t.match(await rotated.verify(token), { namespace: 'a', serviceAccount: { name: 'x' } });
  t.equal(await createTokenIssuer({ key: newKey(), issuer }).verify(token), undefined);
  t.equal(rotated.jwks().keys.length, 2);
  t.notOk(JSON.stringify(rotated.jwks()).includes('"d"'), 'no private part is published');
});

t.test('a certificate stands for its subject, and nobody for nobody', (t) =>
  withTokens(async ({ world, tokens, authenticate }) => {
    const authenticator = createAuthenticator({ tokens, cache: world.cache });
    const certificate = { commonName: 'jane', organizations: ['ops', 'dev'] };
    t.same(await authenticator.authenticate({ certificate }), {
      name: 'jane',
      groups: ['ops', 'dev', 'system:authenticated'],
    });
    t.same(await authenticator.authenticate({ certificate: { commonName: '', organizations: ['system:masters'] } }), {
      name: 'system:anonymous',
      groups: ['system:unauthenticated'],
    });
    t.match(await authenticate(), { name: 'system:anonymous' });
    t.match(await authenticate('  '), { name: 'system:anonymous' });
  }),
);

t.test('being somebody else needs the right to every part of it', (t) =>
  withWorld(async (world) => {
    const authorizer = createRbacAuthorizer(world);
    const impersonate = (resources: string[], resourceNames: string[], apiGroups = ['']) => ({
      apiGroups,
      resources,
      resourceNames,
      verbs: ['impersonate'],
    });
    await world.create(
      clusterRole('imp', [
        impersonate(['users'], ['max']),
        impersonate(['groups'], ['dev', 'ops']),
        impersonate(['uids', 'userextras/scopes'], ['u1', 'read'], ['authentication.k8s.io']),
      ]),
    );
    await world.create(clusterRole('accounts', [impersonate(['serviceaccounts'], ['robot'])]));
    await world.create(binding('', 'imp', 'ClusterRole=imp', subjects('User=jane')));
    await world.create(binding('a', 'accounts', 'ClusterRole=accounts', subjects('User=jane')));
    await world.cache.sync();
    const impersonator = createImpersonator({ authorizer });
    const become = (...headers: string[]) => impersonator.impersonate(jane, headers);
    const status = async (...headers: string[]) => (await refusal((async () => become(...headers))())).status;
    t.equal(become('Accept', '*/*'), jane, 'no header, no change');
    t.same(become('Impersonate-User', 'max'), { name: 'max', groups: ['system:authenticated'] });
    t.same(
      become(
        'impersonate-user',
        'max',
        'Impersonate-Group',
        'dev',
        'IMPERSONATE-GROUP',
        'ops',
        'Impersonate-Uid',
        'u1',
        'Impersonate-Extra-Scopes',
        'read',
      ),
      { name: 'max', uid: 'u1', groups: ['dev', 'ops', 'system:authenticated'], extra: { scopes: ['read'] } },
      'repeated headers count each',
    );
    t.same(become('Impersonate-User', 'system:serviceaccount:a:robot').groups, [
      'system:serviceaccounts',
      'system:serviceaccounts:a',
      'system:authenticated',
    ]);
    t.equal(await status('Impersonate-User', 'root'), 403);
    t.equal(
      await status('Impersonate-User', 'max', 'Impersonate-Group', 'dev', 'Impersonate-Group', 'system:masters'),
      403,
      'one group too many',
    );
    t.equal(await status('Impersonate-User', 'max', 'Impersonate-Group', 'dev, ops'), 403, 'a comma joins nothing');
    t.equal(await status('Impersonate-User', 'max', 'Impersonate-Uid', 'u2'), 403);
    t.equal(await status('Impersonate-User', 'max', 'Impersonate-Extra-scopes', 'write'), 403);
    t.equal(await status('Impersonate-User', 'max', 'Impersonate-Extra-other%2Fkey', 'read'), 403);
    t.equal(await status('Impersonate-User', 'system:serviceaccount:b:robot'), 403, 'an account of another namespace');
    t.equal(await status('Impersonate-Group', 'dev'), 400, 'a group without a user');
    t.equal(await status('Impersonate-User', '', 'Impersonate-Uid', 'u1'), 400);
    t.equal(await status('Impersonate-User', 'max', 'Impersonate-User', 'max'), 400, 'two users');
    t.equal(await status('Impersonate-User', 'max', 'Impersonate-Extra-%ZZ', 'x'), 400);
    t.equal(await status('Impersonate-User', 'max', 'Impersonate-Other', 'x'), 400);
    const error = await refusal((async () => become('Impersonate-User', 'root'))());
    t.equal(
      error.message,
      'users "root" is forbidden: User "jane" cannot impersonate resource "users" in API group "" at the cluster scope',
    );
  }),
);

t.test('reviews answer what the authorizer and the tokens say', (t) =>
  withTokens(async ({ world, tokens, order }) => {
    const authorizer = createRbacAuthorizer(world);
    const handlers = createReviewHandlers({ authorizer, tokens, cache: world.cache });
    await world.create(
      clusterRole('r', [
        { apiGroups: [''], resources: ['secrets'], verbs: ['get'] },
        { nonResourceURLs: ['/metrics'], verbs: ['get'] },
      ]),
    );
    await world.create(binding('', 'b', 'ClusterRole=r', subjects('User=jane')));
    await world.cache.sync();
    const ask = async (name: string, spec: object, at: { namespace?: string; name?: string; as?: UserInfo } = {}) => {
      const handler = handlers[name];
      if (handler === undefined) throw new Error(name);
      const object = { apiVersion: 'x/v1', kind: 'Review', metadata: { name: '' }, spec };
      return (await handler({
        user: at.as ?? jane,
        namespace: at.namespace ?? '',
        name: at.name ?? '',
        object,
      })) as unknown as { spec: Record<string, unknown>; status: Record<string, unknown> };
    };
    const secret = { verb: 'get', resource: 'secrets' };
    const sar = 'authorization.k8s.io/subjectaccessreviews';
    t.match((await ask(sar, { user: 'jane', resourceAttributes: secret })).status, {
      allowed: true,
      reason: /ClusterRoleBinding "b"/,
    });
    t.same((await ask(sar, { user: 'max', resourceAttributes: secret })).status, { allowed: false });
    t.equal(
      (await ask(sar, { user: 'jane', nonResourceAttributes: { verb: 'get', path: '/metrics' } })).status['allowed'],
      true,
    );
    t.equal((await refusal(ask(sar, { user: 'jane' }))).status, 422);
    t.equal(
      (
        await refusal(
          ask(sar, { user: 'jane', resourceAttributes: secret, nonResourceAttributes: { verb: 'get', path: '/' } }),
        )
      ).status,
      422,
    );
    t.equal((await refusal(ask(sar, { resourceAttributes: secret }))).status, 422);
    const local = 'authorization.k8s.io/localsubjectaccessreviews';
    t.equal(
      (await ask(local, { user: 'jane', resourceAttributes: { ...secret, namespace: 'a' } }, { namespace: 'a' }))
        .status['allowed'],
      true,
    );
    t.equal(
      (
        await refusal(
          ask(local, { user: 'jane', resourceAttributes: { ...secret, namespace: 'b' } }, { namespace: 'a' }),
        )
      ).status,
      422,
    );
    t.equal(
      (await ask('authorization.k8s.io/selfsubjectaccessreviews', { resourceAttributes: secret })).status['allowed'],
      true,
    );
    t.match((await ask('authorization.k8s.io/selfsubjectrulesreviews', { namespace: 'a' })).status, {
      resourceRules: [{ verbs: ['get'], apiGroups: [''], resources: ['secrets'] }],
      nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/metrics'] }],
      incomplete: false,
    });
    t.same((await ask('authentication.k8s.io/selfsubjectreviews', {})).status, {
      userInfo: { username: 'jane', groups: ['system:authenticated'] },
    });

    const made = await ask(
      'core/serviceaccounts/token',
      { expirationSeconds: 600, audiences: ['vault'] },
      { namespace: 'a', name: 'robot' },
    );
    t.match(made.spec, { audiences: ['vault'], expirationSeconds: 600 });
    const token = String(made.status['token']);
    const review = 'authentication.k8s.io/tokenreviews';
    t.match((await ask(review, { token, audiences: ['vault', 'x'] })).status, {
      authenticated: true,
      audiences: ['vault'],
      user: { username: 'system:serviceaccount:a:robot' },
    });
    t.same((await ask(review, { token })).status, { error: 'the token is not valid' }, 'for another audience');
    t.same((await ask(review, { token: 'x' })).status, { error: 'the token is not valid' });
    t.notMatch(JSON.stringify(await ask(review, { token })), token, 'the token is not sent back');
    const own = await tokens.issue(order);
    t.match((await ask(review, { token: own.token })).status, { authenticated: true, audiences: [issuer] });
    const at = { namespace: 'a', name: 'robot' };
    t.equal((await refusal(ask('core/serviceaccounts/token', { expirationSeconds: 599 }, at))).status, 422);
    t.equal((await refusal(ask('core/serviceaccounts/token', { expirationSeconds: 2 ** 32 + 1 }, at))).status, 422);
    t.equal((await refusal(ask('core/serviceaccounts/token', {}, { namespace: 'a', name: 'nobody' }))).status, 404);
    t.equal(
      (
        await refusal(
          ask('core/serviceaccounts/token', { boundObjectRef: { kind: 'Secret', apiVersion: 'v1', name: 'none' } }, at),
        )
      ).status,
      404,
    );
    t.equal(
      (
        await refusal(
          ask('core/serviceaccounts/token', { boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'p' } }, at),
        )
      ).status,
      422,
    );
  }),
);

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
