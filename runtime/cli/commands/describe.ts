import { stringify } from 'yaml';
import type { Condition, KubeObject } from '#schemas/meta/object.ts';
import { humanDuration } from '#runtime/base/duration.ts';
import type { DiscoveredResource } from '#runtime/client/discovery.ts';
import { parseSelection } from '#runtime/cli/api/selection.ts';
import { formatColumns } from '#runtime/cli/output/columns.ts';
import { formatLabels } from '#runtime/cli/output/table.ts';
import type { Session } from '#runtime/cli/session.ts';
import { ageOf, readEvents, type EventView } from './events.ts';
import { listAll, notFound } from './get.ts';

export interface DescribeOptions {
  readonly selector?: string;
  readonly allNamespaces?: boolean;
  readonly showEvents?: boolean;
}

/** `wcpctl describe`: an object for reading, with what happened to it. */
export async function describe(session: Session, words: readonly string[], options: DescribeOptions): Promise<void> {
  const client = await session.client();
  const texts: string[] = [];
  for (const { type, name } of parseSelection(await session.mapper(), words)) {
    const namespace = type.namespaced && options.allNamespaces !== true ? await session.namespace() : undefined;
    const objects =
      name === undefined
        ? await listAll(client, type, { namespace, labelSelector: options.selector })
        : [await client.get(type, { name, namespace })];
    for (const object of objects) {
      if (object === undefined) throw notFound(type, name ?? '');
      texts.push(await describeOne(session, type, object));
    }
  }
  session.io.out(texts.join('\n\n'));
}

async function describeOne(session: Session, type: DiscoveredResource, object: KubeObject): Promise<string> {
  const { metadata } = object;
  const events = await readEvents(session, {
    namespace: metadata.namespace,
    fieldSelector: `involvedObject.uid=${metadata.uid ?? ''},involvedObject.name=${metadata.name}`,
  });
  const { conditions, ...otherStatus } = (object['status'] ?? {}) as { readonly conditions?: readonly Condition[] };
  return [
    formatColumns(headOf(type, object)),
    section('Spec', object['spec']),
    section('Status', otherStatus),
    conditions === undefined
      ? ''
      : `Conditions:\n${indent(formatColumns([['TYPE', 'STATUS', 'REASON', 'SINCE', 'MESSAGE'], ...conditions.map(conditionRow)]))}`,
    `Events:${events.length === 0 ? '  <none>\n' : `\n${indent(formatColumns([['LAST SEEN', 'TYPE', 'REASON', 'MESSAGE'], ...events.map(eventRow)]))}`}`,
  ].join('');
}

function headOf(type: DiscoveredResource, { metadata }: KubeObject): readonly (readonly string[])[] {
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['Name:', metadata.name],
    ['Namespace:', type.namespaced ? metadata.namespace : undefined],
    ['Kind:', type.kind],
    ['Labels:', formatLabels(metadata.labels ?? {})],
    ['Annotations:', formatLabels(metadata.annotations ?? {})],
    ['Created:', metadata.creationTimestamp ?? undefined],
    ['Deletion asked:', metadata.deletionTimestamp],
    ['Finalizers:', metadata.finalizers?.join(', ')],
    ['Generation:', metadata.generation?.toString()],
  ];
  return rows.flatMap(([label, value]) => (value === undefined ? [] : [[label, value]]));
}

function section(title: string, value: unknown): string {
  if (value === undefined || value === null || Object.keys(value).length === 0) return '';
  return `${title}:\n${indent(stringify(value, { lineWidth: 0, aliasDuplicateObjects: false }))}`;
}

function indent(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '  ');
}

function conditionRow({ type, status, reason, lastTransitionTime, message }: Condition): readonly string[] {
  return [type, status, reason, humanDuration(Date.now() - Date.parse(lastTransitionTime)), message];
}

function eventRow(event: EventView): readonly string[] {
  return [ageOf(event), event.type ?? '', event.reason ?? '', event.message ?? ''];
}
