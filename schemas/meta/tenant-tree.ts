/** Where things of a tenant lie on a host, relative to the host's root: a promise to customers (docs/guides/domains.md), so it stands beside the kinds. */

export function tenantDirectory(tenant: string): string {
  return `tenants/${tenant}`;
}

/** Holds one directory per Domain; the tenant cannot write in it. */
export function domainsDirectory(tenant: string): string {
  return `tenants/${tenant}/domains`;
}

/** The domain's own directory; document roots and sockets are named relative to it. */
export function domainDirectory(tenant: string, domain: string): string {
  return `tenants/${tenant}/domains/${domain}`;
}

export function tmpDirectory(tenant: string): string {
  return `tenants/${tenant}/tmp`;
}

/** Readable, not writable by the tenant. */
export function logsDirectory(tenant: string): string {
  return `tenants/${tenant}/logs`;
}

/** Where the directory of a deleted object is kept; only root may enter. The uid keeps two lives of one name apart. */
export function keptDirectory(kind: string, namespace: string, name: string, uid: string): string {
  return `kept/${kind.toLowerCase()}/${namespace}/${name}/${uid}`;
}
