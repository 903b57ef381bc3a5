import { FINALIZERS } from '#schemas/meta/names.ts';
import { challengeKind, type Challenge } from '#schemas/v1alpha1/challenge.ts';
import type { ChallengeAnswer, ChallengeAnswers } from '#runtime/drivers/challenges/model.ts';
import { defineController, type Outcome, type ProbeResult } from '#runtime/manager/controller.ts';
import type { DriverOf, HostParts, HostWorld } from '#controllers/parts.ts';

export type ChallengeHostDrivers<W> = { readonly challenges: DriverOf<ChallengeAnswers, W> };

const shown: ProbeResult = { ok: true, reason: 'Presented', message: 'The web front shows what the CA wants to see.' };

/** Has the web front of this host show what a CA wants to see, and asks for it as the CA will. */
export function createChallengeHostController<W extends HostWorld>(parts: HostParts<W>) {
  const { hostName, challenges, front } = parts;
  return defineController<typeof challengeKind, W, ChallengeHostDrivers<W>, Readonly<Record<never, never>>>({
    name: 'challenge.host',
    kind: challengeKind,
    finalizer: FINALIZERS.host,
    finalizerSetBy: 'placement',
    drivers: { challenges },
    watches: [],
    concerns: ({ spec, status }) => spec.type !== 'DNS-01' && status?.host === hostName,
    gather: () => ({}),
    desired: ({ spec }) => ({
      challenges: new Map([[spec.token, answerFor(spec)]]),
    }),
    probe: async ({ spec }: Challenge, _inputs, world, signal) => {
      if (await front.challenge(world, { token: spec.token, answer: answerFor(spec) }, signal)) return [shown];
      return [{ ok: false, reason: 'NotSeen', message: 'The web front does not show it.' }];
    },
    status: (challenge, { outcome, probes }) => {
      const { ok, reason, message } = saidOf(challenge, outcome, probes);
      return { fields: {}, conditions: [{ type: 'Ready', status: ok ? 'True' : 'False', reason, message }] };
    },
  });
}

function answerFor({ type, dnsName, key }: Challenge['spec']): ChallengeAnswer {
  return { way: type === 'TLS-ALPN-01' ? 'Handshake' : 'Path', hostname: dnsName, keyAuthorization: key };
}

function saidOf({ metadata }: Challenge, outcome: Outcome, probes: readonly ProbeResult[]): ProbeResult {
  if (metadata.deletionTimestamp !== undefined)
    return { ok: false, reason: 'Deleting', message: 'It is being taken away.' };
  if ('message' in outcome) return { ok: false, reason: outcome.reason, message: outcome.message };
  return probes.find(({ ok }) => !ok) ?? shown;
}
