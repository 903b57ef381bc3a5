import { openSupervisor } from '#runtime/host/local/supervisor/supervisor.ts';
import { silentLogger } from '#runtime/telemetry/logger.ts';
import type { Layout } from './layout.ts';

/** The order in which an instance's own programs are stopped; what the agent keeps goes right after the agent. */
const stopOrder = ['agent', 'controller', 'acme', 'resolver', 'server', 'etcd'] as const;

/** Names of the services of an instance that run, whoever keeps them; found by the records on disk, from inside or outside of its namespace. */
export async function runningServices(layout: Layout): Promise<ReadonlySet<string>> {
  const lifetime = new AbortController();
  const states = await Promise.all(
    [layout.instanceServices, layout.hostServices].map(async (directory) =>
      openSupervisor({ directory, log: silentLogger, restarts: false }, lifetime.signal).list(lifetime.signal),
    ),
  );
  lifetime.abort();
  return new Set(states.flat().flatMap(({ name, running }) => (running ? [name] : [])));
}

/** Stops all services of an instance, those first that others do not need; tells which of them ran. */
export async function stopServices(layout: Layout, onStopped: (name: string) => void): Promise<void> {
  const lifetime = new AbortController();
  const open = (directory: string) =>
    openSupervisor({ directory, log: silentLogger, restarts: false }, lifetime.signal);
  const own = open(layout.instanceServices);
  const stop = async (services: typeof own, name: string): Promise<void> => {
    const before = await services.get(name, lifetime.signal);
    await services.stop(name, lifetime.signal);
    if (before?.running === true) onStopped(name);
  };
  await stop(own, 'agent');
  // Only now: until it ended, the agent may have begun another.
  const ofHost = open(layout.hostServices);
  for (const { name } of await ofHost.list(lifetime.signal)) await stop(ofHost, name);
  for (const name of stopOrder.slice(1)) await stop(own, name);
  lifetime.abort();
}
