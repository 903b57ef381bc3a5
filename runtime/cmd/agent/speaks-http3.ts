import type { AgentConfig } from '#runtime/config/programs.ts';
import { quicKeyPath } from '#runtime/drivers/nginx/index.ts';
import type { Host } from '#runtime/host/host.ts';
import { isUdpPortFree } from '#runtime/host/local/udp-port.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';

type Settings = Pick<AgentConfig, 'frontAddresses' | 'frontHttpsPort' | 'frontQuic' | 'proxyProtocol'>;

/** Whether the front is to speak HTTP/3: where it is wanted, nginx can, and no other program has the port of UDP, without which nginx would not start. */
export async function speaksHttp3(
  { frontAddresses, frontHttpsPort: port, frontQuic, proxyProtocol }: Settings,
  { host, log }: { readonly host: Host; readonly log: Logger },
  signal: AbortSignal,
): Promise<boolean> {
  const { http3 } = await host.capabilities(signal);
  if (!http3 || !frontQuic || port === 0 || proxyProtocol) return false;
  if (await hasPort(host, signal)) return true;
  for (const address of frontAddresses) {
    if (await isUdpPortFree(address, port)) continue;
    log.warn({ address, port }, 'HTTP/3 is not spoken: another program has the port of UDP');
    return false;
  }
  return true;
}

/** Our own front runs, and listens there already. */
async function hasPort(host: Host, signal: AbortSignal): Promise<boolean> {
  const isRunning = (await host.services.get('nginx', signal))?.running === true;
  return isRunning && (await host.facts(quicKeyPath(host.root), signal)) !== undefined;
}
