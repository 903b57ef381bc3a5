/** Looks at every object again whenever the process gets SIGUSR2, as it does by itself every ten hours. Until the signal aborts. */
export function resyncOnSignal(resync: () => void, signal: AbortSignal): void {
  process.on('SIGUSR2', resync);
  signal.addEventListener('abort', () => process.off('SIGUSR2', resync), { once: true });
}
