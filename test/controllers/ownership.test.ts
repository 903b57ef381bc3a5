import t, { type Test } from 'tap';
import { domainKind, hostnameClaimKind, packageKind, zoneKind, type HostnameClaim } from '#schemas/index.ts';
import { ANNOTATIONS } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { required } from '#runtime/base/errors.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { powerdnsDriver } from '#runtime/drivers/powerdns/index.ts';
import { reach } from '#test/contracts/driver.ts';
import type { HostingOptions } from '#test/lab/hosting.ts';
import { openLife, type Life } from '#test/lab/life.ts';
import { aZoneTable, openNameServer } from '#test/lab/name-server.ts';
import { runWcpctl } from '#test/lab/wcpctl.ts';
import { conditionOf, eventually } from '#test/lab/widgets.ts';

// Whose hostnames are, with a real API server and a real name server that is asked for proof; the web front is that of a model machine.

interface Ground extends Life {
  /** What the DNS has of victim.com from now on. */
  declare(records: Readonly<Record<string, readonly string[]>>): Promise<void>;
  /** What a tenant has to set for a name, as its Domain says. */
  challenge(domain: string, tenant: string): Promise<Challenge>;
  /** The leader looks at the DNS for the Domain now. */
  lookNow(domain: string, tenant: string): Promise<void>;
}

interface Challenge {
  readonly hostname: string;
  readonly name: string;
  readonly value: string;
}

const elsewhere = { '@ NS': ['ns1.elsewhere.example.'] };
const here = { '@ NS': ['ns1.hosting.example.'] };
const previewDomain = 'preview.localhost';

/** Tenants `victim` and `thief`, and the zone victim.com at its owner's name server. */
async function openGround(test: Test, options: HostingOptions = {}): Promise<Ground> {
  const server = await openNameServer(test);
  const declare: Ground['declare'] = async (records) => {
    const owner = { kind: 'Zone', namespace: 'elsewhere', name: 'victim', uid: 'u1' };
    const zones = [...aZoneTable('com.'), ...aZoneTable('victim.com.', { ...elsewhere, ...records })];
    await reach(powerdnsDriver, server.world, owner, new Map(zones));
  };
  await declare({});
  const dnsResolver = `127.0.0.1:${server.settings.port}`;
  const life = await openLife(test, ['victim', 'thief'], { dnsResolver, previewDomain, ...options });
  return {
    ...life,
    declare,
    challenge: async (domain, tenant) => {
      const challengeOf = async (): Promise<Challenge | undefined> => {
        const { status = {} } = ((await life.get(domainKind, domain, tenant)) ?? {}) as Partial<WithChallenges>;
        return status.challenges?.[0];
      };
      return await eventually(challengeOf, `the challenge of ${domain}`);
    },
    lookNow: async (domain, tenant) => {
      const body = { metadata: { annotations: { [ANNOTATIONS.requestedAt]: String(Math.random()) } } };
      await life.client.patch(resourceTypeOf(domainKind), { namespace: tenant, name: domain }, { type: 'merge', body });
    },
  };
}

interface WithChallenges {
  readonly status: { readonly challenges?: readonly Challenge[]; readonly previewHostname?: string };
}

/** The record at the zone's own server, as `aZoneTable` has it. */
function asRecord({ name, value }: Challenge): Readonly<Record<string, readonly string[]>> {
  return { [`${name.replace(/[.]victim[.]com$/, '')} TXT`]: [`"${value}"`] };
}

function statusOf(object: KubeObject | undefined): NonNullable<HostnameClaim['status']> {
  return (object as HostnameClaim | undefined)?.status ?? {};
}

async function looksAt({ get }: Ground) {
  return statusOf(await get(hostnameClaimKind, 'victim.com')).looks;
}

/** After so many looks at the DNS for victim.com. */
async function looked(ground: Ground, count: number): Promise<void> {
  await eventually(async () => (await looksAt(ground))?.count === count, `${count} looks`);
}

