import { backoffMs } from '#runtime/base/backoff.ts';
import { rfc3339, type Clock } from '#runtime/base/clock.ts';
import { RefusedError } from '#runtime/base/errors.ts';
import type { Client } from '#runtime/client/client.ts';
import type { Credentials } from '#runtime/client/credentials.ts';
import type { KubeconfigConnection } from '#runtime/client/kubeconfig-connection.ts';
import {
  placeHostCertificate,
  readHostCertificate,
  type HostCertificate,
} from '#runtime/cmd/certificate/host-certificate.ts';
import { requestCertificate } from '#runtime/cmd/certificate/request-certificate.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';

export interface CertificateHolding {
  readonly hostName: string;
  /** For how long the next certificate is asked for. */
  readonly certificateSeconds: number;
  /** Part of a certificate's life after which the next one is asked for. */
  readonly certificateRenewalRatio: number;
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

interface CertificateKeeping extends CertificateHolding {
  /** Holds certificate and key. */
  readonly path: string;
  /** Of the client: they are read again after a renewal. */
  readonly credentials: Credentials;
}

const jitterRatio = 0.1;
const lookMs = 30_000;
const patience = { firstMs: 1_000, maxMs: 600_000, factor: 2, jitterRatio: 0.2 };

/** A certificate that `wcpd join` got is kept good; those that others made are theirs to renew. Resolves once there is one that is good now. */
export async function holdCertificate(connection: KubeconfigConnection, holding: CertificateHolding): Promise<void> {
  const { certificateFile: path, credentials } = connection;
  if (path === undefined) return;
  await awaitCertificate({ ...holding, path, credentials });
  void keepCertificate({ ...holding, path, credentials });
}

/**
 * Resolves once there is a certificate that is good now: at once, unless the machine was off for too long. What the host serves goes on meanwhile.
 * RefusedError when the certificate is another host's.
 */
async function awaitCertificate(keeping: CertificateKeeping): Promise<void> {
  const { path, hostName, clock, log, signal } = keeping;
  for (;;) {
    const found = await readHostCertificate(path);
    if (found !== undefined && found.host !== hostName) {
      const message = `${path} is the certificate of host ${found.host}, and hostName says ${hostName}`;
      throw new RefusedError('OtherHost', message);
    }
    if (found !== undefined && found.endsMs > clock.now()) return;
    log.error({ ended: endOf(found), cure: cureFor(hostName) }, 'the host has no certificate that is good now');
    await clock.sleep(lookMs, signal);
  }
}

/** Replaces the certificate before it ends, each time with a new key, until the signal aborts. Connections that are open go on. */
async function keepCertificate(keeping: CertificateKeeping): Promise<void> {
  const { clock, signal } = keeping;
  let attempt = 0;
  let leastMs = 0;
  while (!signal.aborted) {
    try {
      const waitMs = attempt === 0 ? await waitMsOf(keeping) : backoffMs(patience, attempt);
      await clock.sleep(Math.max(waitMs, leastMs), signal);
      await renew(keeping);
      attempt = 0;
      // However short a life the signer gives.
      leastMs = lookMs;
    } catch (err) {
      if (signal.aborted) return;
      attempt += 1;
      keeping.log.error({ err, cure: cureFor(keeping.hostName) }, 'the certificate could not be renewed');
    }
  }
}

async function waitMsOf({ path, certificateRenewalRatio, clock }: CertificateKeeping): Promise<number> {
  const found = await readHostCertificate(path);
  if (found === undefined) return 0;
  const jitter = 1 + jitterRatio * (2 * Math.random() - 1);
  const renewAtMs = found.beginsMs + (found.endsMs - found.beginsMs) * certificateRenewalRatio * jitter;
  return Math.max(0, renewAtMs - clock.now());
}

async function renew(keeping: CertificateKeeping): Promise<void> {
  const { path, client, hostName, certificateSeconds: seconds, clock, credentials, log, signal } = keeping;
  const { newKey } = await import('#runtime/pki/crypto-keys.ts');
  const key = newKey();
  const certificate = await requestCertificate({ client, hostName, key, seconds, circumstance: '', clock, signal });
  await placeHostCertificate(path, certificate, key);
  credentials.expire();
  log.info({ ends: endOf(await readHostCertificate(path)) }, 'certificate renewed');
}

function endOf(certificate: HostCertificate | undefined): string | undefined {
  return certificate === undefined ? undefined : rfc3339(certificate.endsMs);
}

function cureFor(hostName: string): string {
  return `wcpctl host join-command ${hostName} --rejoin, and run here what it prints`;
}
