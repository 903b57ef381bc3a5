import { systemClock } from '#runtime/base/clock.ts';
import { HostError } from '#runtime/base/errors.ts';
import { isRecord } from '#runtime/base/json.ts';
import type { Client, ResourceType } from '#runtime/client/client.ts';
import { isStatus } from '#runtime/client/status-error.ts';
import { newKey } from '#runtime/pki/crypto-keys.ts';
import { issueAuthority, issueCertificate } from '#runtime/pki/issue.ts';
import { isUsableAuthority, type PemPair } from '#runtime/pki/pair.ts';
import { SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import { STREAMS } from '#schemas/meta/streams.ts';

const secrets: ResourceType = { group: '', version: 'v1', resource: 'secrets', kind: 'Secret', namespaced: true };
const place = { namespace: SYSTEM_NAMESPACE, name: `${STREAMS.service}-ca` };

/** The CA that all replicas of the gateway share; the first one makes it. HostError when what stands there is of no use. */
export async function gatewayAuthority(client: Client, signal: AbortSignal): Promise<PemPair> {
  return (await read(client, signal)) ?? (await make(client, signal));
}

async function read(client: Client, signal: AbortSignal): Promise<PemPair | undefined> {
  const secret = await client.get(secrets, place, signal);
  if (secret === undefined) return undefined;
  const data = isRecord(secret['data']) ? secret['data'] : {};
  const text = (key: string): string => {
    const value = data[key];
    return typeof value === 'string' ? Buffer.from(value, 'base64').toString() : '';
  };
  const pair = { certificate: text('tls.crt'), key: text('tls.key') };
  if (isUsableAuthority(pair, systemClock.now())) return pair;
  const where = `${place.namespace}/${place.name}`;
  throw new HostError(`Secret ${where} holds no authority that is good any longer; delete it, and a new one is made`);
}

async function make(client: Client, signal: AbortSignal): Promise<PemPair> {
  const pair = await issueAuthority('wcp360-stream-gateway-ca', newKey(), systemClock.now());
  const encoded = (text: string): string => Buffer.from(text).toString('base64');
  const data = { 'tls.crt': encoded(pair.certificate), 'tls.key': encoded(pair.key) };
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: place, type: 'kubernetes.io/tls', data };
  try {
    await client.create(secrets, secret, { signal });
    return pair;
  } catch (err) {
    // Another replica was faster.
    const other = isStatus(err, 409) ? await read(client, signal) : undefined;
    if (other === undefined) throw err;
    return other;
  }
}

/** A certificate of this replica's own, for the name under which the API server knows the Service. */
export async function gatewayCertificate(authority: PemPair): Promise<{ readonly cert: string; readonly key: string }> {
  const name = `${STREAMS.service}.${SYSTEM_NAMESPACE}.svc`;
  const order = { commonName: STREAMS.service, organizations: [], names: [name], usages: ['server'] as const };
  const { certificate: cert, key } = await issueCertificate(authority, order, {
    keyPem: newKey(),
    nowMs: systemClock.now(),
  });
  return { cert, key };
}
