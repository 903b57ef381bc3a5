import { cloudflare } from './cloudflare/cloudflare.ts';
import { digitalOcean } from './digital-ocean/digital-ocean.ts';
import { hetzner } from './hetzner/hetzner.ts';
import type { ProviderId } from './model.ts';
import type { Provider } from './provider.ts';
import { route53 } from './route53/route53.ts';

const providers: Readonly<Record<ProviderId, Provider>> = { cloudflare, digitalOcean, hetzner, route53 };

export function providerOf(id: ProviderId): Provider {
  return providers[id];
}

/** Whether a provider has records of a type, at a zone itself or below. */
export function takesRecord(id: ProviderId, type: string, isApex: boolean): boolean {
  return providerOf(id).takes(type, isApex);
}
