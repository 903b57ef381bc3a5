import type { Relay } from '#runtime/apiserver/http/answer.ts';
import type { Admitted } from '#runtime/apiserver/http/serve.ts';
import type { ResourceInfo } from '#runtime/apiserver/operations.ts';
import { aggregatedSpecFor } from './api-services.ts';
import { relayTo, type AggregationOptions } from './relay.ts';

/** Groups and versions that other servers answer for, as APIServices say. */
export interface Aggregation {
  /** Undefined when this server answers itself. ApiError 503 when the other one does not. */
  relay(request: Admitted): Promise<Relay | undefined>;
  /** Whether a URL is another server's to answer. */
  isRelayed(url: string): boolean;
  /** `own` with what the other servers serve; the same list as long as nothing changes. */
  infos(own: readonly ResourceInfo[]): readonly ResourceInfo[];
  /** What the server behind an APIService serves; nothing while it does not answer. */
  discovered(apiService: string, resources: readonly ResourceInfo[]): void;
}

export function createAggregation(options: AggregationOptions): Aggregation {
  const { cache } = options;
  const known = new Map<string, readonly ResourceInfo[]>();
  let told: { readonly own: readonly ResourceInfo[]; readonly all: readonly ResourceInfo[] } | undefined;
  return {
    relay: async (request) => {
      const { group, version } = groupVersionOf(request.target.segments);
      const spec = aggregatedSpecFor(cache, group, version);
      return spec === undefined ? undefined : await relayTo(options, spec, request);
    },
    isRelayed: (url) => {
      const { group, version } = groupVersionOf(url.split(/[/?]/u).slice(1));
      return aggregatedSpecFor(cache, group, version) !== undefined;
    },
    infos: (own) => {
      if (told?.own !== own) told = { own, all: [...own, ...[...known.values()].flat()] };
      return told.all;
    },
    discovered: (apiService, resources) => {
      if (resources.length === 0) known.delete(apiService);
      else known.set(apiService, resources);
      told = undefined;
    },
  };
}

/** Group and version of a path below `/apis`, both empty elsewhere. */
function groupVersionOf(segments: readonly string[]): { readonly group: string; readonly version: string } {
  const [root, group = '', version = ''] = segments;
  return root === 'apis' ? { group, version } : { group: '', version: '' };
}
