import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What an API server asked before it did something: whether this user may. */
export interface Asked {
  readonly user: string;
  readonly verb: string;
  readonly group: string;
  /** With its subresource: `domains/status`. */
  readonly resource: string;
  /** Empty for all of them. */
  readonly namespace: string;
  /** Empty where the verb names none. */
  readonly name: string;
}

/**
 * An authorizer that a Kubernetes asks before its own RBAC: it has no opinion, so that RBAC decides, but notes every question, also those that a server asks
 * itself within one request (whether an apply may create, a binding may be made, an owner be held back). What a test forbids it refuses.
 */
export interface LabAuthorizer {
  /** With which a kube-apiserver asks it. */
  readonly flags: Readonly<Record<string, string>>;
  /** Everything that was asked until now, once each. */
  asked(): readonly Asked[];
  /** From now on refuses what the test says; nothing when it says nothing. */
  forbid(isForbidden: (asked: Asked) => boolean): void;
  stop(): Promise<void>;
}

/** The part of authorization.k8s.io/v1 SubjectAccessReview that is read. */
interface Review {
  readonly spec: {
    readonly user?: string;
    readonly resourceAttributes?: Partial<Omit<Asked, 'user'>> & { readonly subresource?: string };
  };
}

export async function startAuthorizer(): Promise<LabAuthorizer> {
  const known = new Map<string, Asked>();
  let isForbidden: (asked: Asked) => boolean = () => false;
  const judge = (review: Review): object => {
    const asked = askedBy(review);
    if (asked === undefined) return { allowed: false };
    known.set(JSON.stringify(asked), asked);
    return { allowed: false, denied: isForbidden(asked) };
  };
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const review = JSON.parse(Buffer.concat(parts).toString()) as Review;
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ ...review, status: judge(review) }));
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const directory = await mkdtemp(join(tmpdir(), 'wcp360-authorizer-'));
  const config = join(directory, 'kubeconfig');
  await writeFile(config, kubeconfigOf(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
  return {
    flags: {
      'authorization-mode': 'Webhook,RBAC',
      'authorization-webhook-config-file': config,
      'authorization-webhook-version': 'v1',
      // Asked each time, since what it answers changes.
      'authorization-webhook-cache-authorized-ttl': '0s',
      'authorization-webhook-cache-unauthorized-ttl': '0s',
    },
    asked: () => [...known.values()],
    forbid: (judgement) => {
      isForbidden = judgement;
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function kubeconfigOf(server: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'lab',
    clusters: [{ name: 'lab', cluster: { server } }],
    users: [{ name: 'lab', user: {} }],
    contexts: [{ name: 'lab', context: { cluster: 'lab', user: 'lab' } }],
  });
}

/** Questions about paths, such as /readyz, are nobody's here. */
function askedBy({ spec: { user = '', resourceAttributes } }: Review): Asked | undefined {
  if (resourceAttributes === undefined) return undefined;
  const { verb = '', group = '', resource = '', subresource, namespace = '', name = '' } = resourceAttributes;
  return {
    user,
    verb,
    group,
    resource: subresource === undefined ? resource : `${resource}/${subresource}`,
    namespace,
    name,
  };
}
