import type { KubeObject } from '#schemas/meta/object.ts';
import type { Client, ResourceType } from './client.ts';

const serviceAccounts: ResourceType = {
  group: '',
  version: 'v1',
  resource: 'serviceaccounts',
  kind: 'ServiceAccount',
  namespaced: true,
};

/** A token of a ServiceAccount, and when it ends; the server may have given it a shorter life than was asked for. */
export interface IssuedToken {
  readonly token: string;
  /** Milliseconds since the epoch. */
  readonly expiresAtMs: number;
}

/** Has the server issue a token (authentication.k8s.io/v1 TokenRequest); it takes lives of ten minutes and more. */
export async function requestToken(
  client: Client,
  account: { readonly namespace: string; readonly name: string },
  options: {
    readonly expirationSeconds: number;
    /** The token dies with this Secret of the same namespace. */
    readonly boundTo?: { readonly name: string; readonly uid: string };
    readonly signal?: AbortSignal;
  },
): Promise<IssuedToken> {
  const { expirationSeconds, boundTo, signal } = options;
  const request = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    metadata: account,
    spec: {
      expirationSeconds,
      ...(boundTo === undefined ? {} : { boundObjectRef: { apiVersion: 'v1', kind: 'Secret', ...boundTo } }),
    },
  };
  const answer: KubeObject = await client.create(serviceAccounts, request, { subresource: 'token', signal });
  const { token, expirationTimestamp } = answer['status'] as { token: string; expirationTimestamp: string };
  return { token, expiresAtMs: Date.parse(expirationTimestamp) };
}

/** The id of a token, which servers note of whoever uses it; read without any check, for it is ours. Empty when it is no token. */
export function tokenIdOf(token: string): string {
  const [, payload = ''] = token.split('.');
  try {
    const { jti } = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as { readonly jti?: unknown };
    return typeof jti === 'string' ? jti : '';
  } catch {
    return '';
  }
}
