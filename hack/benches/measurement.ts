import { readdirSync, readFileSync } from 'node:fs';

/** One row of a bench: a figure, what it is compared with, and whether the goal holds. */
export interface Measurement {
  readonly bench: string;
  readonly measure: string;
  readonly value: number;
  readonly unit: string;
  /** The same measure of the reference in the same run, in the same unit. */
  readonly reference?: number;
  /** value ÷ reference. */
  readonly ratio?: number;
  /** `≥ 0.75`, `≤ 200 ms`: over the ratio where there is one, else over the value. */
  readonly goal?: string;
  readonly holds?: boolean;
}

export interface BenchOptions {
  /** Smaller counts, to see that the bench runs. */
  readonly quick: boolean;
  /** How many objects, where a bench counts them; its own number unless given. */
  readonly size?: number;
  /** A directory for CPU profiles of what is measured; profiling costs time, so figures of such a run say little. */
  readonly profileInto?: string;
  report(measurement: Measurement): void;
  /** What is going on, for people. */
  note(text: string): void;
}

export type Bench = (options: BenchOptions) => Promise<void>;

type Bound = { readonly atLeast: number } | { readonly atMost: number };

/** Completes a row: the ratio when there is a reference, and whether the goal holds. */
export function measurement(row: Omit<Measurement, 'ratio' | 'goal' | 'holds'>, bound?: Bound): Measurement {
  const ratio = row.reference === undefined ? undefined : row.value / row.reference;
  const judged = ratio ?? row.value;
  const unit = ratio === undefined ? ` ${row.unit}` : '';
  return {
    ...row,
    ...(ratio !== undefined && { ratio }),
    ...(bound !== undefined &&
      'atLeast' in bound && { goal: `≥ ${bound.atLeast}${unit}`, holds: judged >= bound.atLeast }),
    ...(bound !== undefined &&
      'atMost' in bound && { goal: `≤ ${bound.atMost}${unit}`, holds: judged <= bound.atMost }),
  };
}

/** CPU seconds (user and system) that the threads of a process have used (Linux, sched-stats): nanoseconds, where proc(5) stat counts in ticks. */
export function cpuSecondsOf(pid: number): number {
  const tasks = `/proc/${pid}/task`;
  let nanoseconds = 0;
  for (const thread of readdirSync(tasks))
    nanoseconds += Number(readFileSync(`${tasks}/${thread}/schedstat`, 'utf8').split(' ')[0]);
  return nanoseconds / 1e9;
}

/** Proportional set size in bytes: shared pages counted in parts. */
export function memoryBytesOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) * 1024;
}

/** The value below which `part` (0–1) of the samples lie. */
export function percentile(samples: readonly number[], part: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN;
}

/** Page faults of the children that a process has waited for (proc(5), stat, cminflt): unchanged when it has started none that ended. */
export function childFaultsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[8]);
}
