import type { Site } from '#runtime/drivers/nginx/model.ts';
import type { PhpPool } from '#runtime/drivers/php-fpm/model.ts';

/** A record of the site table, valid by default: a static site of tenant acme. */
export function aSite(root: string, overrides: Partial<Site> = {}): Site {
  const tenant = overrides.tenant ?? 'acme';
  return {
    owner: `Domain/${tenant}/shop`,
    uid: 'u1',
    generation: 1,
    tenant,
    serve: { type: 'static', base: `${root}/tenants/${tenant}/domains/shop`, root: 'public', fallback: 'NotFound' },
    headers: {},
    errorPages: {},
    uploadBytes: 1024 * 1024,
    timeoutSeconds: 60,
    cacheSeconds: 0,
    compress: true,
    accessLog: `${root}/tenants/${tenant}/logs/shop.access.log`,
    ...overrides,
  };
}

/** A PHP pool of tenant acme, valid by default. */
export function aPool(root: string, overrides: Partial<PhpPool> = {}): PhpPool {
  const tenant = overrides.tenant ?? 'acme';
  return {
    owner: `Domain/${tenant}/shop`,
    tenant,
    uid: 20001,
    version: '8.2',
    tree: `${root}/tenants/${tenant}`,
    isReadOnly: false,
    socket: `${root}/run/php/${tenant}.shop/php.sock`,
    children: 4,
    memoryBytes: 128 * 1024 * 1024,
    timeoutSeconds: 30,
    uploadBytes: 8 * 1024 * 1024,
    environment: {},
    environmentFrom: [],
    sockets: [],
    errorLog: `${root}/tenants/${tenant}/logs/shop.error.log`,
    slice: 'wcp360-20001',
    ...overrides,
  };
}