void t.test(
  'a tenant is not served under a name that it cannot show to be its own, nor above or below it',
  async (test) => {
    const ground = await openGround(test);
    for (const hostname of ['victim.com', 'shop.victim.com', '*.victim.com']) {
      const name = hostname.replace('*', 'any').replaceAll('.', '-');
      await ground.apply(domainKind, name, { hostname: 'thief.example', aliases: [hostname] }, 'thief');
      const domain = await ground.settled(domainKind, name, 'Unproven', 'thief');
      test.match(
        conditionOf(domain, 'Ready')?.['message'],
        /set the TXT record _wcp360-challenge\.victim\.com to "token=/,
      );
      test.equal(ground.site(hostname), undefined, `${hostname} is not served`);
      const preview = required((domain as unknown as WithChallenges).status.previewHostname, 'the preview');
      test.match(ground.site(preview), { tenant: 'thief' }, 'but under a name of the platform');
      await ground.remove(domainKind, name, 'thief');
      await ground.gone(domainKind, name, 'thief');
    }
    await ground.apply(zoneKind, 'victim', { name: 'victim.com' }, 'thief');
    test.match(await ground.settled(zoneKind, 'victim', 'Unproven', 'thief'), {
      status: { challenges: [{ hostname: 'victim.com' }] },
    });
  },
);

void t.test('without the rule it would be', async (test) => {
  const ground = await openGround(test, { proofPolicy: 'Never' });
  await ground.apply(domainKind, 'mine', { hostname: 'victim.com' }, 'thief');
  await ground.settled(domainKind, 'mine', 'Serving', 'thief');
  test.match(ground.site('victim.com'), { tenant: 'thief' });
});

void t.test('the record shows all names below the registered one, and the preview ends', async (test) => {
  const ground = await openGround(test);
  const aliases = ['deep.shop.victim.com', '*.shop.victim.com'];
  await ground.apply(domainKind, 'shop', { hostname: 'shop.victim.com', aliases, www: 'Serve' }, 'victim');
  const challenge = await ground.challenge('shop', 'victim');
  test.match(challenge, { hostname: 'shop.victim.com', name: '_wcp360-challenge.victim.com' });
  await ground.declare(asRecord(challenge));
  await ground.lookNow('shop', 'victim');
  const domain = await ground.settled(domainKind, 'shop', 'Serving', 'victim');
  test.match(ground.site('deep.shop.victim.com'), { tenant: 'victim' });
  test.notMatch(domain, { status: { previewHostname: String } });
  test.match(statusOf(await ground.get(hostnameClaimKind, 'shop.victim.com')).proof, { method: 'Record' });
  await ground.declare({});
  await ground.apply(domainKind, 'other', { hostname: 'other.victim.com' }, 'victim');
  await ground.settled(domainKind, 'other', 'Unproven', 'victim');
  await ground.restartLeader();
  await ground.settled(domainKind, 'shop', 'Serving', 'victim');
  test.pass('what was shown once stays');
});

void t.test('a record at the name itself shows that name, and what is below it, only', async (test) => {
  const ground = await openGround(test);
  const aliases = ['a.shop.victim.com', 'blog.victim.com'];
  await ground.apply(domainKind, 'shop', { hostname: 'shop.victim.com', aliases }, 'victim');
  const { value } = await ground.challenge('shop', 'victim');
  await ground.declare({ '_wcp360-challenge.shop TXT': [`"${value}"`] });
  await ground.lookNow('shop', 'victim');
  await eventually(async () => ground.site('a.shop.victim.com') !== undefined, 'the name below to be served');
  test.match(ground.site('shop.victim.com'), { tenant: 'victim' });
  test.equal(ground.site('blog.victim.com'), undefined);
});

