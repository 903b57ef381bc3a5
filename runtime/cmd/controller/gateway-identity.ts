import { isDeepStrictEqual } from 'node:util';
import { systemClock } from '#runtime/base/clock.ts';
import type { Client } from '#runtime/client/client.ts';
import type { PemPair } from '#runtime/pki/pair.ts';
import { readFrontProxyTrust } from '#runtime/streams/gateway/front-proxy.ts';
import type { GatewayIdentity } from '#runtime/streams/gateway/gateway.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import { gatewayCertificate } from './gateway-certificate.ts';

export interface IdentityKeeping {
  readonly client: Client;
  readonly authority: PemPair;
  readonly log: Logger;
  /** How often the cluster is asked by what its front proxy is known. */
  readonly lookMs?: number;
  /** How old the gateway's own certificate becomes. */
  readonly renewMs?: number;
}

export interface KeptIdentity {
  current(): GatewayIdentity;
  /** Keeps it fresh until the signal aborts, and tells when it has changed. Never rejects. */
  keep(onChanged: () => void): Promise<void>;
}

/** The identity of this replica. HostError where the cluster has no front proxy. */
export async function openGatewayIdentity(keeping: IdentityKeeping, signal: AbortSignal): Promise<KeptIdentity> {
  const { client, authority, log, lookMs = 60_000, renewMs = 24 * 3_600_000 } = keeping;
  let current: GatewayIdentity = {
    trust: await readFrontProxyTrust(client, signal),
    tls: await gatewayCertificate(authority),
  };
  let renewAtMs = systemClock.now() + renewMs;
  const look = async (): Promise<boolean> => {
    const trust = await readFrontProxyTrust(client, signal);
    const isDue = systemClock.now() >= renewAtMs;
    if (!isDue && isDeepStrictEqual(trust, current.trust)) return false;
    current = { trust, tls: isDue ? await gatewayCertificate(authority) : current.tls };
    if (isDue) renewAtMs += renewMs;
    return true;
  };
  return {
    current: () => current,
    keep: async (onChanged) => {
      while (!signal.aborted) {
        await systemClock.sleep(lookMs, signal).catch(() => undefined);
        try {
          if (await look()) onChanged();
        } catch (err) {
          if (!signal.aborted) log.warn({ err }, 'by what the front proxy is known could not be read');
        }
      }
    },
  };
}
