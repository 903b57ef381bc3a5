import { isDeepStrictEqual } from 'node:util';
import { stringify } from 'yaml';
import { isRecord } from '#runtime/base/json.ts';
import { SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { keyOf, renderKustomization, type Reader } from './kustomization.ts';

const modes = ['operator', 'host-agent'] as const;

/** What people choose, by its place in values.yaml; the manifests hold what they get who choose nothing. */
interface Values {
  readonly image: unknown;
  readonly replicas: unknown;
  readonly nodeSelector: unknown;
}

/** The Helm chart of manifests/, by the path in the chart: every object of the overlays, with some fields left to values. */
export function chartFiles(read: Reader): ReadonlyMap<string, string> {
  const render = (path: string): readonly KubeObject[] => renderKustomization(`manifests/${path}`, read);
  const overlays = modes.map((mode) => ({ mode, objects: render(`overlays/${mode}`) }));
  const isShared = (object: KubeObject): boolean =>
    overlays.every(({ objects }) => objects.some((other) => isDeepStrictEqual(other, object)));
  const shared = (overlays[0]?.objects ?? []).filter(isShared);
  const kinds = shared.filter(({ kind }) => kind === 'CustomResourceDefinition');
  const isTemplated = (object: KubeObject): boolean => !kinds.includes(object) && !isOwnNamespace(object);
  const { version } = JSON.parse(read('package.json')) as { readonly version: string };
  return new Map([
    ['Chart.yaml', chartYaml(version)],
    ['values.yaml', valuesYaml(valuesIn(shared.concat(overlays.flatMap(({ objects }) => objects))))],
    ['values.schema.json', valuesSchema()],
    ...kinds.map((kind) => [`crds/${kind.metadata.name}.yaml`, yamlOf([kind])] as const),
    ['templates/namespace.yaml', when(`ne .Release.Namespace "${SYSTEM_NAMESPACE}"`, shared.filter(isOwnNamespace))],
    ['templates/shared.yaml', templateOf(shared.filter(isTemplated))],
    ...overlays.map(({ mode, objects }) => {
      const own = objects.filter((object) => !isShared(object));
      return [`templates/${mode}.yaml`, when(`eq .Values.mode "${mode}"`, own)] as const;
    }),
    ['templates/monitoring.yaml', when('.Values.monitoring', render('monitoring'))],
  ]);
}

/** A release that lives in there finds it made, or Helm could not have noted the release. */
function isOwnNamespace(object: KubeObject): boolean {
  return keyOf(object) === `Namespace//${SYSTEM_NAMESPACE}`;
}

function chartYaml(version: string): string {
  return yamlOf([
    {
      apiVersion: 'v2',
      name: 'wcp360',
      description: 'Multi-tenant web hosting control plane: controllers, and agents of hosting nodes.',
      type: 'application',
      version,
      appVersion: version,
      kubeVersion: '>=1.30.0-0',
    },
  ]);
}

function valuesIn(objects: readonly KubeObject[]): Values {
  const found: Record<string, unknown> = {};
  for (const object of objects) withValues(object, (name, value) => (found[name] = value));
  return found as unknown as Values;
}

function valuesYaml({ image, replicas, nodeSelector }: Values): string {
  const commented = [
    ['The programs, and for agents in pods nginx and PHP as well.', { image }],
    ['Controllers, of which one leads.', { replicas }],
    ['operator: the agent’s pod brings nginx and PHP; host-agent: it drives those of the node.', { mode: modes[0] }],
    ['Nodes that serve sites.', { nodeSelector }],
    ['Services, ServiceMonitor and alerts, where the Prometheus operator runs.', { monitoring: false }],
  ] as const;
  return commented.map(([comment, value]) => `# ${comment}\n${stringify(value)}`).join('\n');
}

function valuesSchema(): string {
  const schema = {
    $schema: 'https://json-schema.org/draft-07/schema#',
    type: 'object',
    additionalProperties: false,
    properties: {
      image: { type: 'string', minLength: 1 },
      replicas: { type: 'integer', minimum: 1 },
      mode: { enum: modes },
      nodeSelector: { type: 'object', additionalProperties: { type: 'string' } },
      monitoring: { type: 'boolean' },
      // Helm itself adds this one.
      global: {},
    },
  };
  return `${JSON.stringify(schema, undefined, 2)}\n`;
}

function when(condition: string, objects: readonly KubeObject[]): string {
  return `{{- if ${condition} }}\n${templateOf(objects)}{{- end }}\n`;
}

/** Braces of an object's own stay braces; the fields that people choose become expressions. */
function templateOf(objects: readonly KubeObject[]): string {
  const marked = objects.map((object) => withValues(object, (name) => `@@${name}@@`));
  return yamlOf(marked)
    .replaceAll('{{', '{{ "{{" }}')
    .replaceAll(/"@@(\w+)@@"/g, '{{ toJson .Values.$1 }}');
}

/** The object with each field that a value stands for replaced by what `choose` makes of it. */
function withValues(object: KubeObject, choose: (name: keyof Values, value: unknown) => unknown): unknown {
  const walk = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(walk);
    if (!isRecord(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, part]) => [key, isChosen(key) ? choose(key, part) : walk(part)]),
    );
  };
  return ['Deployment', 'DaemonSet'].includes(object.kind) ? walk(object) : object;
}

function isChosen(field: string): field is keyof Values {
  return ['image', 'replicas', 'nodeSelector'].includes(field);
}

function yamlOf(objects: readonly unknown[]): string {
  return objects
    .map((object) => stringify(object, { aliasDuplicateObjects: false, lineWidth: 0, compat: 'yaml-1.1' }))
    .join('---\n');
}
