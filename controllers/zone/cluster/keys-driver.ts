import { generateKeyPairSync } from 'node:crypto';
import { secretKind } from '#schemas/meta/builtin.ts';
import { apiVersionOf } from '#schemas/meta/kind.ts';
import { ANNOTATIONS, LABELS, MANAGED_BY } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { RefusedError } from '#runtime/base/errors.ts';
import type { Client } from '#runtime/client/client.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import type { Driver, Owner } from '#runtime/drivers/driver.ts';
import type { Cache } from '#runtime/manager/cache.ts';
import type { Action } from '#runtime/plan/plan.ts';

interface World {
  readonly client: Client;
  readonly cache: Cache;
}

/** Numbers of the keys of a zone, and what becomes of others that are there. */
export interface ZoneKeys {
  readonly numbers: readonly number[];
  readonly others: 'Stay' | 'Go';
}

interface OfSecret {
  readonly namespace: string;
  readonly name: string;
}

export type ZoneKeysAction = Action<'zone-keys', 'make-key', OfSecret> | Action<'zone-keys', 'delete-key', OfSecret>;

const type = resourceTypeOf(secretKind);

/** The Secret of a key: named, so that the same Zone finds it again whatever became of its object. */
export function keySecretOf(zone: string, number: number): string {
  return `${zone}-dnssec-${number}`;
}

/** What is published of the key in a Secret; `undefined` when it holds none of ours. */
export function dnskeyIn({ namespace, name }: OfSecret, cache: Cache): string | undefined {
  return dnskeyOf(cache.get(secretKind, { namespace, name }));
}

const csk = /^257 3 13 [A-Za-z0-9+/]{86}==$/;

function dnskeyOf(secret: Pick<KubeObject, 'metadata'> | undefined): string | undefined {
  const text = secret?.metadata.annotations?.[ANNOTATIONS.dnskey] ?? '';
  return csk.test(text) ? text : undefined;
}

/**
 * Keys of zones, as Secrets: a key outlives its host and goes with its tenant. Only Secrets that carry our annotation are ours; what is in one is never read here,
 * and never changed. The snapshot is the cache itself.
 */
export function createZoneKeysDriver<W extends World>(): Driver<'zone-keys', Cache, ZoneKeys, ZoneKeysAction, W> {
  return {
    name: 'zone-keys',
    nothing: { numbers: [], others: 'Go' },
    normalize: (desired) => desired,
    observe: (world) => Promise.resolve(world.cache),
    advance: (snapshot) => snapshot,
    of: (owner, cache) => ({ numbers: numbersOf(owner, cache), others: 'Stay' }),
    plan: planKeys,
    apply: async (action, { client }, signal) => {
      if (action.op === 'make-key') await makeKey(action.input, client, signal);
      else await client.delete(type, action.input, { signal });
    },
  };
}

function numbersOf({ namespace, name }: Owner, cache: Cache): readonly number[] {
  const prefix = keySecretOf(name, 0).slice(0, -1);
  return cache
    .byIndex(secretKind, BY_ZONE, `${namespace}/${name}`)
    .map(({ metadata }) => Number(metadata.name.slice(prefix.length)))
    .toSorted((a, b) => a - b);
}

const BY_ZONE = 'zoneOfKey';

/** Secrets with keys, by their zone. */
export const keysByZone = {
  kind: secretKind,
  index: {
    name: BY_ZONE,
    valuesOf: (secret: KubeObject) => {
      const match = dnskeyOf(secret) === undefined ? null : /^(.+)-dnssec-\d{1,4}$/.exec(secret.metadata.name);
      return match === null ? [] : [`${secret.metadata.namespace ?? ''}/${match[1] ?? ''}`];
    },
  },
};

function planKeys(owner: Owner, desired: ZoneKeys, observed: ZoneKeys): readonly ZoneKeysAction[] {
  const common = (number: number) => ({
    driver: 'zone-keys' as const,
    subject: `Secret/${owner.namespace}/${keySecretOf(owner.name, number)}`,
    disruption: 'none' as const,
    changes: [],
    input: { namespace: owner.namespace, name: keySecretOf(owner.name, number) },
  });
  const missing = desired.numbers.filter((number) => !observed.numbers.includes(number));
  const unwanted =
    desired.others === 'Stay' ? [] : observed.numbers.filter((number) => !desired.numbers.includes(number));
  return [
    ...missing.map((number) => ({ ...common(number), op: 'make-key', reason: 'missing' }) as const),
    ...unwanted.map((number) => ({ ...common(number), op: 'delete-key', reason: 'no longer wanted' }) as const),
  ];
}

/** One key signs all (CSK), by ECDSA on P-256: what RFC 8624 recommends. In the form of BIND's files, which every tool reads. */
async function makeKey({ namespace, name }: OfSecret, client: Client, signal: AbortSignal): Promise<void> {
  const found = await client.get(type, { namespace, name }, signal);
  if (found !== undefined) {
    if (dnskeyOf(found) !== undefined) return;
    throw new RefusedError('SecretNotFound', `Secret ${name} is there already and holds no key of a zone.`);
  }
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { d = '', x = '', y = '' } = privateKey.export({ format: 'jwk' });
  const bytes = (text: string): Buffer => Buffer.from(text, 'base64url');
  const dnskey = `257 3 13 ${Buffer.concat([bytes(x), bytes(y)]).toString('base64')}`;
  const file = `Private-key-format: v1.2\nAlgorithm: 13 (ECDSAP256SHA256)\nPrivateKey: ${bytes(d).toString('base64')}\n`;
  const metadata = {
    namespace,
    name,
    labels: { [LABELS.tenant]: namespace, [LABELS.managedBy]: MANAGED_BY },
    annotations: { [ANNOTATIONS.dnskey]: dnskey },
  };
  const data = { private: Buffer.from(file).toString('base64') };
  const secret = { apiVersion: apiVersionOf(secretKind), kind: secretKind.kind, metadata, type: 'Opaque', data };
  await client.create(type, secret, { signal });
}
