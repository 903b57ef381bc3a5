import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { applyAll, domainOf, hostOf, makeTenant, objectOf, tenant } from './domains.ts';
import { costOfHandshakes, eachOf, frontOf, type HandshakeCost } from './handshakes.ts';
import { randomFrom } from '#test/lab/random.ts';
import { openInstance, type Instance } from './instance.ts';
import { measurement, memoryBytesOf, percentile, type Bench, type BenchOptions } from './measurement.ts';
import { cpuByProgram, saveProfiles, startProfiles } from './programs.ts';
import { rateOfLego } from './reference/lego.ts';
import { openPlainAcme } from './reference/plain-acme.ts';
import { watchWrites } from './site-writes.ts';
import { timeToSee } from './time-to-answer.ts';
import { openVisitor } from './visitor.ts';

const selfSigned = 'self';
const bench = 'tls';
const connections = 16;

interface Size {
  /** Certificates that are got beside their references, and all that there are in the end. */
  readonly first: number;
  readonly all: number;
  readonly ofLego: number;
  /** In one round. */
  readonly handshakes: number;
  readonly rounds: number;
  readonly tries: number;
}

interface Run {
  readonly instance: Instance;
  readonly size: Size;
  readonly options: BenchOptions;
  /** Of Domains. */
  readonly names: readonly string[];
}

/** Certificates on a whole instance: how fast they are got, what handshakes cost when there are many, and how soon a new Domain is served. */
export const tlsBench: Bench = async (options) => {
  const size: Size = options.quick
    ? { first: 40, all: 100, ofLego: 3, handshakes: 200, rounds: 2, tries: 10 }
    : { first: 300, all: 10_000, ofLego: 12, handshakes: 2_000, rounds: 5, tries: 100 };
  const instance = await openInstance({ https: true });
  const names = Array.from({ length: size.all }, (_, n) => `site-${n}`);
  const run: Run = { instance, size, options, names };
  try {
    await makeTenant(instance);
    await makeDomains(run);
    await measureIssuing(run);
    await serveAll(run);
    await measureHandshakes(run);
    await measureNewDomain(run);
  } finally {
    await instance.close();
  }
};

/** What a certificate may be got for: Domains whose names are the tenant's, without one. */
async function makeDomains({ instance, options, names }: Run): Promise<void> {
  options.note(`${names.length} domains without TLS`);
  const log = await watchWrites(instance.store);
  const plain = names.map((name) => domainOf(name, { tls: { mode: 'Off' } }));
  await applyAll(instance, plain, connections);
  await log.ready(names.length);
  log.close();
}

async function measureIssuing(run: Run): Promise<void> {
  const { size, options, names } = run;
  const { first, all } = size;
  options.note(`${all - first} certificates that sign themselves`);
  await applyAll(run.instance, [objectOf('ClusterIssuer', 'clusterissuers', { name: selfSigned }, { selfSigned: {} })]);
  // The more orders Debian's pebble has had, the likelier it locks itself up over those of one moment; who signed makes no difference to handshakes. The
  // programs have then run for a while, too.
  const own = await rateOfOurs(run, names.slice(first), selfSigned);
  options.report(
    measurement({ bench, measure: `certificates that sign themselves (${all - first})`, value: own, unit: '/s' }),
  );
  options.note(`${size.ofLego} certificates by lego`);
  const lego = await rateOfLego(size.ofLego);
  options.note(`${first} certificates by a client that signs and posts`);
  const plain = await rateOfPlain(run, first);
  options.note(`${first} certificates`);
  const ours = await rateOfOurs(run, names.slice(0, first), 'local');
  const row = { bench, measure: `certificates (${first}), beside signing and posting`, unit: '/s' };
  options.report(measurement({ ...row, value: ours, reference: plain }, { atLeast: 0.5 }));
  const besideLego = { bench, measure: `certificates (${first}), beside lego`, unit: '/s' };
  options.report(measurement({ ...besideLego, value: ours, reference: lego }, { atLeast: 8 }));
}

/** From the first apply until the last one is in its Secret, per second. */
async function rateOfOurs({ instance, options }: Run, names: readonly string[], issuer: string): Promise<number> {
  const log = await watchWrites(instance.store, 'certificates');
  if (options.profileInto !== undefined) await startProfiles(instance);
  const cpuBefore = cpuByProgram(instance);
  const startedAt = performance.now();
  await applyAll(
    instance,
    names.map((name) => certificateOf(name, issuer)),
    connections,
  );
  await log.ready(names.length);
  const seconds = (performance.now() - startedAt) / 1_000;
  const cpu = cpuByProgram(instance);
  if (options.profileInto !== undefined) await saveProfiles(instance, options.profileInto, names.length);
  for (const [name, used] of cpu) {
    const value = ((used - (cpuBefore.get(name) ?? 0)) * 1_000) / names.length;
    options.report(
      measurement({ bench, measure: `CPU of ${name} per certificate of ${names.length}`, value, unit: 'ms' }),
    );
  }
  for (const [collection, count] of log.counts) {
    const value = count / names.length;
    if (value >= 0.5)
      options.report(
        measurement({ bench, measure: `etcd writes to ${collection} per certificate`, value, unit: 'writes' }),
      );
  }
  log.close();
  return names.length / seconds;
}

