/**
 * Figures, each against a reference in the same run.
 *
 *   hack/bench NAME… [--quick] [--size N] [--json] [--profile DIR]    names: api, cluster[-creates|-objects], databases, dns, hosts, renewals, serving, sites, start, tls
 */
import { parseArgs } from 'node:util';
import { formatColumns } from '#runtime/cli/output/columns.ts';
import { apiBench } from './api.ts';
import { clusterBench } from './cluster.ts';
import { databasesBench } from './databases.ts';
import { dnsBench } from './dns.ts';
import { hostsBench } from './hosts.ts';
import { renewalsBench } from './renewals.ts';
import { servingBench } from './serving.ts';
import { sitesBench } from './sites.ts';
import { startBench } from './start.ts';
import { tlsBench } from './tls.ts';
import type { Bench, Measurement } from './measurement.ts';

const benches: Readonly<Record<string, Bench>> = {
  api: apiBench,
  cluster: clusterBench('creates', 'objects'),
  'cluster-creates': clusterBench('creates'),
  'cluster-objects': clusterBench('objects'),
  databases: databasesBench,
  dns: dnsBench,
  hosts: hostsBench,
  renewals: renewalsBench,
  serving: servingBench,
  sites: sitesBench,
  start: startBench,
  tls: tlsBench,
};

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    profile: { type: 'string' },
    size: { type: 'string' },
  },
});
const unknown = positionals.filter((name) => benches[name] === undefined);
if (unknown.length > 0 || positionals.length === 0) {
  console.error(
    `usage: hack/bench NAME… [--quick] [--size N] [--json] [--profile DIR]\nnames: ${Object.keys(benches).join(', ')}`,
  );
  process.exit(2);
}

const rows: Measurement[] = [];
for (const name of positionals) {
  await benches[name]?.({
    quick: values.quick,
    ...(values.size !== undefined && { size: Number(values.size) }),
    ...(values.profile !== undefined && { profileInto: values.profile }),
    report: (row) => {
      rows.push(row);
      if (values.json) console.log(JSON.stringify(row));
    },
    note: (text) => console.error(`  ${text}`),
  });
}
if (!values.json)
  process.stdout.write(
    formatColumns([['BENCH', 'MEASURE', 'VALUE', 'REFERENCE', 'RATIO', 'GOAL', 'HOLDS'], ...rows.map(cellsOf)]),
  );
process.exit(rows.some(({ holds }) => holds === false) ? 1 : 0);

function cellsOf(row: Measurement): readonly string[] {
  const figure = (value: number | undefined): string =>
    value === undefined ? '' : `${Number(value.toPrecision(4))} ${row.unit}`;
  return [
    row.bench,
    row.measure,
    figure(row.value),
    figure(row.reference),
    row.ratio?.toFixed(2) ?? '',
    row.goal ?? '',
    row.holds === undefined ? '' : row.holds ? 'yes' : 'NO',
  ];
}
