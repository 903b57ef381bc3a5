import { isRecord } from '#runtime/base/json.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { ageColumn, column, nameColumn, type TableColumn } from './column.ts';
import { fieldText, itemsOf, nested, textOf } from './fields.ts';

export const serviceColumns: readonly TableColumn[] = [
  nameColumn,
  column(
    { name: 'Type', description: 'How the service is reached.' },
    (service) => fieldText(service, 'spec', 'type') || 'ClusterIP',
  ),
  column(
    { name: 'Cluster-IP', description: 'Address inside of the cluster.' },
    (service) => fieldText(service, 'spec', 'clusterIP') || '<none>',
  ),
  column({ name: 'External-IP', description: 'Address outside of the cluster.' }, externalAddress),
  column({ name: 'Port(s)', description: 'Ports and protocols.' }, ports),
  ageColumn,
  column({ name: 'Selector', priority: 1, description: 'Labels of what serves.' }, selector),
];

function externalAddress(service: KubeObject): string {
  if (nested(service, 'spec', 'type') === 'ExternalName') return fieldText(service, 'spec', 'externalName');
  const own = itemsOf(nested(service, 'spec', 'externalIPs')).map(textOf);
  const balanced = itemsOf(nested(service, 'status', 'loadBalancer', 'ingress')).map(
    (ingress) => fieldText(ingress, 'ip') || fieldText(ingress, 'hostname'),
  );
  return [...balanced, ...own].join(',') || '<none>';
}

function ports(service: KubeObject): string {
  const texts = itemsOf(nested(service, 'spec', 'ports')).map((port) => {
    const nodePort = fieldText(port, 'nodePort');
    const protocol = fieldText(port, 'protocol') || 'TCP';
    return `${fieldText(port, 'port')}${nodePort === '' ? '' : `:${nodePort}`}/${protocol}`;
  });
  return texts.join(',') || '<none>';
}

function selector(service: KubeObject): string {
  const labels = nested(service, 'spec', 'selector');
  const texts = isRecord(labels)
    ? Object.keys(labels)
        .toSorted()
        .map((key) => `${key}=${textOf(labels[key])}`)
    : [];
  return texts.join(',') || '<none>';
}
