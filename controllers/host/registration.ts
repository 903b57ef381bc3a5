import { apiVersionOf } from '#schemas/meta/kind.ts';
import { isAccountUid } from '#schemas/meta/names.ts';
import { mergeConditions, type ConditionStatement } from '#schemas/meta/conditions.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { formatBytes } from '#schemas/meta/quantity.ts';
import { hostKind, type Host } from '#schemas/v1alpha1/host.ts';
import type { HostCapabilities } from '#runtime/host/host.ts';

/** What the agent knows of its machine when it joins. */
export interface HostFacts {
  readonly name: string;
  readonly root: string;
  readonly agentVersion: string;
  readonly capabilities: HostCapabilities;
  /** Its own server, of one of the versions that are installed, or of one that its data needs; `undefined` where there can be none. */
  readonly postgresql: Omit<DatabaseCapability, 'engine'> | undefined;
  readonly services: { readonly manager: 'systemd' | 'supervisor'; readonly limitsEnforced: boolean };
  /** The name server that was started; `undefined` when there is none. */
  readonly dns: { readonly version: string; readonly port: number } | undefined;
  /** Where the web front speaks TLS; 0 where it does not. */
  readonly httpsPort: number;
  /** Whether it speaks HTTP/3 there, too. */
  readonly http3: boolean;
  /** Whether tenants get accounts (libnss-extrausers); false in a private instance. */
  readonly hasAccounts: boolean;
  /** Account names of the machine that no tenant may have. */
  readonly takenNames: readonly string[];
}

type Capabilities = NonNullable<NonNullable<Host['status']>['capabilities']>;
type DatabaseCapability = NonNullable<Capabilities['databases']>[number];
type Statement = Omit<ConditionStatement, 'observedGeneration'>;

/** What a status is applied to: nothing of `spec`, which belongs to people. */
export function hostReference(name: string): KubeObject {
  return { apiVersion: apiVersionOf(hostKind), kind: hostKind.kind, metadata: { name } };
}

/** The status that the agent applies whenever its facts change; equal facts give an equal status. `now` is RFC 3339. */
export function hostStatus(facts: HostFacts, present: Host | undefined, now: string): NonNullable<Host['status']> {
  const { capabilities, dns, http3, httpsPort, services } = facts;
  const { front, nginxVersion, phpVersions, size, takenUids } = capabilities;
  const stated = [servingOf(capabilities), limitsOf(services.limitsEnforced)].map((condition) => ({
    ...condition,
    observedGeneration: present?.metadata.generation ?? 1,
  }));
  return {
    agentVersion: facts.agentVersion,
    root: facts.root,
    capacity: {
      cpu: String(size.processors),
      memory: formatBytes(size.memoryBytes),
      storage: formatBytes(size.storageBytes),
    },
    capabilities: {
      phpVersions: [...phpVersions],
      ...(nginxVersion === undefined ? {} : { nginxVersion }),
      ...(httpsPort === 0 ? {} : { httpsPort, http3 }),
      ...(dns === undefined ? {} : { dns: { version: dns.version, port: dns.port } }),
      ...databasesOf(facts),
      services: services.manager,
      limitsEnforced: services.limitsEnforced,
      accounts: facts.hasAccounts,
      front: { uid: front.uid, gid: front.gid },
      takenUids: [...takenUids].filter(isAccountUid).toSorted((a, b) => a - b),
      takenNames: [...new Set(facts.takenNames)].toSorted(),
    },
    conditions: mergeConditions(present?.status?.conditions, stated, now).map((condition) => ({ ...condition })),
  };
}

function databasesOf({ postgresql, capabilities: { mariadb } }: HostFacts): Pick<Capabilities, 'databases'> {
  const databases: DatabaseCapability[] = [];
  if (postgresql !== undefined) {
    const { version, lacks } = postgresql;
    databases.push({ engine: 'PostgreSQL', version, ...(lacks === undefined ? {} : { lacks }) });
  }
  if (mariadb !== undefined) databases.push({ engine: 'MariaDB', version: mariadb.version });
  return databases.length === 0 ? {} : { databases };
}

function servingOf(capabilities: HostCapabilities): Statement {
  return capabilities.nginxVersion === undefined
    ? { type: 'Serving', status: 'False', reason: 'FrontMissing', message: 'nginx is not installed on this host.' }
    : { type: 'Serving', status: 'True', reason: 'Serving', message: 'The web front is there.' };
}

function limitsOf(isEnforced: boolean): Statement {
  return isEnforced
    ? {
        type: 'LimitsEnforced',
        status: 'True',
        reason: 'LimitsEnforced',
        message: 'Limits of processor time, memory and processes hold.',
      }
    : {
        type: 'LimitsEnforced',
        status: 'False',
        reason: 'LimitsNotEnforced',
        message:
          'This host runs its daemons without systemd; limits of processor time, memory and processes do not hold.',
      };
}
