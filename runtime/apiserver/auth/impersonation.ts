import { badRequest } from '#runtime/apiserver/http/api-errors.ts';
import type { Authorizer, RequestAttributes, UserInfo } from '#runtime/apiserver/operations.ts';
import { forbiddenRequest } from './forbidden.ts';
import {
  anonymousUser,
  parseServiceAccountUserName,
  serviceAccountGroups,
  wellKnownGroups,
  withAuthenticatedGroup,
} from './users.ts';

/** Turns the user that authentication found into the one that the request asks to be. */
export interface Impersonator {
  /**
   * `rawHeaders` as Node gives them: name, value, name, value, repeated names included.
   * Returns `user` itself when no header asks for it. Errors: ApiError 400 for headers that make no sense, 403 for a right that is missing.
   */
  impersonate(user: UserInfo, rawHeaders: readonly string[]): UserInfo;
}

interface Wanted {
  readonly users: readonly string[];
  readonly uids: readonly string[];
  readonly groups: readonly string[];
  readonly extra: ReadonlyMap<string, readonly string[]>;
}

const extraPrefix = 'impersonate-extra-';
const authenticationGroup = 'authentication.k8s.io';

/** User impersonation (Kubernetes docs, "User impersonation"): every part asked for needs the verb `impersonate` on it. */
export function createImpersonator(options: { readonly authorizer: Authorizer }): Impersonator {
  return {
    impersonate: (user, rawHeaders) => {
      const wanted = wantedOf(rawHeaders);
      if (wanted === undefined) return user;
      const name = soleUserOf(wanted);
      for (const right of rightsFor(name, wanted)) {
        const attributes: RequestAttributes = { ...impersonationBase, ...right, user };
        const decision = options.authorizer.authorize(attributes);
        if (!decision.allowed) throw forbiddenRequest(attributes, decision.reason);
      }
      return impersonated(name, wanted);
    },
  };
}

const impersonationBase = {
  verb: 'impersonate',
  resourceRequest: true,
  group: '',
  version: '*',
  subresource: '',
  namespace: '',
  path: '',
} as const;

/** Whether a header belongs to impersonation: none of them goes any further than here. */
export function isImpersonationHeader(name: string): boolean {
  return name.toLowerCase().startsWith('impersonate-');
}

function wantedOf(rawHeaders: readonly string[]): Wanted | undefined {
  const users: string[] = [];
  const uids: string[] = [];
  const groups: string[] = [];
  const extra = new Map<string, string[]>();
  let isAsked = false;
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const header = rawHeaders[at] ?? '';
    if (!isImpersonationHeader(header)) continue;
    const value = rawHeaders[at + 1] ?? '';
    isAsked = true;
    const name = header.toLowerCase();
    if (name === 'impersonate-user') users.push(value);
    else if (name === 'impersonate-uid') uids.push(value);
    else if (name === 'impersonate-group') groups.push(value);
    else if (name.startsWith(extraPrefix)) addExtra(extra, name.slice(extraPrefix.length), value);
    else throw badRequest(`the header ${JSON.stringify(header)} is not known`);
  }
  return isAsked ? { users, uids, groups, extra } : undefined;
}

function addExtra(extra: Map<string, string[]>, encodedKey: string, value: string): void {
  let key: string;
  try {
    key = decodeURIComponent(encodedKey).toLowerCase();
  } catch {
    throw badRequest(`the key of an ${extraPrefix} header is not percent-encoded`);
  }
  const values = extra.get(key);
  if (values === undefined) extra.set(key, [value]);
  else values.push(value);
}

function soleUserOf(wanted: Wanted): string {
  // Two values could be read differently by what stands in front of us.
  if (wanted.users.length > 1 || wanted.uids.length > 1) throw badRequest('more than one user is asked for');
  const [name = ''] = wanted.users;
  if (name !== '') return name;
  const parts = [
    ...wanted.groups.map((group) => `group ${JSON.stringify(group)}`),
    ...wanted.uids.map((uid) => `uid ${JSON.stringify(uid)}`),
    ...[...wanted.extra.keys()].map((key) => `extra ${JSON.stringify(key)}`),
  ];
  throw badRequest(`requested ${parts.length === 0 ? 'nobody' : parts.join(', ')} without impersonating a user`);
}

type Right = Pick<RequestAttributes, 'resource' | 'name'> &
  Partial<Pick<RequestAttributes, 'namespace' | 'group' | 'subresource'>>;

function rightsFor(name: string, wanted: Wanted): readonly Right[] {
  const account = parseServiceAccountUserName(name);
  return [
    account === undefined
      ? { resource: 'users', name }
      : { resource: 'serviceaccounts', namespace: account.namespace, name: account.name },
    ...wanted.groups.map((group) => ({ resource: 'groups', name: group })),
    ...wanted.uids.map((uid) => ({ group: authenticationGroup, resource: 'uids', name: uid })),
    ...[...wanted.extra].flatMap(([key, values]) =>
      values.map((value) => ({ group: authenticationGroup, resource: 'userextras', subresource: key, name: value })),
    ),
  ];
}

function impersonated(name: string, wanted: Wanted): UserInfo {
  const account = parseServiceAccountUserName(name);
  const groups =
    wanted.groups.length === 0 && account !== undefined ? serviceAccountGroups(account.namespace) : wanted.groups;
  const [uid] = wanted.uids;
  const user: UserInfo = {
    name,
    groups,
    ...(uid === undefined ? {} : { uid }),
    ...(wanted.extra.size === 0 ? {} : { extra: Object.fromEntries(wanted.extra) }),
  };
  if (name === anonymousUser.name) {
    return groups.includes(wellKnownGroups.unauthenticated)
      ? user
      : { ...user, groups: [...groups, wellKnownGroups.unauthenticated] };
  }
  return groups.includes(wellKnownGroups.unauthenticated) ? user : withAuthenticatedGroup(user);
}
