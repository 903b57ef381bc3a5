import { readFile } from 'node:fs/promises';

import { startApiServer } from '#runtime/apiserver/server.ts';
import type { FrontProxy } from '#runtime/apiserver/auth/front-proxy.ts';
import { loadConfig } from '#runtime/config/load.ts';
import { serverConfig, type ServerConfig } from '#runtime/config/programs.ts';
import { parseKeyFile } from '#runtime/storage/encryption/encryption-keys.ts';
import { openEtcdStore } from '#runtime/storage/etcd/etcd-store.ts';
import { storeToServe } from '#runtime/storage/store-record.ts';
import { createLogger } from '#runtime/telemetry/logger.ts';
import { createAuditFile } from './audit-file.ts';
import { etcdOptions } from './etcd-options.ts';
import type { ProgramArgs } from './flags.ts';
import { addressOf } from './listen-address.ts';
import { terminated, untilAborted } from './terminated.ts';

/** `wcpd server`: the API server on etcd, until it is asked to end. */
export async function runServer({ sources }: ProgramArgs): Promise<number> {
  const config = await loadConfig(serverConfig, sources);
  const signal = terminated();
  const log = createLogger({ name: 'server', level: config.logLevel });
  const store = await storeToServe(await openEtcdStore(await etcdOptions(config)));
  const server = await startApiServer({
    store,
    listen: addressOf(config.listen),
    tls: {
      cert: await readFile(config.tlsCertFile, 'utf8'),
      key: await readFile(config.tlsKeyFile, 'utf8'),
      clientCa: await readFile(config.clientCaFile, 'utf8'),
      ...(config.clientCaKeyFile !== undefined && { clientCaKey: await readFile(config.clientCaKeyFile, 'utf8') }),
    },
    ...(config.rootCaFile !== undefined && { rootCertificates: await readFile(config.rootCaFile, 'utf8') }),
    serviceAccounts: {
      key: await readFile(config.serviceAccountKeyFile, 'utf8'),
      previousKeys: await Promise.all(
        config.serviceAccountPreviousKeyFiles.map(async (path) => readFile(path, 'utf8')),
      ),
      issuer: config.serviceAccountIssuer,
    },
    ...(config.encryptionKeyFile !== undefined && {
      encryption: parseKeyFile(await readFile(config.encryptionKeyFile, 'utf8')),
    }),
    ...(await frontProxy(config)),
    acceptPlainSecrets: config.encryptionAcceptPlain,
    ...(config.auditLogFile !== undefined && { audit: createAuditFile(config.auditLogFile) }),
    log,
  });
  log.info({ url: server.url }, 'serving');
  await untilAborted(signal);
  await server.close();
  await store.close();
  return 0;
}

async function frontProxy(config: ServerConfig): Promise<{ readonly frontProxy?: FrontProxy }> {
  const { frontProxyCertFile: cert, frontProxyKeyFile: key, frontProxyCaFile: ca } = config;
  if (cert === undefined || key === undefined || ca === undefined) return {};
  const [certPem, keyPem, caPem] = await Promise.all([cert, key, ca].map(async (path) => readFile(path, 'utf8')));
  return { frontProxy: { cert: certPem ?? '', key: keyPem ?? '', ca: caPem ?? '' } };
}
