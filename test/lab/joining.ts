import { spawn, type ChildProcess } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { silentLogger } from '#runtime/telemetry/logger.ts';
import { openSupervisor } from '#runtime/host/local/supervisor/supervisor.ts';
import { freePort } from './free-port.ts';
import type { LabInstance } from './instance.ts';
import { memoryDirectory } from './memory-directory.ts';
import { run, type Ended } from './run.ts';
import { visit, type Visit } from './visit.ts';

/** A machine that may join an instance as a further host: directories of its own, and the programs of the instance. */
export interface LabMachine {
  readonly directory: string;
  /** Holds certificate and key, once it has joined. */
  readonly certificateFile: string;
  /** What stands in it. */
  certificate(): Promise<string>;
  /** `wcpd join` with the words that `wcpctl host join-command` printed, and with these on top. */
  join(command: string, more?: readonly string[]): Promise<Ended>;
  /** The same, without waiting. */
  startJoin(command: string): ChildProcess;
  /** `wcpd agent` as this machine; the last one ends. */
  startAgent(hostName: string, flags?: readonly string[]): Promise<void>;
  /** What the agents of this machine said, line by line. */
  log(): Promise<string>;
  http(hostname: string): Promise<Visit>;
  /** Ends everything on it and removes it. */
  close(): Promise<void>;
}

/** A machine that is nothing yet. */
export async function openMachine(instance: LabInstance): Promise<LabMachine> {
  const directory = await mkdtemp(join(await memoryDirectory(), 'wcp360-machine-'));
  await chmod(directory, 0o755);
  const wcpd = [process.execPath, join(instance.directory, 'lib/programs/wcpd.mjs')];
  const certificateFile = join(directory, 'state/agent.pem');
  const root = join(directory, 'root');
  await mkdir(root, { mode: 0o711 });
  const port = await freePort();
  let output = '';
  let agent: ChildProcess | undefined;
  const places = ['--directory', join(directory, 'etc'), '--certificate-file', certificateFile];
  const argvOf = (command: string): readonly string[] => [...wcpd, ...command.trim().split(' ').slice(1), ...places];
  const stopAgent = async (): Promise<void> => {
    if (agent === undefined || agent.exitCode !== null) return;
    const ended = new Promise((resolve) => agent?.once('exit', resolve));
    agent.kill('SIGTERM');
    await ended;
  };
  return {
    directory,
    certificateFile,
    certificate: () => readFile(certificateFile, 'utf8'),
    join: (command, more = []) => run([...argvOf(command), ...more]),
    startJoin: (command) => {
      const [program = '', ...args] = argvOf(command);
      return spawn(program, args, { stdio: 'ignore' });
    },
    startAgent: async (hostName, flags = []) => {
      await stopAgent();
      const [program = '', ...args] = wcpd;
      const own = ['--host-name', hostName, '--root', root, '--service-manager', 'supervised', '--metrics-listen='];
      const front = ['--front-addresses', '127.0.0.1', '--front-http-port', String(port), '--front-https-port', '0'];
      const kubeconfig = ['--kubeconfig', join(directory, 'etc/agent.kubeconfig')];
      agent = spawn(program, [...args, 'agent', ...own, ...front, ...kubeconfig, ...flags]);
      for (const stream of [agent.stdout, agent.stderr])
        stream?.on('data', (part: Buffer) => (output += part.toString('utf8')));
    },
    log: () => Promise.resolve(output),
    http: (hostname) => visit(port, hostname),
    close: async () => {
      await stopAgent();
      const lifetime = new AbortController();
      const services = openSupervisor(
        { directory: join(root, 'run/services'), log: silentLogger, restarts: false },
        lifetime.signal,
      );
      for (const { name } of await services.list(lifetime.signal)) await services.stop(name, lifetime.signal);
      lifetime.abort();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** What `wcpctl host join-command` prints for this host. */
export async function joinCommand(
  instance: LabInstance,
  host: string,
  options: readonly string[] = [],
): Promise<string> {
  const { exitCode, stdout, stderr } = await instance.wcpctl(['host', 'join-command', host, ...options]);
  if (exitCode !== 0) throw new Error(stderr);
  return stdout;
}
