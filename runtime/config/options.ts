import type { Schema } from '#schemas/meta/schema.ts';
import type { ProgramConfig } from './programs.ts';

/** One setting under its three names. */
export interface ConfigOption {
  /** In a file: `etcdServers`. */
  readonly field: string;
  /** `--etcd-servers` */
  readonly flag: string;
  /** `WCPD_ETCD_SERVERS` */
  readonly variable: string;
  readonly schema: Schema;
  readonly required: boolean;
}

/** All settings of a program, in the order of its schema: what flags, environment and reference page are made from. */
export function optionsOf(config: ProgramConfig): readonly ConfigOption[] {
  return Object.entries(config.properties).map(([field, schema]) => {
    const words = field.split(/(?=[A-Z])/).map((word) => word.toLowerCase());
    return {
      field,
      flag: `--${words.join('-')}`,
      variable: `WCPD_${words.join('_').toUpperCase()}`,
      schema,
      required: config.required?.includes(field) === true,
    };
  });
}
