import { generateKeyPairSync } from 'node:crypto';
import { SignJWT, UnsecuredJWT, exportJWK, importPKCS8, importSPKI } from 'jose';
import t from 'tap';
import { createAuthenticator } from '#runtime/apiserver/auth/authenticator.ts';
import { createImpersonator } from '#runtime/apiserver/auth/impersonation.ts';
import { createRbacAuthorizer } from '#runtime/apiserver/auth/rbac/authorizer.ts';
import { createReviewHandlers } from '#runtime/apiserver/auth/reviews/handlers.ts';
import { createTokenIssuer } from '#runtime/apiserver/auth/tokens/issuer.ts';
import type { UserInfo } from '#runtime/apiserver/operations.ts';
import { newKey } from '#runtime/pki/crypto-keys.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { World } from './memory-operations.ts';
import { jane, clusterRole, subjects, binding, withWorld, refusal } from './auth-objects.ts';

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
    const certificate = { commonName: 'jane', organizations: ['ops', 'dev'], sha256: 'c0ffee' };
    t.same(await authenticator.authenticate({ certificate }), {
      name: 'jane',
      groups: ['ops', 'dev', 'system:authenticated'],
      extra: { 'authentication.kubernetes.io/credential-id': ['X509SHA256=c0ffee'] },
    });
    const nameless = { ...certificate, commonName: '', organizations: ['system:masters'] };
    t.same(await authenticator.authenticate({ certificate: nameless }), {
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
