import type { Challenge } from '#schemas/v1alpha1/challenge.ts';
import type { IssuerUse } from './issuer-use.ts';

type ChallengeType = Challenge['spec']['type'];

export type Solver = NonNullable<IssuerUse['spec']['acme']>['solvers'][number];

/** The kind of challenge by which a name is shown to be ours; `undefined` when the issuer has none for it. Pure. */
export function challengeTypeFor(
  name: { readonly dnsName: string; readonly isWildcard: boolean },
  solvers: readonly Solver[],
): ChallengeType | undefined {
  const solver = solverFor(name, solvers);
  if (solver === undefined) return undefined;
  if (solver.tlsAlpn01 !== undefined) return 'TLS-ALPN-01';
  return solver.http01 === undefined ? 'DNS-01' : 'HTTP-01';
}

/** What names it exactly wins over a zone, a longer zone over a shorter one. Pure. */
export function solverFor(
  { dnsName, isWildcard }: { readonly dnsName: string; readonly isWildcard: boolean },
  solvers: readonly Solver[],
): Solver | undefined {
  const rated = solvers
    .map((solver) => ({ solver, rank: rankOf(solver, dnsName, isWildcard) }))
    .filter(({ rank }) => rank >= 0)
    .toSorted((a, b) => b.rank - a.rank);
  return rated[0]?.solver;
}

/** How well a solver fits a name; below zero when it does not. */
function rankOf({ selector, dns01 }: Solver, dnsName: string, isWildcard: boolean): number {
  if (isWildcard && dns01 === undefined) return -1;
  if (selector === undefined) return 0;
  const { dnsNames, dnsZones, wildcards } = selector;
  if (wildcards && !isWildcard) return -1;
  const name = isWildcard ? `*.${dnsName}` : dnsName;
  if (dnsNames.includes(name)) return 1_000;
  const zones = dnsZones.filter((zone) => dnsName === zone || dnsName.endsWith(`.${zone}`));
  if (zones.length > 0) return Math.max(...zones.map((zone) => zone.length));
  return dnsNames.length + dnsZones.length === 0 ? 1 : -1;
}
