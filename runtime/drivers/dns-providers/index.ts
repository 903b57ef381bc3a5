export { createDnsProvidersDriver } from './dns-providers-driver.ts';
export type { DnsProvidersTools, ProviderNotes } from './dns-providers-driver.ts';
export { takesRecord } from './providers.ts';