void t.test('who came first and shows nothing keeps nobody from a name', async (test) => {
  const ground = await openGround(test);
  await ground.apply(domainKind, 'mine', { hostname: 'victim.com' }, 'thief');
  const theirs = await ground.challenge('mine', 'thief');
  await ground.apply(domainKind, 'www', { hostname: 'www.victim.com' }, 'victim');
  await ground.settled(domainKind, 'www', 'Unproven', 'victim');
  await ground.apply(domainKind, 'shop', { hostname: 'victim.com' }, 'victim');
  const taken = await ground.settled(domainKind, 'shop', 'HostnameTaken', 'victim');
  test.match(conditionOf(taken, 'Ready')?.['message'], /has not shown that it is theirs.*token=/);
  const challenge = await ground.challenge('shop', 'victim');
  test.not(challenge.value, theirs.value, 'each tenant has a value of its own');
  await ground.declare(asRecord(challenge));
  await ground.lookNow('shop', 'victim');
  await ground.settled(domainKind, 'shop', 'Serving', 'victim');
  await ground.lookNow('www', 'victim');
  await ground.settled(domainKind, 'www', 'Serving', 'victim');
  test.match(ground.site('victim.com'), { tenant: 'victim' });
  await ground.settled(domainKind, 'mine', 'HostnameTaken', 'thief');
  await ground.declare(asRecord(theirs));
  await ground.lookNow('mine', 'thief');
  await ground.apply(domainKind, 'mine', { hostname: 'victim.com', www: 'Serve' }, 'thief');
  await ground.settled(domainKind, 'mine', 'HostnameTaken', 'thief');
  test.match(ground.site('victim.com'), { tenant: 'victim' }, 'what is shown does not pass on');
});

void t.test(
  'a name that comes to our name servers is shown by that, one that was there before is not',
  async (test) => {
    const ground = await openGround(test);
    const dns = { nameservers: ['ns1.hosting.example'] };
    await ground.apply(packageKind, 'starter', { isDefault: true, limits: { domains: 40 }, dns });
    await ground.declare(here);
    await ground.apply(domainKind, 'mine', { hostname: 'victim.com' }, 'thief');
    await ground.settled(domainKind, 'mine', 'Unproven', 'thief');
    await looked(ground, 1);
    await ground.lookNow('mine', 'thief');
    await looked(ground, 2);
    await ground.settled(domainKind, 'mine', 'Unproven', 'thief');
    await ground.remove(domainKind, 'mine', 'thief');
    await ground.gone(hostnameClaimKind, 'victim.com');

    await ground.declare(elsewhere);
    await ground.apply(domainKind, 'mine', { hostname: 'victim.com' }, 'thief');
    await looked(ground, 1);
    await ground.apply(domainKind, 'shop', { hostname: 'victim.com' }, 'victim');
    await ground.settled(domainKind, 'shop', 'HostnameTaken', 'victim');
    await ground.declare(here);
    await ground.lookNow('mine', 'thief');
    await ground.lookNow('shop', 'victim');
    await ground.settled(domainKind, 'mine', 'Unproven', 'thief');
    test.equal(ground.site('victim.com'), undefined, 'whose two of them want it is not shown by that');
    await ground.remove(domainKind, 'mine', 'thief');
    await ground.gone(domainKind, 'mine', 'thief');

    await ground.declare(elsewhere);
    await ground.lookNow('shop', 'victim');
    await eventually(async () => (await looksAt(ground))?.wasElsewhere, 'the name to be seen elsewhere');
    await ground.declare(here);
    await ground.lookNow('shop', 'victim');
    await ground.settled(domainKind, 'shop', 'Serving', 'victim');
    test.match(statusOf(await ground.get(hostnameClaimKind, 'victim.com')).proof, { method: 'Delegation' });
  },
);

