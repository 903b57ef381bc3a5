import { agentAccountOf, SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import { systemClock } from '#runtime/base/clock.ts';
import type { Client } from '#runtime/client/client.ts';
import { requestToken } from '#runtime/client/request-token.ts';
import { placeFile } from '#runtime/config/files.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import { ownerOf, tokenFileOf, type ClientProgram, type Layout } from './layout.ts';

const expirationSeconds = 24 * 3_600;
/** Part of a token's life after which the next one is asked for: half a day is left to mend what is broken. */
const renewAtRatio = 0.5;
const retryMs = 60_000;

interface TokenOptions {
  readonly client: Client;
  readonly layout: Layout;
  readonly hostName: string;
}

/** Places fresh tokens for controller and agent, who read the files again by themselves; resolves with the time, in epoch ms, to do so again. */
export async function placeTokens({ client, layout, hostName }: TokenOptions, signal: AbortSignal): Promise<number> {
  const accounts: Readonly<Record<ClientProgram, string>> = {
    controller: 'controller',
    agent: agentAccountOf(hostName),
  };
  const renewals = Object.entries(accounts).map(async ([key, name]) => {
    const program = key as ClientProgram;
    const issuedAtMs = systemClock.now();
    const account = { namespace: SYSTEM_NAMESPACE, name };
    const { token, expiresAtMs } = await requestToken(client, account, { expirationSeconds, signal });
    await placeFile(tokenFileOf(layout, program), token, { mode: 0o600, owner: ownerOf(program) });
    return issuedAtMs + (expiresAtMs - issuedAtMs) * renewAtRatio;
  });
  return Math.min(...(await Promise.all(renewals)));
}

/** Keeps the tokens fresh until the signal aborts; `renewAtMs` is what placing them answered. */
export async function keepTokens(
  options: TokenOptions & { readonly log: Logger; readonly renewAtMs: number },
  signal: AbortSignal,
): Promise<void> {
  let { renewAtMs } = options;
  while (!signal.aborted) {
    await systemClock.sleep(Math.max(0, renewAtMs - systemClock.now()), signal).catch(() => undefined);
    if (signal.aborted) return;
    renewAtMs = await placeTokens(options, signal).catch((err: unknown) => {
      options.log.warn({ err }, 'tokens could not be renewed');
      return systemClock.now() + retryMs;
    });
  }
}
