const inspectorUrl = 'http://127.0.0.1:9229/json/list';
const openMs = 5_000;

/** A CPU profile of a running Node process that was not started for it; one process at a time is asked, since all of them share the debugger's port. */
export async function startProfile(pid: number): Promise<void> {
  await evaluateIn(
    pid,
    `(async () => {
      const { Session } = process.getBuiltinModule('node:inspector/promises');
      globalThis.wcp360Profile = new Session();
      globalThis.wcp360Profile.connect();
      await globalThis.wcp360Profile.post('Profiler.enable');
      await globalThis.wcp360Profile.post('Profiler.start');
      return 'started';
    })()`,
  );
}

/** The profile as JSON text (`.cpuprofile`). */
export async function stopProfile(pid: number): Promise<string> {
  return await evaluateIn(
    pid,
    `globalThis.wcp360Profile.post('Profiler.stop').then(({ profile }) => JSON.stringify(profile))`,
  );
}

async function evaluateIn(pid: number, expression: string): Promise<string> {
  process.kill(pid, 'SIGUSR1');
  const socket = new WebSocket(await debuggerUrl());
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve);
    socket.addEventListener('error', reject);
  });
  const value = await ask(socket, expression);
  // Frees the port for the next process.
  socket.send(JSON.stringify({ id: 2, method: 'Runtime.evaluate', params: { expression: 'process._debugEnd()' } }));
  await new Promise((resolve) => socket.addEventListener('close', resolve));
  return value;
}

interface Answer {
  readonly id: number;
  readonly result: { readonly result: { readonly value: string } };
}

function ask(socket: WebSocket, expression: string): Promise<string> {
  const params = { expression, awaitPromise: true, returnByValue: true };
  return new Promise((resolve) => {
    socket.addEventListener('message', ({ data }) => {
      const answer = JSON.parse(String(data)) as Answer;
      if (answer.id === 1) resolve(answer.result.result.value);
    });
    socket.send(JSON.stringify({ id: 1, method: 'Runtime.evaluate', params }));
  });
}

async function debuggerUrl(): Promise<string> {
  const giveUpAt = Date.now() + openMs;
  for (;;) {
    const found = await fetch(inspectorUrl).then(
      async (answer) => (await answer.json()) as readonly { readonly webSocketDebuggerUrl: string }[],
      () => undefined,
    );
    const url = found?.[0]?.webSocketDebuggerUrl;
    if (url !== undefined) return url;
    if (Date.now() > giveUpAt) throw new Error('the process opened no debugger');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
