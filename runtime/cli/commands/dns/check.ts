import { findCondition } from '#schemas/meta/conditions.ts';
import { clusterIssuerKind, type ClusterIssuer } from '#schemas/v1alpha1/cluster-issuer.ts';
import { domainKind, type Domain } from '#schemas/v1alpha1/domain.ts';
import { hostKind, publicAddressesOf, type Host } from '#schemas/v1alpha1/host.ts';
import { issuerKind, type Issuer } from '#schemas/v1alpha1/issuer.ts';
import { zoneKind, type Zone } from '#schemas/v1alpha1/zone.ts';
import { ApiError } from '#runtime/base/errors.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { namesAbove, type Lookup } from '#runtime/dns/lookup.ts';
import { listAll, notFound } from '#runtime/cli/commands/get.ts';
import { ExitCode } from '#runtime/cli/io.ts';
import { formatColumns } from '#runtime/cli/output/columns.ts';
import type { Session } from '#runtime/cli/session.ts';
import { answeredFirst, declaredIn, listHere, type DeclaredSet } from './declared-zone.ts';
import { examineSite, examineZone, type ExaminedSite, type ExaminedZone } from './examine.ts';
import type { Finding } from './findings.ts';
import { lookupFor, type DnsOptions } from './server-flag.ts';

export interface CheckOptions extends DnsOptions {
  readonly ca?: string;
}

/** `wcpctl dns check DOMAIN`: a Domain by the name of its object or its hostname, or a Zone. Exit code 1 where something is wrong. */
export async function checkDomain(session: Session, word: string, options: CheckOptions): Promise<void> {
  const target = await targetOf(session, word);
  const { name } = target;
  const lookup = await lookupFor(session, options, target.zone?.spec.name ?? name);
  const findings = await examine(session, target, { lookup, ca: options.ca });
  session.io.out(
    options.output === 'json' ? `${JSON.stringify({ name, findings }, undefined, 4)}\n` : inWords(findings),
  );
  if (findings.some(({ state }) => state === 'Wrong')) throw new ExitCode(1);
}

async function examine(
  session: Session,
  { domain, zone }: Target,
  { lookup, ca }: { readonly lookup: Lookup; readonly ca: string | undefined },
): Promise<readonly Finding[]> {
  const declared = zone === undefined ? [] : await declaredIn(session, zone);
  const ofZone = zone === undefined ? [] : await examineZone(examined(zone, declared), lookup);
  if (domain === undefined) return ofZone;
  return [...ofZone, ...(await examineSite(await siteOf(session, { domain, declared, ca }), lookup))];
}

interface Target {
  /** What is looked at. */
  readonly name: string;
  readonly domain: Domain | undefined;
  /** The nearest one above the name, or the name itself. */
  readonly zone: Zone | undefined;
}

async function targetOf(session: Session, word: string): Promise<Target> {
  const [domains, zones] = [await listHere<Domain>(session, domainKind), await listHere<Zone>(session, zoneKind)];
  const domain =
    domains.find(({ metadata }) => metadata.name === word) ?? domains.find(({ spec }) => spec.hostname === word);
  const name = domain?.spec.hostname ?? word;
  const zone = [name, ...namesAbove(name)].map((each) => answeredFirst(zones, each)).find((each) => each !== undefined);
  if (domain !== undefined) return { name, domain, zone };
  const named = zones.find(({ metadata }) => metadata.name === word) ?? answeredFirst(zones, word);
  if (named === undefined) throw notFound(resourceTypeOf(domainKind), word);
  return { name: named.spec.name, domain, zone: named };
}

function examined(zone: Zone, declared: readonly DeclaredSet[]): ExaminedZone {
  const { spec, status } = zone;
  return {
    name: spec.name,
    nameservers: status?.nameservers ?? spec.nameservers,
    serial: status?.serial,
    ds: dsOf(zone),
    declared,
  };
}

