import { widgetDefinition, widgetPath, widgetText } from './crd.ts';
import { freePort } from '#test/lab/free-port.ts';
import { awaitAnswer, openLab, serverFlags, stop, type Lab } from './lab.ts';
import { runLoad } from './load.ts';
import { measurement, type Bench } from './measurement.ts';

const bench = 'start';
const tries = 3;

/** How long the API server takes from the start of its process to `/readyz`, on an empty and on a filled store. */
export const startBench: Bench = async (options) => {
  const lab = await openLab(options.profileInto);
  const count = options.quick ? 1000 : 10_000;
  try {
    // The first start fills the store with what every server brings; the figure is of those after it.
    await startOnce(lab);
    options.report(
      measurement({ bench, measure: 'to /readyz, empty store', value: await best(lab), unit: 'ms' }, { atMost: 1000 }),
    );
    options.note(`creating ${count} objects`);
    await fill(lab, count);
    options.report(
      measurement(
        { bench, measure: `to /readyz, ${count} objects`, value: await best(lab), unit: 'ms' },
        { atMost: 3000 },
      ),
    );
  } finally {
    await lab.close();
  }
};

async function startOnce(lab: Lab): Promise<number> {
  const port = await freePort();
  const process = lab.start('server', serverFlags(lab, port));
  const ms = await awaitAnswer(lab, `https://127.0.0.1:${port}`, '/readyz');
  await stop(process);
  return ms;
}

/** The median of a few starts. */
async function best(lab: Lab): Promise<number> {
  const samples: number[] = [];
  for (let n = 0; n < tries; n++) samples.push(await startOnce(lab));
  return samples.toSorted((a, b) => a - b)[Math.floor(tries / 2)] ?? Number.NaN;
}

async function fill(lab: Lab, count: number): Promise<void> {
  const port = await freePort();
  const url = `https://127.0.0.1:${port}`;
  const process = lab.start('server', serverFlags(lab, port));
  await awaitAnswer(lab, url, '/readyz');
  const post = { url, tls: lab.admin, method: 'POST' };
  const definition = JSON.stringify(widgetDefinition);
  await runLoad({
    ...post,
    connections: 1,
    requests: 1,
    make: () => ({ path: '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', body: definition }),
  });
  await awaitAnswer(lab, url, widgetPath);
  await runLoad({
    ...post,
    connections: 64,
    requests: count,
    make: (n) => ({ path: widgetPath, body: widgetText(`s-${n}`) }),
  });
  await stop(process);
}
