import type { Engine } from '#controllers/database-names.ts';
import type { BenchOptions } from '#hack/benches/measurement.ts';

export interface Run {
  readonly engine: Engine;
  /** Of databases, each with a DatabaseUser. */
  readonly count: number;
  /** One database more each. */
  readonly tries: number;
  /** To the API server, and of the reference to etcd. */
  readonly connections: number;
  readonly options: BenchOptions;
}
