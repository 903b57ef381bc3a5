import { domainDirectory } from '#schemas/meta/tenant-tree.ts';
import type { Domain } from '#schemas/v1alpha1/domain.ts';
import { HostError } from '#runtime/base/errors.ts';
import type { Host } from '#runtime/host/host.ts';
import type { ProbeResult } from '#runtime/manager/controller.ts';
import type { FrontAnswer, FrontProbes, HostWorld } from '#controllers/parts.ts';
import type { DomainHostInputs } from './inputs.ts';
import { coversName } from '#runtime/base/hostnames.ts';
import { parseAddress } from '#runtime/base/networks.ts';

const OK: ProbeResult = { ok: true, reason: 'Serving', message: 'The front answers as declared.' };

/**
 * Looks from outside once everything is applied: every name at the front, then what the record points at. Runs no code of the tenant.
 * At most a few names are asked: all records of a Domain are made from one value, so that one more name tells little.
 */
export async function probeDomain<W extends HostWorld>(
  domain: Domain,
  inputs: DomainHostInputs,
  options: { readonly world: W; readonly front: FrontProbes<W>; readonly signal: AbortSignal },
): Promise<readonly ProbeResult[]> {
  const { world, front, signal } = options;
  const asked = inputs.names.slice(0, 3);
  const answers = await Promise.all(
    asked.map(({ hostname }) => probeName(domain, hostname, async () => await front.site(world, hostname, signal))),
  );
  const behind = await probeBehind(domain, inputs, world.host, signal);
  const { certificate } = front;
  const tls = certificate && (await probeTls(inputs, async (hostname) => await certificate(world, hostname, signal)));
  return [...answers, ...(tls === undefined ? [] : [tls]), behind];
}

/** The certificate that is shown is the newest one: by its serial number, where that is known. */
async function probeTls(
  { tls, names }: DomainHostInputs,
  shakeHands: (hostname: string) => Promise<string | undefined>,
): Promise<ProbeResult> {
  const hostname = names
    .map((name) => name.hostname)
    .find((name) => tls !== undefined && coversName(tls.dnsNames, name));
  if (tls === undefined || hostname === undefined) return OK;
  const shown = await shakeHands(hostname);
  const found = shown === undefined ? {} : { found: shown };
  if (shown === (tls.serialNumber ?? shown) && shown !== undefined) return { ...OK, ...found };
  const message =
    shown === undefined
      ? `The front refuses TLS for ${hostname}.`
      : `The front still shows an older certificate for ${hostname}.`;
  return { ok: false, reason: 'CertificateNotServed', message, ...found };
}

async function probeName(
  domain: Domain,
  hostname: string,
  ask: () => Promise<FrontAnswer | undefined>,
): Promise<ProbeResult> {
  const failed = (message: string): ProbeResult => ({ ok: false, reason: 'ProbeFailed', message });
  try {
    const answer = await ask();
    if (answer === undefined) return failed(`The front does not know ${hostname} yet.`);
    const isNewest = answer.uid === domain.metadata.uid && answer.generation === domain.metadata.generation;
    return isNewest ? OK : failed(`The front still serves an older state of ${hostname}.`);
  } catch (err) {
    if (err instanceof HostError) return failed(`The front does not answer for ${hostname}.`);
    throw err;
  }
}

async function probeBehind(
  domain: Domain,
  inputs: DomainHostInputs,
  host: Host,
  signal: AbortSignal,
): Promise<ProbeResult> {
  const { spec } = domain;
  const isAnsweredByFront = [inputs.suspendedFor, inputs.problem, spec.redirect].some((cause) => cause !== undefined);
  if (isAnsweredByFront) return OK;
  if (inputs.proxy !== undefined) return probeProxy(inputs.proxy, host, signal);
  const { root } = spec.php ?? spec.static ?? { root: 'public' };
  const path = `${inputs.root}/${domainDirectory(inputs.tenant, domain.metadata.name)}/${root}`;
  const facts = await host.facts(path, signal);
  if (facts?.type === 'directory') return OK;
  return {
    ok: false,
    reason: 'DocumentRootMissing',
    message: `The document root ${root} is not there; upload the site, or correct spec.`,
  };
}

async function probeProxy(
  target: NonNullable<DomainHostInputs['proxy']>,
  host: Host,
  signal: AbortSignal,
): Promise<ProbeResult> {
  if (target.type === 'socket') {
    if (await host.accepts(target.path, signal)) return OK;
    return { ok: false, reason: 'ProxyTargetRefused', message: `Nothing answers at the socket ${target.path}.` };
  }
  // A name is asked by the front alone: only it compares what the name resolves to with what the package allows.
  if (parseAddress(target.host) === undefined) return OK;
  const { host: name, port } = target;
  try {
    const address = { host: name, port };
    await host.httpRequest(
      { address, method: 'HEAD', path: '/', headers: { 'user-agent': 'wcp360-probe' }, timeoutMs: 2_000 },
      signal,
    );
    return OK;
  } catch (err) {
    if (!(err instanceof HostError)) throw err;
    return { ok: false, reason: 'ProxyTargetRefused', message: `Nothing answers at ${name} port ${String(port)}.` };
  }
}
