import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { evaluateIn } from './zz-eval.ts';
import { openInstance, processNamed } from './instance.ts';
import { openClient } from './load.ts';
import { cpuSecondsOf } from './measurement.ts';
import { startProfile, stopProfile } from './profiler.ts';
import { watchWrites } from './site-writes.ts';
const [n = '1000', prof] = process.argv.slice(2);
const count = Number(n);
const inst = await openInstance();
const group = '/apis/hosting.wcp360.io/v1alpha1';
try {
  const c = openClient({ url: inst.apiUrl, tls: inst.admin, connections: 16 });
  const headers = { 'content-type': 'application/apply-patch+yaml' };
  const put = (path: string, object: unknown) =>
    c.run({
      requests: 1,
      method: 'PATCH',
      headers,
      make: () => ({ path: `${path}?fieldManager=b&force=true`, body: JSON.stringify(object) }),
    });
  const o = (kind: string, name: string, spec: object, ns = {}) => ({
    apiVersion: 'hosting.wcp360.io/v1alpha1',
    kind,
    metadata: { name, ...ns },
    spec,
  });
  await put(`${group}/packages/bench`, o('Package', 'bench', { limits: { domains: 20000 } }));
  await put(`${group}/tenants/bench`, o('Tenant', 'bench', { packageRef: { name: 'bench' } }));
  const dom = (name: string) => o('Domain', name, { hostname: `${name}.bench.example` }, { namespace: 'bench' });
  for (let i = 0; i < 100; i++) {
    try {
      await put(`${group}/namespaces/bench/domains/first`, dom('first'));
      break;
    } catch (e) {
      await new Promise((r) => setTimeout(r, 100));
    }
  }
  const load = async (prefix: string, k: number) => {
    const log = await watchWrites(inst.store);
    const names = ['etcd', 'server', 'controller', 'agent'];
    const pids = names.map((x) => processNamed(inst, x).pid);
    const before = pids.map(cpuSecondsOf);
    const t = performance.now();
    await c.run({
      requests: k,
      method: 'PATCH',
      headers,
      make: (i) => ({
        path: `${group}/namespaces/bench/domains/${prefix}-${i}?fieldManager=b&force=true`,
        body: JSON.stringify(dom(`${prefix}-${i}`)),
      }),
    });
    const a = performance.now() - t;
    await log.ready(k);
    const r = performance.now() - t;
    console.log(
      prefix,
      k,
      'applied',
      a | 0,
      'ready',
      r | 0,
      'ms',
      names.map((x, i) => `${x} ${(((cpuSecondsOf(pids[i]!) - before[i]!) * 1000) / k).toFixed(2)}`).join(' '),
      JSON.stringify([...log.counts].map(([x, y]) => [x, +(y / k).toFixed(2)])),
    );
    log.close();
  };
  await load('warm', 300);
  const pids = ['server', 'controller', 'agent'].map((x) => processNamed(inst, x));
  if (prof) for (const p of pids) await startProfile(p.pid);
  await load('main', count);
  if (prof) {
    mkdirSync(prof, { recursive: true });
    for (const p of pids) writeFileSync(`${prof}/${p.name}.cpuprofile`, await stopProfile(p.pid));
    cpSync(`${inst.directory}/lib/programs`, `${prof}/programs`, { recursive: true });
  }
  c.close();
  for (const p of pids.slice(0, 3)) { console.log(p.name, await evaluateIn(p.pid, `(async()=>{ const a=JSON.stringify(process.memoryUsage()); const v8=process.getBuiltinModule('node:v8'); v8.setFlagsFromString('--expose-gc'); const gc=process.getBuiltinModule('node:vm').runInNewContext('gc'); gc(); gc(); return a+' after gc '+JSON.stringify(process.memoryUsage()); })()`)); }

  cpSync(`${inst.directory}/audit/audit.log`, '/tmp/audit.log');
  cpSync(`${inst.directory}/logs`, '/tmp/slogs', { recursive: true });
  if (process.argv[4])
    for (const ch of (await inst.store.range('/registry/hosting.wcp360.io/domains/bench/main-7')).entries.slice(0, 1))
      console.log(ch.value.toString());
} finally {
  await inst.close();
}
