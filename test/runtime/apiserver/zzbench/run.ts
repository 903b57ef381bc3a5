import { fork } from 'node:child_process';
import { Agent, request } from 'node:https';
import { startEtcd } from '#test/lab/etcd.ts';
import { fileURLToPath } from 'node:url';
const what = process.argv[2] ?? 'create'; const conns = Number(process.argv[3] ?? 32); const total = Number(process.argv[4] ?? 3000);
const etcd = await startEtcd();
const start = async (mode: string) => {
  const child = fork(fileURLToPath(new URL('./server.ts', import.meta.url)), [mode, etcd.endpoint], { execArgv: [] });
  const info: any = await new Promise((r) => child.once('message', r));
  let id = 0; const ask = (q: string, more = {}) => new Promise<any>((r) => { const me = ++id; const h = (m: any) => { if (m.id === me) { child.off('message', h); r(m.v); } }; child.on('message', h); child.send({ q, id: me, ...more }); });
  return { child, info, ask };
};
type S = Awaited<ReturnType<typeof start>>;
const send = (s: S, agent: Agent, method: string, path: string, body?: string) => new Promise<{ status: number; bytes: number; text: string }>((resolve, reject) => {
  const req = request({ host: '127.0.0.1', port: s.info.port, path, method, agent, headers: { 'user-agent': 'bench/1', ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }) } }, (res) => { let n = 0; const c: Buffer[] = []; res.on('data', (d) => { n += d.length; if (n < 1e6) c.push(d); }); res.on('end', () => resolve({ status: res.statusCode ?? 0, bytes: n, text: n < 1e6 ? Buffer.concat(c).toString() : '' })); });
  req.on('error', reject); req.end(body);
});
const crd = JSON.stringify({ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: 'websites.wcp.example' }, spec: { group: 'wcp.example', scope: 'Namespaced', names: { plural: 'websites', kind: 'Website' }, versions: [{ name: 'v1', served: true, storage: true, subresources: { status: {} }, schema: { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', required: ['host'], properties: { host: { type: 'string', maxLength: 253, pattern: '^[a-z0-9.-]+$' }, aliases: { type: 'array', maxItems: 50, items: { type: 'string', maxLength: 200 } }, note: { type: 'string' }, replicas: { type: 'integer', default: 1, maximum: 10 } }, 'x-kubernetes-validations': [{ rule: "self.host != 'forbidden'" }] }, status: { type: 'object', properties: { replicas: { type: 'integer' } } } } } } }] } });
const object = (i: number) => JSON.stringify({ apiVersion: 'wcp.example/v1', kind: 'Website', metadata: { name: `w${i}`, namespace: 'default', labels: { app: 'x', tier: 'y' } }, spec: { host: `w${i}.example.com`, aliases: Array.from({ length: 20 }, (_, k) => `alias-${k}.w${i}.example.com`), note: 'x'.repeat(100) } });
const path = '/apis/wcp.example/v1/namespaces/default/websites';
const adminAgent = (s: S) => new Agent({ ca: s.info.ca, keepAlive: true, ...s.info.admin });
const setup = async (s: S) => {
  const a = adminAgent(s);
  for (let i = 0; i < 200; i++) { if ((await send(s, a, 'GET', '/readyz')).status === 200) break; await new Promise((r) => setTimeout(r, 30)); }
  console.log('crd', (await send(s, a, 'POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', crd)).status);
  await send(s, a, 'POST', '/apis/rbac.authorization.k8s.io/v1/clusterroles', JSON.stringify({ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'bench' }, rules: [{ verbs: ['*'], apiGroups: ['wcp.example'], resources: ['*'] }] }));
  await send(s, a, 'POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', JSON.stringify({ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding', metadata: { name: 'bench' }, roleRef: { kind: 'ClusterRole', name: 'bench', apiGroup: 'rbac.authorization.k8s.io' }, subjects: [{ kind: 'Group', name: 'bench' }] }));
  await new Promise((r) => setTimeout(r, 300)); a.destroy();
};
const creates = async (s: S, from: number, n: number, c: number) => {
  const agent = new Agent({ ca: s.info.ca, keepAlive: true, maxSockets: c, ...s.info.user });
  let i = from; const end = from + n; const bad = new Map<number, number>(); let sample = '';
  const t = performance.now(); const cpu0 = await s.ask('cpu');
  await Promise.all(Array.from({ length: c }, async () => { while (i < end) { const r = await send(s, agent, 'POST', s.info.path ?? path, object(i++)); if (r.status !== 201) { bad.set(r.status, (bad.get(r.status) ?? 0) + 1); sample = r.text; } } }));
  const cpu1 = await s.ask('cpu'); const ms = performance.now() - t; agent.destroy();
  const cpu = (cpu1.user + cpu1.system - cpu0.user - cpu0.system) / 1000 / n;
  return { rate: n / ms * 1000, cpuMs: cpu, bad: [...bad], sample };
};
if (what === 'create') {
  const real = await start('real'); await setup(real); const bare = await start('bare');
  await creates(real, 0, 1500, conns); await creates(bare, 0, 1500, conns);
  for (let r = 0; r < 3; r++) {
    if (r === 1 && process.argv[5] === 'prof') await real.ask('prof');
    const a = await creates(real, 10_000 * (r + 1), total, conns);
    if (r === 1 && process.argv[5] === 'prof') await real.ask('profstop', { path: '/tmp/mine/create.cpuprofile' });
    const b = await creates(bare, 10_000 * (r + 1), total, conns);
    console.log(`real ${a.rate.toFixed(0)}/s ${a.cpuMs.toFixed(3)} ms | bare ${b.rate.toFixed(0)}/s ${b.cpuMs.toFixed(3)} ms | ratio rate ${(a.rate / b.rate).toFixed(2)} cpu ${(a.cpuMs / b.cpuMs).toFixed(2)}`, a.bad, a.sample.slice(0, 200));
  }
  real.child.kill('SIGKILL'); bare.child.kill('SIGKILL');
}
if (what === 'list') {
  const real = await start('real'); await setup(real); const bare = await start('bare');
  console.log(await creates(real, 0, total, 64));
  const agent = new Agent({ ca: real.info.ca, keepAlive: true, ...real.info.user }); const agentB = new Agent({ ca: bare.info.ca, keepAlive: true, ...bare.info.user });
  const one = async (s: S, ag: Agent, p: string) => { const c0 = await s.ask('cpu'); const t = performance.now(); const r = await send(s, ag, 'GET', p); const ms = performance.now() - t; const c1 = await s.ask('cpu'); return { bytes: r.bytes, ms, cpu: (c1.user + c1.system - c0.user - c0.system) / 1000 }; };
  for (let i = 0; i < 60; i++) {
    if (i === 10 && process.argv[5] === 'prof') await real.ask('prof');
    const a = await one(real, agent, path);
    if (i === 50 && process.argv[5] === 'prof') await real.ask('profstop', { path: '/tmp/mine/list.cpuprofile' });
    const b = await one(bare, agentB, `/x?n=${a.bytes}`); console.log(`list ${a.bytes} bytes ${a.ms.toFixed(0)} ms cpu ${a.cpu.toFixed(1)} | bare ${b.bytes} ${b.ms.toFixed(0)} ms cpu ${b.cpu.toFixed(1)} | ratio ${(a.cpu / b.cpu).toFixed(2)}`); }
  real.child.kill('SIGKILL'); bare.child.kill('SIGKILL');
}
if (what === 'watch') {
  const real = await start('real'); await setup(real);
  const n = conns; const lat: number[] = []; let got = 0;
  const agent = new Agent({ ca: real.info.ca, ...real.info.user, maxSockets: Infinity });
  const sent = new Map<string, number>();
  await Promise.all(Array.from({ length: n }, () => new Promise<void>((resolve) => {
    const req = request({ host: '127.0.0.1', port: real.info.port, path: path + '?watch=true&resourceVersion=0', agent }, (res) => { resolve(); let rest = ''; res.setEncoding('latin1'); res.on('data', (d: string) => { const now = performance.now(); const parts = (rest + d).split('\n'); rest = parts.pop() ?? ''; for (const l of parts) { const m = /"name":"(w\d+)"/.exec(l); const t = sent.get(m?.[1] ?? ''); if (t !== undefined) lat.push(now - t); got++; } }); });
    req.on('error', () => undefined); req.end();
  })));
  console.log('open', n, 'rss', (await real.ask('rss')) / 1e6);
  const writer = new Agent({ ca: real.info.ca, keepAlive: true, ...real.info.user });
  const c0 = await real.ask('cpu'); if (process.argv[5] === 'prof') await real.ask('prof');
  for (let i = 0; i < total; i++) { const t = performance.now(); sent.set(`w${i}`, t); await send(real, writer, 'POST', path, object(i)); const rest = 100 - (performance.now() - t); if (rest > 0) await new Promise((r) => setTimeout(r, rest)); }
  if (process.argv[5] === 'prof') await real.ask('profstop', { path: '/tmp/mine/watch.cpuprofile' });
  await new Promise((r) => setTimeout(r, 500)); const c1 = await real.ask('cpu');
  lat.sort((a, b) => a - b); console.log(`events ${got} of ${n * total}; p50 ${lat[Math.floor(lat.length * 0.5)]?.toFixed(1)} p99 ${lat[Math.floor(lat.length * 0.99)]?.toFixed(1)} max ${lat.at(-1)?.toFixed(1)}; cpu ms/event ${((c1.user + c1.system - c0.user - c0.system) / 1000 / total).toFixed(1)}`);
  real.child.kill('SIGKILL');
}
await etcd.stop(); process.exit(0);
