/** Longer than any wait; only there to keep the event loop alive. */
const keepAliveMs = 2 ** 30;

/** Aborts when the process is asked to end (SIGTERM or SIGINT). */
export function terminated(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.once(name, () => controller.abort(new Error(`ended by ${name}`)));
  }
  return controller.signal;
}

/** Resolves when the signal aborts. A process that waits here lives on even when nothing else holds it. */
export async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const keepAlive = setInterval(() => undefined, keepAliveMs);
    signal.addEventListener(
      'abort',
      () => {
        clearInterval(keepAlive);
        resolve();
      },
      { once: true },
    );
  });
}
