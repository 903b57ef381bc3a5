import { rfc3339 } from '#runtime/base/clock.ts';
import { contentOf } from '#schemas/meta/record-content.ts';
import type { Challenge } from '#schemas/v1alpha1/challenge.ts';
import type { ProbeResult } from '#runtime/manager/controller.ts';
import type { ClusterParts } from '#controllers/parts.ts';
import { CHALLENGE_LABEL, type RecordInputs } from './record.ts';

/** The CA is told after so long, whatever secondaries say: one of them may have been given up. */
const longestWaitMs = 180_000;

const shown: ProbeResult = {
  ok: true,
  reason: 'Presented',
  message: 'The name servers show what the CA wants to see.',
};

/**
 * Whether a CA would see it, whichever server of the zone it asks: secondaries fetch a zone some time after the primary has it. Of those that do not answer, or not for
 * the zone, it would ask the next one.
 */
export async function probeServers<W>(
  { spec }: Challenge,
  { nameservers, ready }: RecordInputs,
  { askEachServer, now }: Pick<ClusterParts<W>, 'askEachServer' | 'now'>,
  signal: AbortSignal,
): Promise<readonly ProbeResult[]> {
  if (ready?.status !== 'True') return [];
  const untilMs = Date.parse(ready.lastTransitionTime) + longestWaitMs;
  if (now() >= untilMs) return [shown];
  const question = { name: `${CHALLENGE_LABEL}.${spec.dnsName}`, type: 'TXT' };
  const content = contentOf('TXT', spec.key);
  const answers = await askEachServer(nameservers, question, signal);
  const without = answers.filter(
    ({ answer: { isAuthoritative, records } }) =>
      isAuthoritative && !records.some((record) => record.type === 'TXT' && record.content === content),
  );
  if (without.length === 0) return [shown];
  const servers = [...new Set(without.map(({ server }) => server))].toSorted().join(', ');
  const message = `${servers} did not fetch it yet; the CA is told at ${rfc3339(untilMs)} whether or not.`;
  return [{ ok: false, reason: 'NotSeen', message }];
}
