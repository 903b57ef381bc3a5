/** A definition with a schema of ordinary size, so that pruning, defaulting and validation have something to do. */
export const widgetDefinition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.bench.wcp360.io' },
  spec: {
    group: 'bench.wcp360.io',
    scope: 'Namespaced',
    names: { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: {
                type: 'object',
                required: ['hostname'],
                properties: {
                  hostname: { type: 'string', maxLength: 253, pattern: '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$' },
                  aliases: { type: 'array', maxItems: 64, items: { type: 'string', maxLength: 253 } },
                  replicas: { type: 'integer', minimum: 0, maximum: 10, default: 1 },
                  mode: { type: 'string', enum: ['Static', 'Php', 'Proxy'], default: 'Static' },
                  settings: {
                    type: 'object',
                    maxProperties: 64,
                    additionalProperties: { type: 'string', maxLength: 1024 },
                  },
                },
              },
              status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
            },
          },
        },
      },
    ],
  },
} as const;

export const widgetPath = '/apis/bench.wcp360.io/v1/namespaces/default/widgets';
const settingCount = 20;

/** About 1 KB of JSON. */
export function widgetText(name: string): string {
  const settings = Object.fromEntries(
    Array.from({ length: settingCount }, (_, n) => [`setting-${n}`, `value ${n} of ${name}`]),
  );
  return JSON.stringify({
    apiVersion: 'bench.wcp360.io/v1',
    kind: 'Widget',
    metadata: { name, labels: { tier: 'bench' } },
    spec: { hostname: `${name}.bench.example`, aliases: [`www.${name}.bench.example`], replicas: 3, settings },
  });
}
