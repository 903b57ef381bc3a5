import t from 'tap';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import {
  certificateKind,
  clusterIssuerKind,
  dnsRecordKind,
  domainKind,
  packageKind,
  tenantKind,
  zoneKind,
} from '#schemas/index.ts';
import { ANNOTATIONS } from '#schemas/meta/names.ts';
import { tellStories } from '#test/lab/crash-stories.ts';
import { isThorough } from '#test/lab/sampling.ts';
import { freePort } from '#test/lab/free-port.ts';
import { startHosting, type Hosting } from '#test/lab/hosting.ts';
import { openNameServer } from '#test/lab/name-server.ts';
import { startPebble } from '#test/lab/pebble.ts';
import { declare, isGone, isReady, remove, settle, type Step, type Story } from '#test/lab/stories.ts';

// Zones on a real name server and certificates of a real CA, whatever dies, and whenever: calls to both count as effects. Certificates are told with
// `WCP360_CRASH_ALL=1` only.

const aTenant = declare(tenantKind, 'acme', {});
const aZone = (dnssec: object): Step =>
  declare(zoneKind, 'acme', { name: 'acme.example', nameservers: ['ns1.acme.example'], dnssec }, 'acme');
const aRecord = (...values: readonly string[]): Step =>
  declare(dnsRecordKind, 'www', { zoneRef: { name: 'acme' }, name: 'www', type: 'A', values }, 'acme');
const isAnswered = async (hosting: Hosting): Promise<boolean> =>
  (await isReady(zoneKind, 'acme', 'acme')(hosting)) && (await isReady(dnsRecordKind, 'www', 'acme')(hosting));

const aSite = declare(domainKind, 'shop', { hostname: 'shop.example' }, 'acme');
const isSecured = async (hosting: Hosting): Promise<boolean> =>
  (await isReady(certificateKind, 'shop', 'acme')(hosting)) && (await isReady(domainKind, 'shop', 'acme')(hosting));

const aSecuredSite: Step = async (hosting) => {
  await aSite(hosting);
  await settle(hosting, isSecured);
};

interface Issued {
  readonly serialNumber?: string;
  readonly renewedFor?: string;
  readonly revoked?: { readonly serialNumber?: string };
}

const statusOf = async (hosting: Hosting): Promise<Issued> =>
  (await hosting.get(certificateKind, 'shop', 'acme'))?.['status'] as Issued;

/** As `wcpctl certificate` does. */
async function annotate(hosting: Hosting, annotations: Readonly<Record<string, string>>): Promise<void> {
  const body = { metadata: { annotations } };
  const key = { namespace: 'acme', name: 'shop' };
  await hosting.client.patch(resourceTypeOf(certificateKind), key, { type: 'merge', body });
}

const zoneStories: readonly Story[] = [
  {
    name: 'a zone is declared, and a record in it',
    before: [aTenant],
    act: async (hosting) => {
      await aZone({})(hosting);
      await aRecord('192.0.2.1')(hosting);
    },
    isOver: isAnswered,
  },
  {
    name: 'a record gets other values',
    before: [aTenant, aZone({}), aRecord('192.0.2.1')],
    act: aRecord('192.0.2.2', '192.0.2.3'),
    isOver: isAnswered,
  },
  {
    name: 'a zone is signed with one more key',
    before: [aTenant, aZone({}), aRecord('192.0.2.1')],
    act: aZone({ keys: [1, 2] }),
    isOver: isAnswered,
  },
  {
    name: 'a zone is deleted with its record',
    before: [aTenant, aZone({}), aRecord('192.0.2.1')],
    act: async (hosting) => {
      await remove(dnsRecordKind, 'www', 'acme')(hosting);
      await remove(zoneKind, 'acme', 'acme')(hosting);
    },
    isOver: isGone(zoneKind, 'acme', 'acme'),
  },
];

/** Many steps, each with several calls to the CA: too long for every run. */
const certificateStories: readonly Story[] = [
  { name: 'a site gets its certificate', before: [aTenant], act: aSite, isOver: isSecured },
  {
    name: 'a certificate is renewed',
    before: [aTenant, aSecuredSite],
    act: async (hosting) => await annotate(hosting, { [ANNOTATIONS.renew]: 'now' }),
    isOver: async (hosting) => (await isSecured(hosting)) && (await statusOf(hosting)).renewedFor === 'now',
  },
  {
    name: 'a certificate is revoked',
    before: [aTenant, aSecuredSite],
    act: async (hosting) => {
      const { serialNumber = '' } = await statusOf(hosting);
      await annotate(hosting, { [ANNOTATIONS.revoke]: `${serialNumber}/KeyCompromise` });
    },
    isOver: async (hosting) => {
      const { serialNumber, revoked } = await statusOf(hosting);
      return (await isSecured(hosting)) && revoked !== undefined && revoked.serialNumber !== serialNumber;
    },
  },
  {
    name: 'a site with a certificate is deleted',
    before: [aTenant, aSecuredSite],
    act: remove(domainKind, 'shop', 'acme'),
    isOver: isGone(domainKind, 'shop', 'acme'),
  },
];

tellStories(t, isThorough ? [...zoneStories, ...certificateStories] : zoneStories, async () => {
  const hosting = await startHosting({ dns: await openNameServer(t) });
  // An order that was left in one telling is found in the next one, where nothing is shown for it any more: that it is must not fail then.
  const environment = { PEBBLE_VA_ALWAYS_VALID: '1' };
  const pebble = await startPebble({ httpPort: await freePort(), environment });
  t.teardown(async () => await pebble.stop());
  await hosting.apply(packageKind, 'starter', { isDefault: true, limits: { domains: 10 } });
  await hosting.apply(clusterIssuerKind, 'pebble', {
    isDefault: true,
    acme: {
      server: pebble.directory,
      caBundle: Buffer.from(pebble.ca).toString('base64'),
      privateKeySecretRef: { name: 'pebble-account' },
    },
  });
  return hosting;
});
