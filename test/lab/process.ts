import { spawn, type ChildProcess } from 'node:child_process';

/** A process of the test's own that can be ended, started again and stopped for a while; it ends with the test. */
export interface LabProcess {
  /** Does not wait until it answers. */
  start(): void;
  /** Ends it without warning. */
  kill(): Promise<void>;
  /** Asks it to end in order, and waits until it has. */
  stop(): Promise<void>;
  /** Stops it where it stands, connections and all, until `resume`. */
  pause(): void;
  resume(): void;
}

export function labProcess(
  program: string,
  argv: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): LabProcess {
  let child: ChildProcess | undefined;
  const onExit = (): void => void child?.kill('SIGKILL');
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    process.off('exit', onExit);
    const ending = child;
    child = undefined;
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return;
    const exited = new Promise((resolve) => ending.once('exit', resolve));
    ending.kill(signal);
    await exited;
  };
  return {
    start: () => {
      process.on('exit', onExit);
      child = spawn(program, argv, { stdio: 'ignore', env: { ...process.env, ...environment } });
    },
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
  };
}
