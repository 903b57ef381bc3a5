import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { RestoreRequest } from '#runtime/cli/io.ts';
import { loadConfig, type ConfigSources } from '#runtime/config/load.ts';
import { restoreConfig, type RestoreConfig } from '#runtime/config/programs.ts';
import type { SnapshotSummary } from '#runtime/snapshot/format.ts';
import { createOpener } from '#runtime/storage/encryption/encrypted-store.ts';
import { parseKeyFile } from '#runtime/storage/encryption/encryption-keys.ts';
import { openEtcdStore } from '#runtime/storage/etcd/etcd-store.ts';
import { restoreStore } from '#runtime/storage/snapshot/restore.ts';
import { etcdOptions } from './etcd-options.ts';

/** Restores into the etcd that a server's settings name, with the keys that they name; no server is asked, and none may run. */
export async function restoreFromFile(
  { snapshot, config: file }: RestoreRequest,
  { environment, signal }: { readonly environment: NodeJS.ProcessEnv; readonly signal: AbortSignal },
): Promise<SnapshotSummary> {
  const config = await loadConfig(restoreConfig, file === undefined ? installed : { file, environment });
  const requireReadable = await openerOf(config);
  const store = await openEtcdStore(await etcdOptions(config));
  try {
    return await restoreStore({ store, read: () => createReadStream(snapshot), requireReadable, signal });
  } finally {
    await store.close();
  }
}

/** As the unit of the server has them, with the files that systemd hands it where `wcpd prepare` puts them. */
const installed: ConfigSources = {
  file: '/etc/wcp360/server.yaml',
  environment: {
    WCPD_ETCD_CA_FILE: '/etc/wcp360/pki/etcd/ca.crt',
    WCPD_ETCD_CERT_FILE: '/etc/wcp360/pki/etcd/client.crt',
    WCPD_ETCD_KEY_FILE: '/etc/wcp360/pki/etcd/client.key',
    WCPD_ENCRYPTION_KEY_FILE: '/etc/wcp360/pki/encryption.key',
  },
};

async function openerOf({ encryptionKeyFile, encryptionAcceptPlain }: RestoreConfig) {
  if (encryptionKeyFile === undefined) return createOpener({ keys: [], acceptPlain: true });
  const keys = parseKeyFile(await readFile(encryptionKeyFile, 'utf8'));
  return createOpener({ keys, acceptPlain: encryptionAcceptPlain });
}
