export type { DnsBackend, DnsSettings } from './dns-settings.ts';
export type { PowerdnsAction, ZoneSettings, ZoneState, ZoneTable } from './model.ts';
export type { PowerdnsWorld } from './apply.ts';
export type { ZonesSnapshot } from './snapshot.ts';
export { powerdnsDriver } from './powerdns-driver.ts';
export { attachDns, startDns, stopDns } from './start-dns.ts';
export type { ZoneAbove } from './leaving-keys.ts';
