import type { RequestAttributes } from '#runtime/apiserver/operations.ts';
import type { Metrics } from '#runtime/telemetry/metrics.ts';

/** Counts what was answered, under kube-apiserver's names. */
export interface RequestMetrics {
  answered(attributes: RequestAttributes | undefined, status: number, durationMs: number): void;
  /** A watch began; call the result at its end. */
  streaming(attributes: RequestAttributes): () => void;
}

/** Whether a group, version and resource are served at this moment. */
type IsServed = (attributes: Pick<RequestAttributes, 'group' | 'version' | 'resource'>) => boolean;

const durationBuckets = [
  0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
];
const knownVerbs = new Set(['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']);

/** Resources that are not served are one label value, so that nobody can make up series. `isServed` says which are. */
export function createRequestMetrics(metrics: Metrics, isServed: IsServed): RequestMetrics {
  const total = metrics.counter({
    name: 'apiserver_request_total',
    help: 'Requests answered, by verb, resource and HTTP code.',
    labels: ['verb', 'group', 'version', 'resource', 'subresource', 'scope', 'code'],
  });
  const duration = metrics.histogram({
    name: 'apiserver_request_duration_seconds',
    help: 'Time from the first byte of a request to the end of its answer; streams excluded.',
    labels: ['verb', 'group', 'resource', 'scope'],
    buckets: durationBuckets,
  });
  const longRunning = metrics.gauge({
    name: 'apiserver_longrunning_requests',
    help: 'Watches that are open.',
    labels: ['verb', 'group', 'version', 'resource', 'scope'],
  });
  const known = new Map<string, (durationMs: number) => void>();
  const seriesOf = (labels: RequestLabels, status: number): ((durationMs: number) => void) => {
    const { verb, group, version, resource, subresource, scope } = labels;
    const key = `${verb} ${group} ${version} ${resource} ${subresource} ${scope} ${status}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    const count = total.of({ verb, group, version, resource, subresource, scope, code: String(status) });
    const time = duration.of({ verb, group, resource, scope });
    const note = (durationMs: number): void => {
      count.add();
      time.observe(durationMs / 1_000);
    };
    known.set(key, note);
    return note;
  };
  return {
    answered: (attributes, status, durationMs) => seriesOf(labelsOf(attributes, isServed), status)(durationMs),
    streaming: (attributes) => {
      const { verb, group, version, resource, scope } = labelsOf(attributes, isServed);
      const labels = { verb, group, version, resource, scope };
      longRunning.add(labels, 1);
      return () => longRunning.add(labels, -1);
    },
  };
}

type RequestLabels = Readonly<Record<'verb' | 'group' | 'version' | 'resource' | 'subresource' | 'scope', string>>;

const noLabels: RequestLabels = { verb: 'OTHER', group: '', version: '', resource: '', subresource: '', scope: '' };

function labelsOf(attributes: RequestAttributes | undefined, isServed: IsServed): RequestLabels {
  if (attributes === undefined) return noLabels;
  const verb = knownVerbs.has(attributes.verb) ? attributes.verb.toUpperCase() : 'OTHER';
  if (!attributes.resourceRequest || !isServed(attributes)) return { ...noLabels, verb };
  const { group, version, resource, subresource, namespace, name } = attributes;
  const scope = name !== '' ? 'resource' : namespace !== '' ? 'namespace' : 'cluster';
  return {
    verb,
    group,
    version,
    resource,
    subresource: ['status', 'scale', 'token', 'finalize'].includes(subresource) ? subresource : '',
    scope,
  };
}
