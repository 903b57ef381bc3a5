import type { admit } from '#test/builders/admit.ts';
import type { domainRecords } from '#test/builders/domain-records.ts';
import type { InstanceGround, openInstanceGround } from '#test/lab/instance-ground.ts';
import type { openSourceGround, SourceGround } from '#test/lab/source-ground.ts';
import type { openTenantApi } from '#test/lab/tenant-api.ts';
import type { openTenantHost, TenantHost } from '#test/lab/tenant-host.ts';
import type { FrontLab, openFrontLab } from '#test/runtime/drivers/front-lab.ts';
import type { realMachine } from '#test/runtime/host/machines.ts';
import { settleApi } from './api.ts';
import type { OpenGround } from './attack.ts';
import { settle, type ApiGround } from './ground.ts';
import { settleHost, type HostGround } from './host.ts';
import type { TextGround } from './texts.ts';

/** One host with the sites of both tenants. */
export const openSites: OpenGround<TenantHost> = async (t, load) => {
  const lab = await load<{ openTenantHost: typeof openTenantHost }>('#test/lab/tenant-host.ts');
  const ground = await lab.openTenantHost(t);
  await settle(ground);
  return ground;
};

/** An API server that knows both tenants. */
export const openApi: OpenGround<ApiGround> = async (t, load) => {
  const lab = await load<{ openTenantApi: typeof openTenantApi }>('#test/lab/tenant-api.ts');
  const ground = await lab.openTenantApi(t);
  await settleApi(ground);
  return ground;
};

/** A whole instance, with all that the others have. */
export const openInstance: OpenGround<InstanceGround> = async (t, load) => {
  const lab = await load<{ openInstanceGround: typeof openInstanceGround }>('#test/lab/instance-ground.ts');
  const ground = await lab.openInstanceGround(t);
  await settle(ground);
  await settleApi(ground);
  return ground;
};

/** What root does in directories of tenants. */
export const openHost: OpenGround<HostGround> = async (t, load) => {
  const lab = await load<{ realMachine: typeof realMachine }>('#test/runtime/host/machines.ts');
  const { host, close } = await lab.realMachine();
  t.teardown(close);
  return settleHost(host);
};

/** Repositories, and an API server that knows both tenants. */
export const openSources: OpenGround<SourceGround> = async (t, load) => {
  const lab = await load<{ openSourceGround: typeof openSourceGround }>('#test/lab/source-ground.ts');
  return await lab.openSourceGround(t);
};

/** The front alone, with records as they are put there. */
export const openFront: OpenGround<FrontLab> = async (t, load) => {
  const lab = await load<{ openFrontLab: typeof openFrontLab }>('#test/runtime/drivers/front-lab.ts');
  return await lab.openFrontLab(t);
};

/** Schemas, and what controllers make of a Domain. */
export const openTexts: OpenGround<TextGround> = async (_t, load) => {
  return {
    ...(await load<{ admit: typeof admit }>('#test/builders/admit.ts')),
    ...(await load<{ domainRecords: typeof domainRecords }>('#test/builders/domain-records.ts')),
  };
};