/** `undefined` where a provider signs, or may, and does not tell by which keys. */
function dsOf({ spec, status = {} }: Zone): readonly string[] | undefined {
  const { dnssec, provider, conditions } = status;
  if (spec.provider === undefined) return (dnssec?.keys ?? []).map(({ ds }) => ds);
  const isUnsigned = findCondition(conditions, 'Signed')?.status === 'False';
  return provider?.ds ?? (isUnsigned ? [] : undefined);
}

interface DeclaredSite {
  readonly domain: Domain;
  readonly declared: readonly DeclaredSet[];
  readonly ca: string | undefined;
}

async function siteOf(session: Session, { domain, declared, ca }: DeclaredSite): Promise<ExaminedSite> {
  const { spec, status } = domain;
  const names = status?.hostnames ?? [spec.hostname, ...spec.aliases];
  const issuer = await allowed(async () => await issuerOf(session, domain));
  return {
    hostnames: names.filter((name) => !name.startsWith('*.')),
    addresses: await addressesOf(session, domain, declared),
    mayLeadElsewhere: mayLeadElsewhere(issuer),
    caNames: ca === undefined ? caNamesOf(issuer) : [ca],
    needsNoCa: spec.tls.mode === 'Off' || spec.tls.secretRef !== undefined,
  };
}

/** Those of the host, where one may look at it; else what the Domain's own records say. */
async function addressesOf(
  session: Session,
  { metadata, status }: Domain,
  declared: readonly DeclaredSet[],
): Promise<readonly string[]> {
  const host = await allowed(async () =>
    (await session.client()).get<Host>(resourceTypeOf(hostKind), { name: status?.host ?? '' }),
  );
  const ofHost = host === undefined ? [] : publicAddressesOf(host);
  const owner = `Domain/${metadata.namespace ?? ''}/${metadata.name}`;
  const ofRecords = declared.filter((set) => set.owner === owner).flatMap(({ contents }) => contents);
  return ofHost.length > 0 ? ofHost : [...new Set(ofRecords)];
}

/** As the CA itself told them; empty where it did not. */
function caNamesOf(issuer: Issuer | ClusterIssuer | undefined): readonly string[] {
  return issuer?.status?.acme?.caaIdentities ?? [];
}

/** Where a proxy stands before the host, names lead to that, and the issuer was told so. */
function mayLeadElsewhere(issuer: Issuer | ClusterIssuer | undefined): boolean {
  return (issuer?.spec.acme?.solvers ?? []).some(({ http01, tlsAlpn01 }) =>
    [http01, tlsAlpn01].some((solver) => solver?.addresses === 'Ignore'),
  );
}

async function issuerOf(session: Session, { metadata, spec }: Domain): Promise<Issuer | ClusterIssuer | undefined> {
  const client = await session.client();
  const { kind, name } = spec.tls.issuerRef ?? {};
  if (name === undefined) {
    const issuers = (await listAll(client, resourceTypeOf(clusterIssuerKind), {})) as readonly ClusterIssuer[];
    return issuers.find((issuer) => issuer.spec.isDefault);
  }
  const { namespace } = metadata;
  return kind === 'Issuer'
    ? await client.get<Issuer>(resourceTypeOf(issuerKind), { namespace, name })
    : await client.get<ClusterIssuer>(resourceTypeOf(clusterIssuerKind), { name });
}

/** Undefined where one may not look. */
async function allowed<T>(look: () => Promise<T | undefined>): Promise<T | undefined> {
  try {
    return await look();
  } catch (err) {
    if (err instanceof ApiError && err.status === 403) return undefined;
    throw err;
  }
}

function inWords(findings: readonly Finding[]): string {
  const rows = findings.map(({ check, state, message }) => [check, state, message]);
  const advice = [...new Set(findings.flatMap((finding) => finding.advice ?? []))];
  const toDo = advice.length === 0 ? '' : `\nTo do:\n${advice.map((each) => `- ${each}\n`).join('')}`;
  return `${formatColumns([['CHECK', 'STATE', 'WHAT WAS FOUND'], ...rows])}${toDo}`;
}