void t.test('when the DNS is looked at again survives whoever leads', async (test) => {
  const ground = await openGround(test);
  await ground.apply(domainKind, 'shop', { hostname: 'victim.com' }, 'victim');
  await looked(ground, 1);
  const before = statusOf(await ground.get(hostnameClaimKind, 'victim.com'));
  await ground.restartLeader();
  await ground.apply(domainKind, 'other', { hostname: 'other.example' }, 'victim');
  await ground.settled(domainKind, 'other', 'Serving', 'victim');
  test.same(
    statusOf(await ground.get(hostnameClaimKind, 'victim.com')),
    before,
    'nothing was looked at before its time',
  );
  await looked(ground, 2);
});

void t.test('an administrator says whose a name is, and takes it', async (test) => {
  const ground = await openGround(test);
  const claim = { hostname: 'victim.com', tenantRef: { name: 'victim' } };
  await ground.apply(hostnameClaimKind, 'victim.com', { ...claim, ownership: 'Asserted' });
  await ground.apply(domainKind, 'shop', { hostname: 'victim.com', www: 'Serve' }, 'victim');
  await ground.settled(domainKind, 'shop', 'Serving', 'victim');
  test.match(statusOf(await ground.get(hostnameClaimKind, 'victim.com')).proof, { method: 'Asserted' });
  test.match(statusOf(await ground.get(hostnameClaimKind, 'www.victim.com')).proof, { method: 'Inherited' });
  await ground.apply(hostnameClaimKind, 'victim.com', { ...claim, ownership: 'Revoked' });
  await ground.settled(domainKind, 'shop', 'Revoked', 'victim');
  test.equal(ground.site('victim.com'), undefined);
  test.equal(ground.site('www.victim.com'), undefined, 'nor is what is below');
  await ground.remove(domainKind, 'shop', 'victim');
  await ground.gone(domainKind, 'shop', 'victim');
  test.ok(await ground.get(hostnameClaimKind, 'victim.com'), 'the word of the administrator stays');
  await ground.apply(domainKind, 'again', { hostname: 'a.victim.com' }, 'victim');
  await ground.settled(domainKind, 'again', 'Revoked', 'victim');
});

void t.test('wcpctl says which record to set, and has it looked for', async (test) => {
  const ground = await openGround(test);
  const { kubeconfig } = ground.server;
  const spec = { hostname: 'shop.victim.com' };
  const manifest = { apiVersion: 'hosting.wcp360.io/v1alpha1', kind: 'Domain', metadata: { name: 'shop' }, spec };
  const place = { kubeconfig, stdin: JSON.stringify(manifest) };
  const wcpctl = async (...words: readonly string[]) => await runWcpctl(place, [...words, '-n', 'victim']);
  const applied = await wcpctl('apply', '-f', '-');
  test.match(applied, { code: 0, out: 'domain.hosting.wcp360.io/shop created\n' });
  const challenge = await ground.challenge('shop', 'victim');
  const record = `the TXT record ${challenge.name} to "${challenge.value}"; until then it is served at shop-`;
  test.match(applied.err, record);
  const described = await wcpctl('describe', 'domain', 'shop');
  test.ok([challenge.name, challenge.value].every((word) => described.out.includes(word)));
  const missing = await wcpctl('dns', 'verify', 'shop', '--timeout', '1s');
  test.equal(missing.code, 1);
  test.match(missing.out, challenge.value);
  await ground.declare(asRecord(challenge));
  test.same(await wcpctl('dns', 'verify', 'shop', '--timeout', '60s'), {
    code: 0,
    out: 'All names are the tenant’s.\n',
    err: '',
  });
  test.match(await wcpctl('apply', '-f', '-'), { code: 0, out: 'domain.hosting.wcp360.io/shop unchanged\n', err: '' });
  test.equal((await wcpctl('dns', 'verify', 'nothing')).code, 1);
});

void t.test('names of the platform are nobody’s', async (test) => {
  const ground = await openGround(test);
  await ground.apply(domainKind, 'mine', { hostname: `shop.${previewDomain}` }, 'thief');
  await ground.settled(domainKind, 'mine', 'HostnameReserved', 'thief');
  test.equal(ground.site(`shop.${previewDomain}`), undefined);
});
