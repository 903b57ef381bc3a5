import { apiVersionOf, type KindDefinition, type ResourceOf } from '#schemas/meta/kind.ts';
import { namespaceKind } from '#schemas/meta/builtin.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import {
  domainKind,
  hostKind,
  hostnameClaimKind,
  packageKind,
  retainedDataKind,
  tenantKind,
  uidClaimKind,
  type Domain,
  type Host,
  type HostnameClaim,
  type Package,
  type RetainedData,
  type Tenant,
  type UIDClaim,
} from '#schemas/index.ts';
import { admit } from './admit.ts';
import { merge } from './merge.ts';

/** Any part of a manifest: what a test cares about. */
export type Part = Readonly<Record<string, unknown>>;

const CREATED = '2026-01-01T00:00:00Z';

/** Objects that are valid by default, with the defaults of the API server; the test writes only what matters. */
export function anObject<D extends KindDefinition>(kind: D, base: Part, over: Part = {}): ResourceOf<D> {
  const manifest = merge({ apiVersion: apiVersionOf(kind), kind: kind.kind, ...base }, over) as KubeObject;
  const metadata = {
    uid: `uid-of-${manifest.metadata.name}`,
    generation: 1,
    resourceVersion: '1',
    creationTimestamp: CREATED,
    ...manifest.metadata,
  };
  const { object, faults } = admit(kind, { ...manifest, metadata });
  if (faults.length > 0) throw new Error(`the ${kind.kind} of a test is invalid: ${JSON.stringify(faults)}`);
  return object;
}

/** A static site of tenant acme, placed on web1 with its name bound. */
export function aDomain(over: Part = {}): Domain {
  const metadata = {
    name: 'shop',
    namespace: 'acme',
    finalizers: ['hosting.wcp360.io/cluster', 'hosting.wcp360.io/host'],
  };
  const status = { host: 'web1', hostnames: ['shop.acme.example'] };
  return anObject(domainKind, { metadata, spec: { hostname: 'shop.acme.example' }, status }, over);
}

/** Tenant acme on web1 with user id 20000 and package starter in force. */
export function aTenant(over: Part = {}): Tenant {
  const effective = {
    packageName: 'starter',
    limits: { domains: 10 },
    php: { versions: ['8.2'], children: 8, memory: '256Mi' },
    proxyTargets: [],
    suspended: false,
  };
  const status = { host: 'web1', uid: 20_000, effective };
  return anObject(tenantKind, { metadata: { name: 'acme' }, spec: { packageRef: { name: 'starter' } }, status }, over);
}

export function aPackage(over: Part = {}): Package {
  const spec = { limits: { domains: 10 }, php: { versions: ['8.2'] } };
  return anObject(packageKind, { metadata: { name: 'starter' }, spec }, over);
}

/** A ready host with PHP 8.2. */
export function aHost(over: Part = {}): Host {
  const capabilities = {
    phpVersions: ['8.2'],
    nginxVersion: '1.22.1',
    services: 'supervisor',
    limitsEnforced: false,
    accounts: false,
    front: { uid: 33, gid: 33 },
    takenUids: [],
    heldUids: [],
    takenNames: [],
  };
  const ready = {
    type: 'Ready',
    status: 'True',
    reason: 'Serving',
    message: 'It serves.',
    lastTransitionTime: CREATED,
  };
  const status = { root: '/srv/wcp360', capabilities, conditions: [ready] };
  return anObject(hostKind, { metadata: { name: 'web1' }, spec: {}, status }, over);
}

/** The bound claim of acme's shop, unless something else is said. */
export function aHostnameClaim(hostname: string, tenant: string, over: Part = {}): HostnameClaim {
  const claimant = { uid: 'uid-of-shop', kind: 'Domain', namespace: tenant, name: 'shop' };
  const bound = {
    type: 'Bound',
    status: 'True',
    reason: 'Bound',
    message: 'It is bound.',
    lastTransitionTime: CREATED,
  };
  const name = hostname.startsWith('*.') ? `wc--any.${hostname.slice(2)}` : hostname;
  const spec = { hostname, tenantRef: { name: tenant }, claimants: [claimant] };
  return anObject(hostnameClaimKind, { metadata: { name }, spec, status: { conditions: [bound] } }, over);
}

export function aUidClaim(number: number, tenant: string): UIDClaim {
  return anObject(uidClaimKind, { metadata: { name: String(number) }, spec: { tenantRef: { name: tenant } } });
}

/** The kept files of acme's shop on web1. */
export function aRetainedData(over: Part = {}): RetainedData {
  const spec = {
    objectRef: { kind: 'Domain', namespace: 'acme', name: 'shop' },
    tenantRef: { name: 'acme' },
    host: 'web1',
    path: 'kept/domain/acme/shop',
    userId: 20_000,
  };
  return anObject(retainedDataKind, { metadata: { name: 'domain.acme.shop' }, spec }, over);
}

/** A namespace that carries the label of its tenant. */
export function aNamespace(name: string, over: Part = {}): KubeObject {
  const labels = { 'hosting.wcp360.io/tenant': name };
  return merge(
    { apiVersion: apiVersionOf(namespaceKind), kind: 'Namespace', metadata: { name, labels } },
    over,
  ) as KubeObject;
}
