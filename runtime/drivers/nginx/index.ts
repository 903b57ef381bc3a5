export type {
  NginxAction,
  ProxyTarget,
  Site,
  SiteAccess,
  SiteServe,
  SiteTable,
  SiteTls,
  StaticFallback,
} from './model.ts';
export { quicKeyPath, type FrontAddress, type FrontSettings } from './front-settings.ts';
export type { NginxWorld } from './apply.ts';
export { createStapler, type Stapler } from './stapling/stapler.ts';
export type { SitesSnapshot } from './snapshot.ts';
export type { SiteProbe } from './probe-site.ts';
export { nginxDriver } from './nginx-driver.ts';
export { ownersOf } from './snapshot.ts';
export { probeCertificate, probeChallenge, probeHandshake, probeSite } from './probe-site.ts';
export { frontService, probeAddress, startFront } from './start-front.ts';
export { renderFront, templateNames } from './render.ts';
export { rotateTicketKeys } from './front-keys.ts';
export { rotateLogs, type LogBounds } from './rotate-logs.ts';
export { sitesDirectory, usersDirectory } from './record.ts';
