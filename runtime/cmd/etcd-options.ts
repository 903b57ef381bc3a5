import { readFile } from 'node:fs/promises';
import type { RestoreConfig } from '#runtime/config/programs.ts';
import type { EtcdOptions } from '#runtime/storage/etcd/options.ts';

/** The way to etcd that settings of a server name; TLS when all three files are named. */
export async function etcdOptions(config: RestoreConfig): Promise<EtcdOptions> {
  const { etcdServers: endpoints, etcdCaFile: ca, etcdCertFile: cert, etcdKeyFile: key } = config;
  if (ca === undefined || cert === undefined || key === undefined) return { endpoints };
  const [caPem, certPem, keyPem] = await Promise.all([readFile(ca), readFile(cert), readFile(key)]);
  return { endpoints, tls: { ca: caPem, cert: certPem, key: keyPem } };
}
