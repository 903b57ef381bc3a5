import { createServer } from 'node:https';
import { readFileSync } from 'node:fs';
import { fork } from 'node:child_process';
import { createInformer } from '#runtime/manager/informer.ts';
import { silentLogger } from '#runtime/telemetry/logger.ts';
import { systemClock } from '#runtime/base/clock.ts';
import { createClient } from '#runtime/client/https-client.ts';
import { widgetType } from '#test/lab/widgets.ts';
const N = 10000;
const obj = (i: number, rv: number) => ({ apiVersion: 'test.wcp360.io/v1', kind: 'Widget', metadata: { name: `w${i}`, namespace: 'default', uid: `u${i}`, resourceVersion: String(rv), annotations: { pad: 'x'.repeat(500) }, managedFields: [{ manager: 'kubectl', operation: 'Apply', apiVersion: 'v1', time: '2026-01-01T00:00:00Z', fieldsType: 'FieldsV1', fieldsV1: { 'f:spec': { 'f:parts': {} } } }] }, spec: { parts: ['a', 'b', 'c'], drift: 'Enforce' } });
if (process.argv[2] === 'server') {
  const s = createServer({ key: readFileSync('/tmp/mgr/k.pem'), cert: readFileSync('/tmp/mgr/c.pem') }, async (_q, res) => {
    res.writeHead(200); res.socket!.setNoDelay(true);
    let rv = 1;
    for (let i = 0; i < 1000; i++) res.write(JSON.stringify({ type: 'ADDED', object: obj(i, rv++) }) + '\n');
    res.write(JSON.stringify({ type: 'BOOKMARK', object: { metadata: { resourceVersion: String(rv++), annotations: { 'k8s.io/initial-events-end': 'true' } } } }) + '\n');
    process.on('message', async (m: any) => { for (let i = 0; i < N; i++) { res.write(JSON.stringify({ type: 'MODIFIED', object: obj(i % 1000, rv++) }) + '\n'); if (i % m.burst === 0) await new Promise((r) => setTimeout(r, m.burst === 1 ? 0 : 1)); } });
  });
  s.listen(0, '127.0.0.1', () => process.send!((s.address() as any).port));
} else {
  const child = fork(new URL(import.meta.url).pathname, ['server']);
  const port = await new Promise((ok) => child.once('message', ok));
  const client = createClient({ server: `https://127.0.0.1:${port}`, tls: { ca: readFileSync('/tmp/mgr/c.pem', 'utf8') } });
  const inf = createInformer({ client, type: widgetType, log: silentLogger, clock: systemClock, keepsManager: (x) => x.startsWith('wcp360-') });
  let seen = 0; inf.subscribe(() => void seen++);
  void inf.run(new AbortController().signal); await inf.synced;
  for (const burst of [1, 100, 1, 100]) { seen = 0; const c = process.cpuUsage(); child.send({ burst }); while (seen < N) await new Promise((r) => setTimeout(r, 20)); const d = process.cpuUsage(c); console.log('burst', burst, 'µs per event', ((d.user + d.system) / N).toFixed(1)); }
  child.kill(); process.exit();
}
