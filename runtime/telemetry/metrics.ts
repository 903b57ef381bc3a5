import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

/** Label values come from closed sets (verb, kind, outcome), never from what customers write. */
export type Labels = Readonly<Record<string, string>>;

/** A number that only grows. */
export interface CounterMetric {
  add(labels: Labels, amount?: number): void;
  /** The series of one set of labels, for hot paths: looked up once. */
  of(labels: Labels): { add(amount?: number): void };
}

export interface GaugeMetric {
  set(labels: Labels, value: number): void;
  add(labels: Labels, amount: number): void;
}

export interface HistogramMetric {
  observe(labels: Labels, value: number): void;
  /** The series of one set of labels, for hot paths: looked up once. */
  of(labels: Labels): { observe(value: number): void };
}

export interface MetricOptions {
  /** Prometheus conventions: unit in the name, `_total` on counters. */
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
}

/** The metrics of one process. Asking again for a name returns the metric that is there. */
export interface Metrics {
  counter(options: MetricOptions): CounterMetric;
  /** `read` is called at each scrape, for numbers that somebody else keeps. */
  gauge(options: MetricOptions & { readonly read?: () => number }): GaugeMetric;
  histogram(options: MetricOptions & { readonly buckets: readonly number[] }): HistogramMetric;
  /** The text exposition format, and its media type. */
  exposition(): Promise<{ readonly contentType: string; readonly text: string }>;
}

/** A registry of its own; `processMetrics` adds CPU, memory and event loop figures under their usual names. */
export function createMetrics(options: { readonly processMetrics?: boolean } = {}): Metrics {
  const registry = new Registry();
  if (options.processMetrics === true) collectDefaultMetrics({ register: registry });
  const known = new Map<string, CounterMetric | GaugeMetric | HistogramMetric>();
  const once = <M extends CounterMetric | GaugeMetric | HistogramMetric>(name: string, make: () => M): M => {
    const metric = known.get(name) ?? make();
    known.set(name, metric);
    return metric as M;
  };
  return {
    counter: (metric) => once(metric.name, () => newCounter(registry, metric)),
    gauge: (metric) => once(metric.name, () => newGauge(registry, metric)),
    histogram: (metric) => once(metric.name, () => newHistogram(registry, metric)),
    exposition: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}

function newCounter(registry: Registry, options: MetricOptions): CounterMetric {
  const counter = new Counter({ ...named(options), registers: [registry] });
  return {
    add: (labels, amount = 1) => counter.inc(labels, amount),
    of: (labels) => {
      const series = counter.labels(labels);
      return { add: (amount = 1) => series.inc(amount) };
    },
  };
}

function newGauge(registry: Registry, options: MetricOptions & { readonly read?: () => number }): GaugeMetric {
  const { read } = options;
  const gauge: Gauge = new Gauge({
    ...named(options),
    registers: [registry],
    ...(read === undefined ? {} : { collect: () => gauge.set(read()) }),
  });
  return { set: (labels, value) => gauge.set(labels, value), add: (labels, amount) => gauge.inc(labels, amount) };
}

function newHistogram(
  registry: Registry,
  options: MetricOptions & { readonly buckets: readonly number[] },
): HistogramMetric {
  const histogram = new Histogram({ ...named(options), buckets: [...options.buckets], registers: [registry] });
  return {
    observe: (labels, value) => histogram.observe(labels, value),
    of: (labels) => {
      const series = histogram.labels(labels);
      return { observe: (value) => series.observe(value) };
    },
  };
}

function named(options: MetricOptions): { name: string; help: string; labelNames: string[] } {
  return { name: options.name, help: options.help, labelNames: [...(options.labels ?? [])] };
}
