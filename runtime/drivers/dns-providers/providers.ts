import { cloudflare } from './cloudflare/cloudflare.ts';
import type { ProviderId } from './model.ts';
import type { Provider } from './provider.ts';

const providers: Readonly<Partial<Record<ProviderId, Provider>>> = { cloudflare };

export function providerOf(id: ProviderId): Provider {
  return providers[id] as Provider;
}

/** Whether a provider has records of a type, at a zone itself or below. */
export function takesRecord(id: ProviderId, type: string, isApex: boolean): boolean {
  return providerOf(id).takes(type, isApex);
}
