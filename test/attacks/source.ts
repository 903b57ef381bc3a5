import { existsSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { stringify } from 'yaml';
import { createOpenPgpKey } from '#test/lab/git.ts';
import type { SourceGround } from '#test/lab/source-ground.ts';
import { declareSource, sourceType } from '#test/lab/sources.ts';
import { aDomain, domainType, secretType } from '#test/lab/tenants.ts';
import { patienceMs } from '#test/lab/patience.ts';
import type { Source } from '#schemas/index.ts';
import type { ResourceType } from '#runtime/client/client.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { Attack } from './attack.ts';
import { canary } from './ground.ts';

type SourceAttack = Attack<SourceGround>;

const programs: readonly SourceAttack[] = [
  {
    name: 'a repository is named by a program',
    against: ['repositories are named in three forms'],
    run: async ({ directory, readRepository }) => {
      const marker = join(directory, 'program-ran');
      await readRepository(`ext::/usr/bin/touch ${marker}`);
      return existsSync(marker) ? marker : undefined;
    },
  },
];

const tenants = { allowsFiles: false, networks: [] };
/** An address of loopback where nobody listens, in a network that is allowed. */
const allowed = { allowsFiles: false, networks: ['127.77.0.0/16'] };

const networks: readonly SourceAttack[] = [
  {
    name: 'a tenant’s repository is a server of the machine’s own network',
    against: ['repositories of tenants are at public addresses'],
    run: async ({ inside, readRepository }) => {
      await readRepository(`https://127.0.0.1:${inside.port}/a.git`, { policy: tenants });
      return inside.wasReached() ? 'reached' : undefined;
    },
  },
  ...(['https://localhost', 'ssh://git@localhost'] as const).map((server): SourceAttack => ({
    name: `a name has another address after it was checked: ${server}`,
    against: ['the address of a repository that was checked is connected to'],
    run: async ({ inside, readRepository }) => {
      await readRepository(`${server}:${inside.port}/a.git`, { policy: allowed, resolved: ['127.77.0.1'] });
      return inside.wasReached() ? 'reached' : undefined;
    },
  })),
  {
    name: 'somebody else answers for a Git server',
    against: ['Git servers show a key that is known'],
    run: async ({ ssh, repository, readRepository }) => {
      const forged = await repository('forged');
      await forged.write('forged.yaml', canary);
      await forged.publish();
      const credentials = { privateKey: ssh.credentials['ssh-privatekey'], knownHosts: '' };
      return await readRepository(ssh.urlOf(forged), { credentials });
    },
  },
];

const contents: readonly SourceAttack[] = [
  {
    name: 'a link leads out of a directory of manifests',
    against: ['links in a directory are not entered', 'directories are not opened through links'],
    run: async ({ directory, readDirectory }) => {
      await mkdir(join(directory, 'outside'), { recursive: true });
      await writeFile(join(directory, 'outside/secret.yaml'), canary);
      await mkdir(join(directory, 'inside'), { recursive: true });
      await symlink('../outside', join(directory, 'inside/way')).catch(() => undefined);
      const read = await readDirectory(join(directory, 'inside'));
      return read?.includes(canary) === true ? read : undefined;
    },
  },
  {
    name: 'a commit is signed by somebody else of the same name',
    against: ['commits are signed with keys that count'],
    run: async ({ directory, repository, readRepository, signer }) => {
      const { program } = await createOpenPgpKey(join(directory, 'stranger'));
      const forged = await repository('signed');
      await forged.git('config', 'gpg.program', program);
      await forged.write('forged.yaml', canary);
      await forged.publish('--gpg-sign');
      return await readRepository(forged.url, { signers: { openPgpKeys: [signer] } });
    },
  },
];

const clusterRoles: ResourceType = {
  ...{ group: 'rbac.authorization.k8s.io', version: 'v1', resource: 'clusterroles', kind: 'ClusterRole' },
  namespaced: false,
};
/** What alpha's repository declares, and whether it came about. */
function declaring(what: string, type: ResourceType, object: KubeObject): SourceAttack {
  const { name, namespace } = object.metadata;
  return {
    name: `a tenant’s repository declares ${what}`,
    against: ['a Source acts as its own account'],
    run: async ({ admin, ssh, repository }) => {
      const own = await repository(`of-alpha-${name}`);
      await own.write('object.yaml', stringify(object));
      await own.publish();
      const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'key', namespace: 'alpha' } };
      await admin.apply(
        secretType,
        { ...secret, stringData: ssh.credentials },
        { fieldManager: 'attack', force: true },
      );
      const source = { name, namespace: 'alpha' };
      await declareSource(admin, source, { git: { url: ssh.urlOf(own), secretRef: { name: 'key' } } });
      for (const end = performance.now() + patienceMs; performance.now() < end; await delay(50)) {
        if ((await admin.get(type, { name, namespace })) !== undefined) return `${object.kind} ${name}`;
        const live = await admin.get<Source & KubeObject>(sourceType, source);
        const ready = live?.status?.conditions?.find((condition) => condition.type === 'Ready');
        if (ready?.reason === 'ManifestsInvalid') return undefined;
        if (ready !== undefined && ready.reason !== 'Applied')
          throw new Error(`the Source says ${ready.reason}: ${ready.message}`);
      }
      throw new Error('the Source came to nothing');
    },
  };
}

const rights: readonly SourceAttack[] = [
  declaring('a Domain of another tenant', domainType, aDomain('beta', 'grabbed')),
  declaring('rights of its own', clusterRoles, {
    ...{ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'grabbed' } },
    rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }],
  }),
];

/** Attacks by way of repositories and directories that are read for others. */
export const sourceAttacks: readonly SourceAttack[] = [...programs, ...networks, ...contents, ...rights];
