import { readFileSync } from 'node:fs';
const p = JSON.parse(readFileSync(process.argv[2])); const self = new Map(); const dt = p.timeDeltas; const byId = new Map(p.nodes.map((n) => [n.id, n])); let tot = 0;
p.samples.forEach((id, i) => { const n = byId.get(id); const f = n.callFrame; const k = `${f.functionName || '(anon)'} ${f.url.split('/').slice(-3).join('/')}:${f.lineNumber + 1}`; self.set(k, (self.get(k) ?? 0) + dt[i]); tot += dt[i]; });
const idle = [...self].filter(([k]) => /^\((idle|program|garbage)/.test(k)); console.log('total', tot / 1000, idle.map(([k, v]) => k + ' ' + (v / 1000).toFixed(0)).join(' '));
const busy = tot - (self.get('(idle) :0') ?? 0); for (const [k, v] of [...self].filter(([k]) => !k.startsWith('(idle')).sort((a, b) => b[1] - a[1]).slice(0, Number(process.argv[3] ?? 45))) console.log((v / busy * 100).toFixed(1) + '%', k);