/** As the Domain itself will make it, but for who owns it. */
function certificateOf(name: string, issuer: string) {
  const spec = {
    dnsNames: [hostOf(name)],
    secretName: `${name}-tls`,
    issuerRef: { kind: 'ClusterIssuer', name: issuer },
  };
  return objectOf('Certificate', `namespaces/${tenant}/certificates`, { name, namespace: tenant }, spec);
}

/** The very CA that ours are from, at as many orders at once as the controller has. */
async function rateOfPlain({ instance }: Run, count: number): Promise<number> {
  const { directory, acmePort } = instance;
  const plain = await openPlainAcme({
    directory: `https://127.0.0.1:${acmePort}/dir`,
    ca: readFileSync(join(directory, 'pki/acme/ca.crt'), 'utf8'),
    challenges: join(directory, 'front/challenges'),
    connections,
  });
  try {
    const names = Array.from({ length: count }, (_, n) => `plain-${n}.reference.example`);
    const startedAt = performance.now();
    await eachOf(names, async (name) => void (await plain.issue(name)), connections);
    return count / ((performance.now() - startedAt) / 1_000);
  } finally {
    plain.close();
  }
}

async function serveAll({ instance, options, names }: Run): Promise<void> {
  options.note(`${names.length} domains with TLS`);
  await applyAll(
    instance,
    names.map((name) => domainOf(name)),
    connections,
  );
  const visitor = openVisitor(instance);
  await eachOf(names, async (name) => {
    while (!(await visitor.shakesHands(hostOf(name)))) await delay(100);
  });
}

/** In turns, so that whatever else the machine does meets both. Each name comes as often as any other, which no visitors do. */
async function measureHandshakes({ instance, options, size, names }: Run): Promise<void> {
  const visitor = openVisitor(instance);
  const many = names.map((name) => hostOf(name));
  const sides = [many, many.slice(0, 1)].map((hostnames) => ({ hostnames, costs: [] as HandshakeCost[] }));
  options.note(`${size.rounds} rounds of ${size.handshakes} handshakes`);
  const random = randomFrom(1);
  const drawn = (hostnames: readonly string[], count: number): readonly string[] =>
    Array.from({ length: count }, () => hostnames[Math.floor(random() * hostnames.length)] ?? '');
  // What a worker keeps, it keeps by then.
  await costOfHandshakes(instance, visitor, drawn(many, 4 * many.length));
  for (let round = 0; round < size.rounds; round++) {
    for (const { hostnames, costs } of sides)
      costs.push(await costOfHandshakes(instance, visitor, drawn(hostnames, size.handshakes)));
  }
  const [ofMany = [], ofOne = []] = sides.map(({ costs }) => costs);
  const mean = (costs: readonly HandshakeCost[], of: (cost: HandshakeCost) => number): number =>
    costs.reduce((sum, cost) => sum + of(cost), 0) / costs.length;
  const row = (measure: string, unit: string, of: (cost: HandshakeCost) => number) => ({
    ...{ bench, unit, measure: `${measure} with ${names.length} certificates, beside one` },
    ...{ value: mean(ofMany, of), reference: mean(ofOne, of) },
  });
  options.report(
    measurement(
      row('CPU of the front per handshake', 'µs', (cost) => cost.cpuMicroseconds),
      { atMost: 1.5 },
    ),
  );
  options.report(measurement(row('handshakes', '/s', (cost) => cost.perSecond)));
  for (const { pid, name } of frontOf(instance))
    options.report(measurement({ bench, measure: `PSS of ${name}`, value: memoryBytesOf(pid) / 2 ** 20, unit: 'MiB' }));
}

async function measureNewDomain({ instance, options, size, names }: Run): Promise<void> {
  options.note(`one domain more, ${size.tries} times`);
  const visitor = openVisitor(instance);
  const latenciesMs = await timeToSee(instance, size.tries, (n) => {
    const name = `more-${n}`;
    return { applied: domainOf(name), isSeen: async () => (await visitor.status(hostOf(name))) === 200 };
  });
  const measure = `apply to HTTPS answered with ${names.length} domains there`;
  const row = (part: number, unit = 'ms') => ({
    ...{ bench, unit, measure: `p${part * 100} of ${measure}` },
    value: percentile(latenciesMs, part),
  });
  options.report(measurement(row(0.5)));
  options.report(measurement(row(0.95), { atMost: 2_000 }));
}
