interface VersionOptions {
  readonly name?: string;
  readonly storage?: boolean;
  readonly served?: boolean;
  readonly spec?: Readonly<Record<string, unknown>>;
}

/** One version of the kind that API server tests use: a spec with a host, a status and a scale. */
export function websiteVersion(options: VersionOptions = {}): Readonly<Record<string, unknown>> {
  const { name = 'v1', storage = true, served = true, spec = {} } = options;
  return {
    name,
    served,
    storage,
    subresources: { status: {}, scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' } },
    additionalPrinterColumns: [{ name: 'Host', type: 'string', jsonPath: '.spec.host' }],
    selectableFields: [{ jsonPath: '.spec.host' }],
    schema: {
      openAPIV3Schema: {
        type: 'object',
        properties: {
          spec: {
            type: 'object',
            required: ['host'],
            properties: {
              host: { type: 'string', description: 'The host name.', maxLength: 100 },
              replicas: { type: 'integer', default: 1, maximum: 10 },
              ...spec,
            },
          },
          status: {
            type: 'object',
            properties: {
              replicas: { type: 'integer' },
              conditions: {
                type: 'array',
                items: { type: 'object', properties: { type: { type: 'string' }, status: { type: 'string' } } },
              },
            },
          },
        },
      },
    },
  };
}

/** The CustomResourceDefinition `websites.wcp.example`. */
export function websiteDefinition(versions = [websiteVersion()]): Record<string, unknown> {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'websites.wcp.example' },
    spec: {
      group: 'wcp.example',
      scope: 'Namespaced',
      names: { plural: 'websites', kind: 'Website', shortNames: ['web'], categories: ['all'] },
      versions,
    },
  };
}

/** A Website that its definition admits. */
export function aWebsite(
  name: string,
  host = `${name}.example`,
  more: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  return { apiVersion: 'wcp.example/v1', kind: 'Website', metadata: { name, ...more }, spec: { host } };
}
