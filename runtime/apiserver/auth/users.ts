import type { UserInfo } from '#runtime/apiserver/operations.ts';

/** Group names that Kubernetes reserves (authentication docs, "Anonymous requests" and "ServiceAccount tokens"). */
export const wellKnownGroups = {
  masters: 'system:masters',
  authenticated: 'system:authenticated',
  unauthenticated: 'system:unauthenticated',
  serviceAccounts: 'system:serviceaccounts',
} as const;

/** In a user's extra: which certificate or token it was. */
export const credentialKey = 'authentication.kubernetes.io/credential-id';

/** Who a request without credentials is. */
export const anonymousUser: UserInfo = { name: 'system:anonymous', groups: [wellKnownGroups.unauthenticated] };

/** Who the server is when it acts by itself (`Operations`): every check lets it pass. */
export const apiserverUser: UserInfo = {
  name: 'system:apiserver',
  groups: [wellKnownGroups.masters, wellKnownGroups.authenticated],
};

/** The user of a ServiceAccount; `uid` is the account's own. */
export interface ServiceAccountName {
  readonly namespace: string;
  readonly name: string;
}

const serviceAccountPrefix = 'system:serviceaccount:';

export function serviceAccountUserName(account: ServiceAccountName): string {
  return `${serviceAccountPrefix}${account.namespace}:${account.name}`;
}

/** Groups of every token of an account, without `system:authenticated`. */
export function serviceAccountGroups(namespace: string): readonly string[] {
  return [wellKnownGroups.serviceAccounts, `${wellKnownGroups.serviceAccounts}:${namespace}`];
}

/** The account behind a user name; `undefined` for every other user, malformed names included. */
export function parseServiceAccountUserName(userName: string): ServiceAccountName | undefined {
  if (!userName.startsWith(serviceAccountPrefix)) return undefined;
  const parts = userName.slice(serviceAccountPrefix.length).split(':');
  const [namespace, name] = parts;
  if (parts.length !== 2 || namespace === undefined || name === undefined || namespace === '' || name === '') {
    return undefined;
  }
  return { namespace, name };
}

/** Whether every check is skipped for this user: the group that only a client certificate of our CA can carry. */
export function isMaster(user: UserInfo): boolean {
  return user.groups.includes(wellKnownGroups.masters);
}

/** The same user, `system:authenticated` added when it is missing. */
export function withAuthenticatedGroup(user: UserInfo): UserInfo {
  if (user.groups.includes(wellKnownGroups.authenticated)) return user;
  return { ...user, groups: [...user.groups, wellKnownGroups.authenticated] };
}
