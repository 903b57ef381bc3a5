import type { Clock } from '#runtime/base/clock.ts';
import type { Client } from './client.ts';
import { reloadedCredentials, type Credentials } from './credentials.ts';
import { createClient } from './https-client.ts';
import { requestToken } from './request-token.ts';

export interface Account {
  readonly namespace: string;
  readonly name: string;
}

/**
 * Clients that are somebody else to the server: a ServiceAccount, by a token that the server issues to us for it. What such a client may do is what the
 * account may, on every server, and nothing that we may.
 */
export interface AccountClients {
  /** Kept while its token lives. ApiError when the server issues none: 403 when we may not ask for it, 404 when there is no such account. */
  actAs(account: Account, signal: AbortSignal): Promise<Client>;
  /** The next `actAs` asks for a new token: the account may be another by now. */
  forget(account: Account): void;
}

export interface AccountClientsOptions {
  readonly client: Client;
  readonly server: string;
  /** Ours; of them only how the server is recognised is used. */
  readonly credentials: Credentials;
  readonly userAgent: string;
  readonly clock: Clock;
}

const expirationSeconds = 3_600;
/** Part of a token's life for which it is used. */
const usedRatio = 0.8;
const maxConnections = 8;

/** Nobody yet. */
export function createAccountClients(options: AccountClientsOptions): AccountClients {
  const kept = new Map<string, { readonly client: Client; readonly untilMs: number }>();
  const forget = ({ namespace, name }: Account): void => {
    void kept.get(`${namespace}/${name}`)?.client.close();
    kept.delete(`${namespace}/${name}`);
  };
  return {
    forget,
    actAs: async (account, signal) => {
      const key = `${account.namespace}/${account.name}`;
      const known = kept.get(key);
      const now = options.clock.now();
      if (known !== undefined && known.untilMs > now) return known.client;
      forget(account);
      const { token, expiresAtMs } = await requestToken(options.client, account, { expirationSeconds, signal });
      const client = clientWith(options, token);
      kept.set(key, { client, untilMs: now + (expiresAtMs - now) * usedRatio });
      return client;
    },
  };
}

function clientWith({ server, credentials, userAgent, clock }: AccountClientsOptions, token: string): Client {
  const headers = { authorization: `Bearer ${token}` };
  const ofAccount = reloadedCredentials(
    async () => {
      const { ca, serverName, skipVerify } = (await credentials.current()).tls;
      return { tls: { ca, serverName, skipVerify }, headers };
    },
    { now: () => clock.now() },
  );
  return createClient({ server, credentials: ofAccount, userAgent, maxConnections });
}
