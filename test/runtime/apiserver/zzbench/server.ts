// usage: server.ts real|bare endpoint ; IPC
import { createServer } from 'node:https';
import { startApiServer } from '#runtime/apiserver/server.ts';
import { openEtcdStore } from '#runtime/storage/etcd/etcd-store.ts';
import { createLabAuthority } from '#test/lab/pki.ts';
import { newServiceAccountKey } from '#test/lab/api-server.ts';
import { createLogger } from '#runtime/telemetry/logger.ts';
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
const [mode, endpoint] = process.argv.slice(2);
const store = await openEtcdStore({ endpoints: [endpoint as string] });
const authority = await createLabAuthority('b');
const own = await authority.server(); const admin = await authority.client('admin', ['system:masters']);
const user = await authority.client('jane', ['bench']);
let port = 0;
if (mode === 'real') {
  const s = await startApiServer({ store, listen: { host: '127.0.0.1', port: 0 }, tls: { cert: own.cert.toString(), key: own.key.toString(), clientCa: authority.ca.toString() }, serviceAccounts: { key: newServiceAccountKey() }, log: createLogger({ name: 'b', level: 'warn', write: (l) => process.stderr.write(l) }), flow: { readOnly: 2000, mutating: 2000 } });
  port = s.address.port;
} else {
  let n = 0; const lists = new Map<number, Buffer>();
  const server = createServer({ cert: own.cert, key: own.key, ca: authority.ca, requestCert: true, rejectUnauthorized: false }, (req, res) => {
    if (req.method === 'GET') {
      const size = Number(req.url?.split('=')[1] ?? 1000);
      const b = lists.get(size) ?? Buffer.alloc(size, 'x'); lists.set(size, b);
      res.writeHead(200, { 'content-type': 'application/json', 'content-length': b.length }); res.end(b); return;
    }
    const chunks: Buffer[] = [];
    req.on('data', (c) => chunks.push(c)); req.on('end', async () => {
      const o = JSON.parse(Buffer.concat(chunks).toString());
      const key = '/registry/bare/' + (n++);
      const value = Buffer.from(JSON.stringify(o));
      const out = await store.commit({ if: [{ key, revision: 0 }], put: [{ key, value }] });
      o.metadata.resourceVersion = String(out.revision);
      const b = Buffer.from(JSON.stringify(o));
      res.writeHead(201, { 'content-type': 'application/json', 'content-length': b.length }); res.end(b);
    });
  });
  server.listen(0, '127.0.0.1', () => undefined); await new Promise((r) => server.on('listening', r));
  port = (server.address() as any).port;
}
let session: Session | undefined;
process.on('message', async (m: any) => {
  if (m.q === 'cpu') process.send?.({ id: m.id, v: process.cpuUsage() });
  if (m.q === 'prof') { session = new Session(); session.connect(); await session.post('Profiler.enable'); await session.post('Profiler.start'); process.send?.({ id: m.id }); }
  if (m.q === 'profstop') { const { profile } = (await session?.post('Profiler.stop')) as any; writeFileSync(m.path, JSON.stringify(profile)); process.send?.({ id: m.id }); }
  if (m.q === 'rss') process.send?.({ id: m.id, v: process.memoryUsage().rss });
});
process.send?.({ ready: true, port, ca: authority.ca.toString(), admin: { cert: admin.cert.toString(), key: admin.key.toString() }, user: { cert: user.cert.toString(), key: user.key.toString() } });
