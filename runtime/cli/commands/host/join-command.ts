import { randomBytes } from 'node:crypto';
import { secretKind } from '#schemas/meta/builtin.ts';
import { ANNOTATIONS, JOIN_ACCOUNT, LABELS, SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { Client } from '#runtime/client/client.ts';
import { requestToken, tokenIdOf } from '#runtime/client/request-token.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import { parseDurationFlag } from '#runtime/cli/duration-flag.ts';
import { UsageError } from '#runtime/cli/io.ts';
import type { Session } from '#runtime/cli/session.ts';
import { authorityHashes } from '#runtime/pki/pins.ts';

export interface JoinCommandOptions {
  readonly ttl: string;
  readonly server?: string;
  readonly rejoin?: boolean;
}

const fieldManager = 'wcpctl-host';
const secretType = resourceTypeOf(secretKind);
const longestHostPart = 200;

/** `wcpctl host join-command HOST`: prints the one line that makes a machine this host. The token in it is good for one machine, and a newer line revokes it. */
export async function printJoinCommand(session: Session, host: string, options: JoinCommandOptions): Promise<void> {
  const client = await session.client();
  const { server: known, certificateAuthority } = await session.cluster();
  const expirationSeconds = parseDurationFlag('--ttl', options.ttl) / 1000;
  const uid = await declareHost(session, host, options.rejoin === true);
  await revokeEarlier(client, host);
  const token = await issueToken(client, { host, uid, expirationSeconds });
  const words = [
    ...['wcpd', 'join', '--host-name', host, '--server', options.server ?? known],
    // Without a CA of its own the server is known to the machine by those that it believes anyway.
    ...(certificateAuthority === undefined ? [] : ['--ca-hash', authorityHashes(certificateAuthority).join(',')]),
    ...['--token', token],
  ];
  session.io.err(`# On the machine that is to be ${host}, as root, within ${options.ttl}, once:\n`);
  session.io.out(`${words.join(' ')}\n`);
}

/** The Host, whose agent the leader gives its rights; gives its uid. A machine that serves already is not replaced by mistake. */
async function declareHost(session: Session, name: string, isRejoin: boolean): Promise<string> {
  const client = await session.client();
  const type = (await session.mapper()).named('hosts.hosting.wcp360.io');
  const object = { apiVersion: 'hosting.wcp360.io/v1alpha1', kind: 'Host', metadata: { name }, spec: {} };
  const found = await client.get<KubeObject>(type, { name });
  const { agentVersion } = (found?.['status'] ?? {}) as { readonly agentVersion?: string };
  if (agentVersion !== undefined && !isRejoin)
    throw new UsageError(
      `a machine has joined as ${name} already; with --rejoin another one, or the same one anew, takes its place`,
    );
  const host = found ?? (await client.create<KubeObject>(type, object, { fieldManager }));
  return host.metadata.uid ?? '';
}

async function revokeEarlier(client: Client, host: string): Promise<void> {
  const options = {
    namespace: SYSTEM_NAMESPACE,
    labelSelector: LABELS.joinToken,
    as: 'PartialObjectMetadata',
  } as const;
  for (const { metadata } of (await client.list(secretType, options)).items) {
    if (metadata.annotations?.[ANNOTATIONS.joinHost] !== host) continue;
    await client.delete(secretType, { namespace: SYSTEM_NAMESPACE, name: metadata.name });
  }
}

/** A token that dies with a Secret, on which stands what it is for: the id by which servers speak of it is known only once it is there. */
async function issueToken(
  client: Client,
  order: { readonly host: string; readonly uid: string; readonly expirationSeconds: number },
): Promise<string> {
  const { host, uid, expirationSeconds } = order;
  const part = host.slice(0, longestHostPart).replace(/[^a-z0-9]+$/u, '');
  const key = { namespace: SYSTEM_NAMESPACE, name: `join-${part}-${randomBytes(4).toString('hex')}` };
  const owner = { apiVersion: 'hosting.wcp360.io/v1alpha1', kind: 'Host', name: host, uid };
  const secret = await client.create(
    secretType,
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: {
        ...key,
        labels: { [LABELS.joinToken]: '' },
        annotations: { [ANNOTATIONS.joinHost]: host },
        ownerReferences: [owner],
      },
    } as KubeObject,
    { fieldManager },
  );
  const boundTo = { name: key.name, uid: secret.metadata.uid ?? '' };
  const account = { namespace: SYSTEM_NAMESPACE, name: JOIN_ACCOUNT };
  const { token } = await requestToken(client, account, { expirationSeconds, boundTo });
  const body = { metadata: { labels: { [LABELS.joinToken]: tokenIdOf(token) } } };
  await client.patch(secretType, key, { type: 'merge', body }, { fieldManager });
  return token;
}
