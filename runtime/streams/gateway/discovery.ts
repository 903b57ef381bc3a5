import { STREAMS } from '#schemas/meta/streams.ts';

const groupVersion = `${STREAMS.group}/${STREAMS.version}`;
const version = { groupVersion, version: STREAMS.version };
const group = { name: STREAMS.group, versions: [version], preferredVersion: version };

const resourceList = {
  kind: 'APIResourceList',
  apiVersion: 'v1',
  groupVersion,
  resources: [
    ...(['dump', 'restore', 'shell'] as const).map((subresource) => ({
      name: `databases/${subresource}`,
      singularName: '',
      namespaced: true,
      kind: 'Database',
      verbs: subresource === 'dump' ? ['get'] : ['create', 'get'],
    })),
    { name: 'databases/web', singularName: '', namespaced: true, kind: 'Database', verbs: ['create'] },
    { name: 'domains/exec', singularName: '', namespaced: true, kind: 'Domain', verbs: ['create', 'get'] },
    { name: 'domains/log', singularName: '', namespaced: true, kind: 'Domain', verbs: ['get'] },
    { name: 'domains/proxy', singularName: '', namespaced: true, kind: 'Domain', verbs: ['create', 'get'] },
    { name: 'hosts/attach', singularName: '', namespaced: false, kind: 'Host', verbs: ['create'] },
  ],
};

/** What the gateway tells of itself at a path; undefined at all others. */
export function discoveryAnswer(path: string): object | undefined {
  switch (path) {
    case '/apis':
      return { kind: 'APIGroupList', apiVersion: 'v1', groups: [group] };
    case `/apis/${STREAMS.group}`:
      return { kind: 'APIGroup', apiVersion: 'v1', ...group };
    case `/apis/${groupVersion}`:
      return resourceList;
    default:
      return undefined;
  }
}
