import { parseDurationSeconds } from '#schemas/meta/duration.ts';
import { coversName } from '#runtime/base/hostnames.ts';
import { domainDirectory, logsDirectory } from '#schemas/meta/tenant-tree.ts';
import type { Domain } from '#schemas/v1alpha1/domain.ts';
import type { Site, SiteAccess, SiteServe, SiteTable } from '#runtime/drivers/nginx/model.ts';
import { PHP_PRESETS } from '#controllers/domain/presets.ts';
import { phpValuesOf, cacheSecondsOf, poolNameOf, socketOf, timeoutSecondsOf, uploadBytesOf } from './desired.ts';
import type { DomainHostInputs } from './inputs.ts';

/** One record per bound name. What a tenant wrote stands in it as data only; whatever decides about files and sockets is worked out here. */
export function desiredSites(domain: Domain, inputs: DomainHostInputs): SiteTable {
  const serve = serveOf(domain, inputs);
  const toHostname: SiteServe = { type: 'redirect', to: `//${domain.spec.hostname}`, code: 301, keepPath: true };
  const site = { ...siteOf(domain, inputs), ...(isClosed(inputs) ? bare : {}) };
  return new Map(
    inputs.names.map(({ hostname, use }) => {
      const access = isClosed(inputs) ? undefined : accessOf(domain, inputs, hostname);
      const tls = tlsOf(domain, inputs, hostname);
      const isRedirect = use === 'Redirect' && serve.type !== 'suspended';
      return [
        hostname,
        {
          ...site,
          serve: isRedirect ? toHostname : serve,
          ...(access === undefined ? {} : { access }),
          ...(tls === undefined ? {} : { tls }),
        },
      ];
    }),
  );
}

/** Visitors get a notice: the site is suspended, or may not go on as it was. */
export function isClosed({ suspendedFor, problem }: DomainHostInputs): boolean {
  return suspendedFor !== undefined || problem !== undefined;
}

/** On a notice stands the platform's word alone. */
const bare = { headers: {}, errorPages: {} };

function siteOf(domain: Domain, inputs: DomainHostInputs): Omit<Site, 'serve' | 'access'> {
  const { namespace = '', name, uid = '', generation = 0 } = domain.metadata;
  return {
    owner: `Domain/${namespace}/${name}`,
    uid,
    generation,
    tenant: inputs.tenant,
    headers: headersOf(domain),
    errorPages: Object.fromEntries(domain.spec.errorPages.map(({ code, path }) => [String(code), path])),
    uploadBytes: uploadBytesOf(domain),
    timeoutSeconds: timeoutSecondsOf(domain),
    cacheSeconds: cacheSecondsOf(domain),
    compress: domain.spec.compression === 'Gzip',
    accessLog: `${inputs.root}/${logsDirectory(inputs.tenant)}/${name}.access.log`,
  };
}

function serveOf(domain: Domain, inputs: DomainHostInputs): SiteServe {
  const { spec } = domain;
  if (inputs.suspendedFor !== undefined) return { type: 'suspended', message: inputs.suspendedFor };
  if (inputs.problem !== undefined)
    return { type: 'unavailable', message: 'This site is not available at the moment.' };
  if (inputs.proxy !== undefined) return { type: 'proxy', target: inputs.proxy };
  if (spec.redirect !== undefined) {
    const { to, code, keepPath } = spec.redirect;
    return { type: 'redirect', to, code, keepPath };
  }
  const base = `${inputs.root}/${domainDirectory(inputs.tenant, domain.metadata.name)}`;
  if (spec.php !== undefined) return phpServe(domain, spec.php, base, inputs.root);
  const { root = 'public', preset = 'None' } = spec.static ?? {};
  return { type: 'static', base, root, fallback: preset === 'Spa' ? 'Spa' : 'NotFound' };
}

function phpServe(domain: Domain, php: NonNullable<Domain['spec']['php']>, base: string, root: string): SiteServe {
  const preset = PHP_PRESETS[php.preset];
  return {
    type: 'php',
    base,
    root: php.root,
    ...(preset.frontController === undefined ? {} : { frontController: preset.frontController }),
    denySuffixes: preset.denySuffixes,
    socket: socketOf(domain, root),
    pool: poolNameOf(domain),
    phpValues: phpValuesOf(php),
  };
}

function headersOf(domain: Domain): Readonly<Record<string, string>> {
  const headers = domain.spec.headers.map(({ name, value }) => [name, value] as const);
  const { hsts } = domain.spec.tls;
  if (hsts === undefined) return Object.fromEntries(headers);
  const maxAge = `max-age=${String(parseDurationSeconds(hsts.maxAge) ?? 0)}`;
  return Object.fromEntries([
    ...headers,
    ['Strict-Transport-Security', hsts.includeSubDomains ? `${maxAge}; includeSubDomains` : maxAge],
  ]);
}

/** A name that the certificate is not for is served by plain HTTP. */
function tlsOf({ spec }: Domain, { tls, tenant }: DomainHostInputs, hostname: string): Site['tls'] {
  if (tls === undefined || !coversName(tls.dnsNames, hostname)) return undefined;
  const { secretName: name, resourceVersion } = tls;
  return { secret: { namespace: tenant, name, resourceVersion }, redirect: spec.tls.redirect };
}

/** The users file is named like the record: the front's driver writes both. */
function accessOf(domain: Domain, inputs: DomainHostInputs, hostname: string): SiteAccess | undefined {
  const { access } = domain.spec;
  if (access === undefined) return undefined;
  const { allow, deny, basicAuth } = access;
  return {
    allow,
    deny,
    ...(basicAuth === undefined
      ? {}
      : {
          basicAuth: {
            realm: basicAuth.realm,
            usersFile: `${inputs.root}/front/auth/${hostname.replace('*', '_')}`,
            secret: {
              namespace: inputs.tenant,
              name: basicAuth.secretRef.name,
              resourceVersion: inputs.secretVersions[basicAuth.secretRef.name] ?? '',
            },
          },
        }),
  };
}
