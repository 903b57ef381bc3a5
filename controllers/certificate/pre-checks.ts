import { isEqual } from '#runtime/base/json.ts';
import { parseAddress } from '#runtime/base/networks.ts';
import { issuersIn } from '#runtime/dns/caa.ts';
import type { NameResolver } from '#runtime/dns/name-resolver.ts';
import { solverFor, type Solver } from '#controllers/solvers.ts';

/** A name that a CA would refuse if it was asked now. */
export interface NameInVain {
  readonly dnsName: string;
  readonly reason: 'NameElsewhere' | 'CaaForbids';
  /** What stands in the way, and what to do. */
  readonly message: string;
}

export interface PreChecking {
  readonly resolver: NameResolver;
  readonly solvers: readonly Solver[];
  /** Where visitors reach the tenant's host; empty when nobody has said so. */
  readonly hostAddresses: readonly string[];
  /** Names by which CAA records mean the CA; empty when it does not tell. */
  readonly caNames: readonly string[];
}

/** A CA allows few failures: it is not asked for what the DNS already refuses. What nobody can tell is for the CA to find out. */
export async function namesInVain(dnsNames: readonly string[], checking: PreChecking): Promise<readonly NameInVain[]> {
  const checked = await Promise.all(
    dnsNames.map(async (name) => (await elsewhere(name, checking)) ?? (await forbidden(name, checking))),
  );
  return checked.filter((each) => each !== undefined);
}

async function elsewhere(
  dnsName: string,
  { resolver, solvers, hostAddresses }: PreChecking,
): Promise<NameInVain | undefined> {
  const isWildcard = dnsName.startsWith('*.');
  const solver = solverFor({ dnsName, isWildcard }, solvers);
  if (isWildcard || !isAtHost(solver)) return undefined;
  const found = await resolver.addresses(dnsName);
  if (found === undefined || leadsTo(found, hostAddresses)) return undefined;
  const where = found.length === 0 ? 'has no address in the DNS' : `leads to ${found.slice(0, 3).join(', ')}`;
  const wanted = hostAddresses.length === 0 ? 'the host' : hostAddresses.join(' and ');
  return { dnsName, reason: 'NameElsewhere', message: `${dnsName} ${where}: point it to ${wanted}.` };
}

/** Whether a CA looks at the host, and nowhere else. */
function isAtHost({ http01, tlsAlpn01 }: Partial<Solver> = {}): boolean {
  return (http01 ?? tlsAlpn01)?.addresses === 'Check';
}

function leadsTo(found: readonly string[], hostAddresses: readonly string[]): boolean {
  if (found.length === 0 || hostAddresses.length === 0) return found.length > 0;
  const own = hostAddresses.map(parseAddress);
  return found.map(parseAddress).some((address) => own.some((each) => isEqual(each, address)));
}

async function forbidden(dnsName: string, { resolver, caNames }: PreChecking): Promise<NameInVain | undefined> {
  if (caNames.length === 0) return undefined;
  const isWildcard = dnsName.startsWith('*.');
  const records = await resolver.authorizations(isWildcard ? dnsName.slice(2) : dnsName);
  const allowed = records && issuersIn(records, isWildcard);
  if (allowed === undefined || allowed.some((name) => caNames.includes(name))) return undefined;
  const wanted = `${isWildcard ? 'issuewild' : 'issue'} "${caNames[0] ?? ''}"`;
  const message = `CAA records do not let the CA issue for ${dnsName}: add one with 0 ${wanted}, or choose another issuer.`;
  return { dnsName, reason: 'CaaForbids', message };
}
