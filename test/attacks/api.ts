import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '#runtime/client/client.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { ApiError } from '#runtime/base/errors.ts';
import { domainKind, type Domain } from '#schemas/index.ts';
import type { Attack } from './attack.ts';
import { canary, type ApiGround, type Tenant } from './ground.ts';
import { patienceMs } from '#test/lab/patience.ts';

type ApiAttack = Attack<ApiGround>;
type Against = ApiAttack['against'];

const core = '/api/v1';
const hosting = '/apis/hosting.wcp360.io/v1alpha1';
const rbac = '/apis/rbac.authorization.k8s.io/v1';
const secretOf = (tenant: Tenant): string => `${core}/namespaces/${tenant}/secrets/password`;

/** Gives beta something to lose, and alpha something of its own. */
export async function settleApi({ admin, owners }: ApiGround): Promise<void> {
  for (const tenant of ['alpha', 'beta'] as const) {
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'password' }, stringData: { canary } };
    await accepted(owners[tenant], 'POST', `${core}/namespaces/${tenant}/secrets`, { body: secret });
    const refused = await claimed(owners[tenant], admin, tenant, `shop.${tenant}.test`);
    if (refused === undefined) throw new Error(`shop.${tenant}.test is not ${tenant}’s`);
  }
}

interface Sent {
  readonly body?: unknown;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const mergePatch = 'application/merge-patch+json';

/** What the server answers when it does what it is asked; `undefined` when it refuses. */
async function accepted(client: Client, method: string, path: string, sent: Sent = {}): Promise<string | undefined> {
  const { body, type = 'application/json', headers } = sent;
  const answer = await client.raw(method, path, {
    headers: { ...headers, ...(body === undefined ? {} : { 'content-type': type }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return answer.status < 300 ? answer.body : undefined;
}

/** One attack for each request of alpha's owner. */
function requests(
  list: readonly (readonly [name: string, method: string, path: string, sent?: Sent])[],
  ...against: Against
): readonly ApiAttack[] {
  return list.map(([name, method, path, sent]) => ({
    name: `an owner ${name}`,
    against,
    run: ({ owners }) => accepted(owners.alpha, method, path, sent),
  }));
}

const suspended = { body: { spec: { suspended: true } }, type: mergePatch };

const otherNamespaces: readonly ApiAttack[] = [
  ...requests(
    [
      ['reads a Secret of another tenant', 'GET', secretOf('beta')],
      ['lists Secrets of another tenant', 'GET', `${core}/namespaces/beta/secrets`],
      ['watches Secrets of another tenant', 'GET', `${core}/namespaces/beta/secrets?watch=1&timeoutSeconds=1`],
      ['lists Secrets of everybody', 'GET', `${core}/secrets`],
      ['lists Domains of everybody', 'GET', `${hosting}/domains`],
      ['reads Secrets of the system', 'GET', `${core}/namespaces/wcp360-system/secrets`],
      ['writes a Domain of another tenant', 'PATCH', `${hosting}/namespaces/beta/domains/shop`, suspended],
      ['deletes a Domain of another tenant', 'DELETE', `${hosting}/namespaces/beta/domains/shop`],
      ['deletes all Secrets of another tenant', 'DELETE', `${core}/namespaces/beta/secrets`],
    ],
    'rights end with their namespace',
  ),
  {
    name: 'an owner turns the page into the Secrets of another tenant',
    against: ['what is listed lies in the namespace', 'a range of the store lies below its prefix'],
    run: async ({ owners }) => {
      const path = `${core}/namespaces/beta/secrets`;
      const { metadata } = JSON.parse((await accepted(owners.beta, 'GET', path)) ?? '{}');
      // Of an old revision, so that the store itself is asked; alpha's come before beta's there.
      const forged = { v: 'meta.k8s.io/v1', rv: Number(metadata.resourceVersion) - 1, start: 'a/x\0' };
      const token = Buffer.from(JSON.stringify(forged)).toString('base64url');
      const page = await accepted(owners.beta, 'GET', `${path}?limit=50&continue=${token}`);
      return page?.includes('"namespace":"alpha"') === true ? page : undefined;
    },
  },
];

const namedDomain = (name: string, more: object): Sent => ({
  body: { apiVersion: 'hosting.wcp360.io/v1alpha1', kind: 'Domain', metadata: { name }, ...more },
});

/** Whether alpha's owner can say where its Domain is placed. */
function placing(how: string, method: string, path: string, sent: Sent): Omit<ApiAttack, 'against'> {
  return {
    name: `an owner says where its site is placed, ${how}`,
    run: async ({ owners }) => {
      const answer = await accepted(owners.alpha, method, `${hosting}/namespaces/alpha/domains${path}`, sent);
      return answer?.includes('"host":"stolen"') === true ? answer : undefined;
    },
  };
}

const stolen = { status: { host: 'stolen' } };

const status: readonly ApiAttack[] = [
  {
    ...placing('by writing the status', 'PATCH', '/shop/status', { body: stolen, type: mergePatch }),
    against: ['owners do not write what is said of their objects'],
  },
  ...[
    placing('by writing the Domain', 'PATCH', '/shop', { body: stolen, type: mergePatch }),
    placing('by applying it', 'PATCH', '/shop?fieldManager=x&force=true', {
      ...namedDomain('shop', { spec: { hostname: 'shop.alpha.test' }, ...stolen }),
      type: 'application/apply-patch+yaml',
    }),
    placing(
      'by creating one',
      'POST',
      '',
      namedDomain('placed', { spec: { hostname: 'placed.alpha.test' }, ...stolen }),
    ),
  ].map((attack): ApiAttack => ({ ...attack, against: ['a status is written by its own path only'] })),
];

const tokenRequest: Sent = {
  body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} },
};
const roleBinding = (name: string): Sent => ({
  body: {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ kind: 'ServiceAccount', name: 'default', namespace: 'alpha' }],
  },
});
const everything = { apiGroups: ['*'], resources: ['*'], verbs: ['*'] };
const claim = (kind: string, name: string, spec: object): Sent => ({
  body: { apiVersion: 'hosting.wcp360.io/v1alpha1', kind, metadata: { name }, spec },
});
const ofAlpha = { tenantRef: { name: 'alpha' } };

const rights: readonly ApiAttack[] = [
  ...requests(
    [
      [
        'has a token of the controller made',
        'POST',
        `${core}/namespaces/wcp360-system/serviceaccounts/controller/token`,
        tokenRequest,
      ],
      [
        'has a token of another tenant made',
        'POST',
        `${core}/namespaces/beta/serviceaccounts/default/token`,
        tokenRequest,
      ],
    ],
    'rights end with their namespace',
    'owners make no tokens',
  ),
  ...requests(
    [
      ['binds itself to all rights', 'POST', `${rbac}/namespaces/alpha/rolebindings`, roleBinding('all')],
      [
        'writes a role with all rights',
        'POST',
        `${rbac}/namespaces/alpha/roles`,
        {
          body: {
            apiVersion: 'rbac.authorization.k8s.io/v1',
            kind: 'Role',
            metadata: { name: 'all' },
            rules: [everything],
          },
        },
      ],
    ],
    'owners write no roles',
    'nobody grants what they lack',
  ),
  ...requests(
    [
      [
        'claims a hostname by hand',
        'POST',
        `${hosting}/hostnameclaims`,
        claim('HostnameClaim', 'by-hand.test', { hostname: 'by-hand.test', ...ofAlpha }),
      ],
      ['claims a user id by hand', 'POST', `${hosting}/uidclaims`, claim('UIDClaim', '29999', ofAlpha)],
      [
        'takes another package',
        'PATCH',
        `${hosting}/tenants/alpha`,
        { body: { spec: { packageRef: { name: 'default' } } }, type: mergePatch },
      ],
      [
        'lifts its package',
        'PATCH',
        `${hosting}/packages/alpha`,
        { body: { spec: { limits: { domains: 1001 } } }, type: mergePatch },
      ],
      ['deletes the claim of another tenant', 'DELETE', `${hosting}/hostnameclaims/shop.beta.test`],
    ],
    'rights end with their namespace',
    'owners write nothing of the cluster',
  ),
  ...requests(
    [
      [
        'labels its namespace',
        'PATCH',
        `${core}/namespaces/alpha`,
        { body: { metadata: { labels: { 'hosting.wcp360.io/tenant': 'beta' } } }, type: mergePatch },
      ],
    ],
    'owners leave their namespace alone',
  ),
  ...requests(
    [['lifts its quota', 'DELETE', `${core}/namespaces/alpha/resourcequotas/tenant`]],
    'owners leave their quota alone',
  ),
];

/** Reads beta's Secret with headers that say who asks. */
function saying(name: string, headers: Readonly<Record<string, string>>): Omit<ApiAttack, 'against'> {
  return { name, run: ({ owners }) => accepted(owners.alpha, 'GET', secretOf('beta'), { headers }) };
}

/** The token with another end, under the signature that it had. */
function prolonged(token: string, header?: object): string {
  const [first = '', payload = '', signature = ''] = token.split('.');
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const decode = (text: string): object => JSON.parse(Buffer.from(text, 'base64url').toString());
  const claims = encode({ ...decode(payload), exp: 4_000_000_000 });
  return header === undefined
    ? `${first}.${claims}.${signature}`
    : `${encode({ ...decode(first), ...header })}.${claims}.`;
}

const identity: readonly ApiAttack[] = [
  ...[
    saying('an owner asks to be an administrator', { 'impersonate-user': 'x', 'impersonate-group': 'system:masters' }),
    saying('an owner asks to be the controller', {
      'impersonate-user': 'system:serviceaccount:wcp360-system:controller',
    }),
  ].map((attack): ApiAttack => ({ ...attack, against: ['to be somebody else is a right'] })),
  {
    ...saying('an owner says in a header who it is', { 'x-remote-user': 'x', 'x-remote-group': 'system:masters' }),
    against: ['no header tells who asks'],
  },
  ...[
    ['an owner prolongs its token', undefined],
    ['an owner prolongs its token and signs by no algorithm', { alg: 'none' }],
  ].map(([name, header]): ApiAttack => ({
    name: name as string,
    against: ['tokens are signed'],
    run: ({ bearer, token }) =>
      accepted(bearer(prolonged(token, header as object | undefined)), 'GET', secretOf('alpha')),
  })),
  ...[`${core}/namespaces`, secretOf('beta'), `${hosting}/domains`, '/metrics'].map((path): ApiAttack => ({
    name: `somebody without credentials asks for ${path}`,
    against: ['who shows nothing may nothing'],
    run: ({ bearer }) => accepted(bearer(), 'GET', path),
  })),
];

const domainType = resourceTypeOf(domainKind);

/** A name that was refused stays so; one that hangs between claimants is nobody's gain. */
/** Declares a Domain with a hostname, and gives the name if it is bound to it. */
async function claimed(owner: Client, admin: Client, tenant: Tenant, hostname: string): Promise<string | undefined> {
  const name = hostname.startsWith(`shop.${tenant}`) ? 'shop' : 'grabber';
  const own = `${name}.${tenant}.test`;
  const names = hostname.startsWith('*.') ? { hostname: own, aliases: [hostname] } : { hostname };
  const object = {
    apiVersion: 'hosting.wcp360.io/v1alpha1',
    kind: 'Domain',
    metadata: { name, namespace: tenant },
    spec: names,
  };
  try {
    await owner.apply(domainType, object, { fieldManager: 'attack', force: true });
  } catch (err) {
    if (err instanceof ApiError) return undefined;
    throw err;
  }
  for (const end = performance.now() + patienceMs; performance.now() < end; await delay(25)) {
    const domain = await admin.get<Domain>(domainType, { namespace: tenant, name });
    const answer = domain?.status?.conditions?.find(({ type }) => type === 'Claimed');
    if (domain?.status?.hostnames?.includes(hostname) === true) return hostname;
    const isNew = answer?.observedGeneration === domain?.metadata.generation;
    if (isNew && answer !== undefined && answer.reason !== 'Claiming') return undefined;
  }
  return undefined;
}

function grabbing(hostnames: readonly string[], ...against: Against): readonly ApiAttack[] {
  return hostnames.map((hostname) => ({
    name: `an owner declares a name that is not its own: ${hostname}`,
    against,
    run: ({ owners, admin }) => claimed(owners.alpha, admin, 'alpha', hostname),
  }));
}

const hostnames: readonly ApiAttack[] = [
  ...grabbing(
    ['shop.beta.test'],
    'a name that is taken is refused',
    'claims are not forced',
    'a claim does not pass to another tenant',
  ),
  ...grabbing(['a.shop.beta.test', '*.shop.beta.test'], 'names below another’s are refused'),
  ...grabbing(['beta.test', '*.beta.test'], 'names above another’s are refused'),
  ...grabbing(
    ['co.uk', '*.co.uk', 'github.io'],
    'names under which everybody registers are refused',
    'new names are shown to be their tenant’s once there are several',
  ),
];

/** Attacks on the API server, and on what controllers make of an owner's words. */
export const apiAttacks: readonly ApiAttack[] = [...otherNamespaces, ...status, ...rights, ...identity, ...hostnames];
