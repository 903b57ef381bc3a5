import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { widgetDefinition, widgetPath, widgetText } from './crd.ts';
import { awaitAnswer, freePort, openLab, serverFlags, stop } from './lab.ts';
import { openClient, runLoad } from './load.ts';
import { cpuSecondsOf } from './measurement.ts';
const [which = 'both', count = '6000', prof] = process.argv.slice(2);
const lab = await openLab(prof);
await lab.freshEtcd();
const list = [];
if (which !== 'ours') {
  const port = await freePort();
  const child = spawn(
    process.execPath,
    [
      ...(prof ? ['--cpu-prof', `--cpu-prof-dir=${prof}`] : []),
      join(import.meta.dirname, 'reference/bare-server.ts'),
      `--port=${port}`,
      `--endpoint=${lab.etcd.endpoint}`,
      `--pki=${lab.pki.directory}`,
    ],
    { stdio: 'inherit' },
  );
  await awaitAnswer(lab, `https://127.0.0.1:${port}`, '/bytes?size=1');
  list.push({ name: 'bare', child, url: `https://127.0.0.1:${port}`, path: '/bare' });
}
if (which !== 'bare') {
  const port = await freePort();
  const child = lab.start('server', serverFlags(lab, port));
  const url = `https://127.0.0.1:${port}`;
  await awaitAnswer(lab, url, '/readyz');
  await runLoad({
    url,
    tls: lab.admin,
    connections: 1,
    requests: 1,
    method: 'POST',
    make: () => ({
      path: '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
      body: JSON.stringify(widgetDefinition),
    }),
  });
  await awaitAnswer(lab, url, widgetPath);
  list.push({ name: 'ours', child, url, path: widgetPath });
}
const clients = list.map((s) => openClient({ url: s.url, tls: lab.admin, connections: 64 }));
for (let round = 0; round < 4; round++)
  for (const [i, s] of list.entries()) {
    const c = clients[i]!;
    const b = cpuSecondsOf(s.child.pid!),
      e = cpuSecondsOf(lab.etcd.pid),
      m = cpuSecondsOf(process.pid);
    const n = Number(count) / 4;
    const r = await c.run({
      requests: n,
      method: 'POST',
      make: (k) => ({ path: s.path, body: widgetText(`f${round}-${k}`) }),
    });
    const per = (x: number) => ((x * 1e6) / n).toFixed(0);
    console.log(
      s.name,
      round,
      `${r.perSecond.toFixed(0)}/s server ${per(cpuSecondsOf(s.child.pid!) - b)}us etcd ${per(cpuSecondsOf(lab.etcd.pid) - e)}us client ${per(cpuSecondsOf(process.pid) - m)}us`,
    );
  }
for (const c of clients) c.close();
if (which !== 'ours' && prof) list[0]!.child.kill('SIGUSR2');
for (const s of list) await stop(s.child);
if (prof) spawn('cp', ['-r', `${lab.directory}/lib/programs`, prof]);
await new Promise((r) => setTimeout(r, 500));
await lab.close();
