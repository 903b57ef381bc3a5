import type { ProviderSettings } from '#controllers/cluster-parts.ts';
import type { ControllerConfig } from '#runtime/config/programs.ts';
import { parseServerAddress } from '#runtime/dns/server-address.ts';

/** How zones at providers are reached, of what the configuration says. */
export function providerSettings({
  dnsProviderEndpoints,
  dnsProviderServer,
}: Pick<ControllerConfig, 'dnsProviderEndpoints' | 'dnsProviderServer'>): ProviderSettings {
  const endpoints: Record<string, string> = {};
  for (const text of dnsProviderEndpoints) {
    const at = text.indexOf('=');
    endpoints[text.slice(0, at)] = text.slice(at + 1);
  }
  return { endpoints, nameServer: parseServerAddress(dnsProviderServer) };
}
