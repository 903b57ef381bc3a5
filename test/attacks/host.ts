import {
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import type { Host } from '#runtime/host/host.ts';
import { patienceMs } from '#test/lab/patience.ts';
import { canary, soon, textSoFar } from './ground.ts';
import type { Attack } from './attack.ts';

type HostAttack = Attack<HostGround>;

/** Where attacks on what root does for tenants take place: a directory of a tenant, and one that is closed to it. */
export interface HostGround {
  readonly host: Host;
  /** The tenant's own; each attack takes names of its own there. */
  readonly own: string;
  /** Holds `secret`. */
  readonly closed: string;
}

/** The tenant whose directory it is. */
const uid = 20_001;
const ownership = { mode: 0o640, uid, gid: uid };
const never = new AbortController().signal;

/** Makes both directories below the root of a fresh host. */
export function settleHost(host: Host): HostGround {
  const [own, closed] = [`${host.root}/own`, `${host.root}/closed`];
  mkdirSync(own);
  chownSync(own, uid, uid);
  mkdirSync(closed, { mode: 0o700 });
  writeFileSync(`${closed}/secret`, canary, { mode: 0o600 });
  return { host, own, closed };
}

/** What a call gives, unless the host refuses it. */
async function unlessRefused<T>(call: Promise<T>): Promise<T | undefined> {
  return await call.catch((err: unknown) => {
    if (err instanceof Error && 'code' in err) return undefined;
    throw err;
  });
}

const lastWord = 'that is all';

/** What a service of the tenant writes into its log, or what stands there when it is not started. */
async function saidBy({ host, own }: HostGround, script: string, logPath = `${own}/service.log`): Promise<string> {
  const command = ['/bin/sh', '-c', `${script}; echo ${lastWord}; exec sleep 60`];
  const unit = { name: 'attack', command, uid, gid: uid, logPath, restart: 'never' } as const;
  const isStarted = await unlessRefused(host.services.start(unit, never).then(() => true));
  if (isStarted === true) await soon(async () => textSoFar(logPath).includes(lastWord) || undefined);
  await host.services.stop('attack', never);
  return readFileSync(logPath, 'utf8');
}

/** Attacks on what root does in places, and with programs, of tenants. */
export const hostAttacks: readonly HostAttack[] = [
  {
    name: 'a link in place of a directory leads root’s writing elsewhere',
    against: ['no directory on the way is a link'],
    run: async ({ host, own, closed }) => {
      symlinkSync(closed, `${own}/directory`);
      await unlessRefused(host.replaceFile(`${own}/directory/written`, 'x', ownership, never));
      return statSync(`${closed}/written`, { throwIfNoEntry: false }) && 'written';
    },
  },
  {
    name: 'a link in place of a directory has root give away another one',
    against: ['directories are opened without following links'],
    run: async ({ host, own, closed }) => {
      symlinkSync(closed, `${own}/public`);
      await unlessRefused(host.makeDirectory(`${own}/public`, { ...ownership, mode: 0o750 }, never));
      return statSync(closed).uid === uid ? 'given away' : undefined;
    },
  },
  {
    name: 'a link in place of a file has root read another one',
    against: ['files are opened without following links'],
    run: async ({ host, own, closed }) => {
      symlinkSync(`${closed}/secret`, `${own}/file`);
      return await unlessRefused(host.readText(`${own}/file`, never));
    },
  },
  {
    name: 'a link in place of a socket is published as the tenant’s',
    against: ['only sockets of the tenant are published'],
    run: async ({ host, own, closed }) => {
      symlinkSync(`${closed}/secret`, `${own}/fpm.sock`);
      await unlessRefused(host.publishSocket(`${own}/fpm.sock`, `${host.root}/published`, uid, never));
      return (await host.facts(`${host.root}/published`, never))?.type;
    },
  },
  {
    name: 'a link in a tree that is removed has root remove what it leads to',
    against: ['trees are removed without following links'],
    run: async ({ host, own, closed }) => {
      mkdirSync(`${closed}/kept`);
      writeFileSync(`${closed}/kept/file`, 'kept');
      mkdirSync(`${own}/tree`);
      symlinkSync(`${closed}/kept`, `${own}/tree/link`);
      await unlessRefused(host.removeTree(`${own}/tree`, never));
      return existsSync(`${closed}/kept/file`) ? undefined : 'removed';
    },
  },
  {
    name: 'a program that is run for a tenant sees the agent’s own variables',
    against: ['programs have an environment of their own'],
    run: async ({ host }) => {
      process.env['WCP360_CANARY'] = canary;
      const { stdout } = await host.run(['/usr/bin/env'], { uid, gid: uid, timeoutMs: patienceMs }, never);
      return stdout.includes(canary) ? stdout : undefined;
    },
  },
  {
    name: 'a service of a tenant sees the agent’s own variables',
    against: ['services have an environment of their own'],
    run: async (ground) => {
      process.env['WCP360_CANARY'] = canary;
      const said = await saidBy(ground, 'env');
      return said.includes(canary) ? said : undefined;
    },
  },
  {
    name: 'a service of a tenant wins rights back by a program of root’s',
    against: ['services win no rights'],
    run: async (ground) =>
      /^NoNewPrivs:\s0$/m.exec(await saidBy(ground, 'cat /proc/self/status', `${ground.own}/rights.log`))?.[0],
  },
  {
    name: 'a log is the second name of another file, into which root has a service write',
    against: ['a log has one name'],
    run: async (ground) => {
      const victim = `${ground.closed}/victim`;
      writeFileSync(victim, 'untouched');
      linkSync(victim, `${ground.own}/linked.log`);
      const said = await saidBy(ground, 'echo words', `${ground.own}/linked.log`);
      return said === 'untouched' ? undefined : said;
    },
  },
];
