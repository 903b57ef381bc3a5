import { newKey } from '#runtime/pki/crypto-keys.ts';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { InvalidError, RefusedError } from '#runtime/base/errors.ts';
import { parseKeyFile } from '#runtime/storage/encryption/encryption-keys.ts';
import { agentAccountOf, SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import { makeDirectory, placeFile, readText, type Owner } from './files.ts';
import {
  isSigningKey,
  isUsable,
  isUsableAuthority,
  publicKeyOf,
  type CertificateOrder,
  type PemPair,
} from '#runtime/pki/pair.ts';

/** Where a certificate and its key stand. */
export interface PairFiles {
  readonly certificate: string;
  readonly key: string;
}

/** All files of an instance's PKI, as absolute or relative paths like the directory given. */
export interface Pki {
  readonly directory: string;
  /** Signs the server's certificate and all client certificates; the server has the key, since it signs those of hosts that join. */
  readonly authority: PairFiles;
  readonly server: PairFiles;
  /** A CA of its own: a client certificate of the API server must not open etcd. */
  readonly etcd: {
    readonly authority: PairFiles;
    readonly server: PairFiles;
    readonly peer: PairFiles;
    readonly client: PairFiles;
  };
  /** A CA of its own: what it signed may say who others are. */
  readonly frontProxy: { readonly authority: PairFiles; readonly client: PairFiles };
  /** `key` signs ServiceAccount tokens. */
  readonly serviceAccount: { readonly key: string; readonly publicKey: string };
  /** See `parseKeyFile`. */
  readonly encryptionKey: string;
  readonly admin: PairFiles;
  readonly controller: PairFiles;
  readonly agent: PairFiles;
}

export interface PkiOptions {
  /** Host names and addresses under which the API server is reached; loopback and the in-cluster names are added. */
  readonly serverNames?: readonly string[];
  /** The Host that the agent's certificate is for. */
  readonly hostName: string;
  /** Who reads which keys; the process's own user when absent. */
  readonly owners?: Partial<Readonly<Record<'server' | 'etcd' | 'admin' | 'controller' | 'agent', Owner>>>;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

const loopbackNames = ['localhost', '127.0.0.1', '::1'];
const inClusterNames = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc'];

/**
 * Makes whatever an instance needs to know its programs: three CAs, server and client certificates, the token key, the encryption key.
 *
 * Flow: each file is read and checked; what is missing, broken, near its end, signed by another CA or for other names is made anew, and nothing else is touched.
 * Guarantees: when it returns, every certificate verifies against its CA and belongs to its key, whatever a crash left behind; each file is replaced as a whole;
 * keys have mode 0600. A CA near its end gets a new certificate for the same key, so that what it signed stays good.
 * Errors: RefusedError for an encryption key file that cannot be read as one: without that key every Secret is lost, so it is never replaced.
 * Assumes that one process at a time does this.
 */
export async function createPki(directory: string, options: PkiOptions): Promise<Pki> {
  const pki = filesIn(directory);
  const { owners = {} } = options;
  await makeDirectory(directory, { mode: 0o755 });
  for (const name of ['etcd', 'front-proxy']) await makeDirectory(join(directory, name), { mode: 0o755 });
  const maker: Maker = { nowMs: (options.now ?? Date.now)() };
  const authority = await settleAuthority(maker, pki.authority, { commonName: 'wcp360-ca', owner: owners.server });
  const etcdAuthority = await settleAuthority(maker, pki.etcd.authority, { commonName: 'wcp360-etcd-ca' });
  const proxyAuthority = await settleAuthority(maker, pki.frontProxy.authority, {
    commonName: 'wcp360-front-proxy-ca',
  });
  const place = (files: PairFiles, by: PemPair, order: CertificateOrder, owner: Owner | undefined) =>
    settlePair(maker, { files, authority: by, order, owner });
  const serverNames = [...new Set([...loopbackNames, ...inClusterNames, ...(options.serverNames ?? [])])];
  await place(pki.server, authority, order('wcp360-server', { names: serverNames, usages: ['server'] }), owners.server);
  await place(pki.etcd.server, etcdAuthority, etcdOrder('wcp360-etcd', 'server', 'client'), owners.etcd);
  await place(pki.etcd.peer, etcdAuthority, etcdOrder('wcp360-etcd-peer', 'server', 'client'), owners.etcd);
  await place(pki.etcd.client, etcdAuthority, order('wcp360-etcd-client', {}), owners.server);
  await place(pki.frontProxy.client, proxyAuthority, order('front-proxy-client', {}), owners.server);
  await place(pki.admin, authority, order('admin', { organizations: ['system:masters'] }), owners.admin);
  await place(pki.controller, authority, accountOrder('controller'), owners.controller);
  await place(pki.agent, authority, accountOrder(agentAccountOf(options.hostName)), owners.agent);
  await settleServiceAccountKey(pki, owners.server);
  await settleEncryptionKey(pki.encryptionKey, owners.server);
  return pki;
}

/** A server on loopback with a CA of its own, `ca.crt` beside `server.crt` and `server.key`: made, or made anew, as in `createPki`. */
export async function createServerPair(
  directory: string,
  { commonName, owner }: { readonly commonName: string; readonly owner: Owner },
): Promise<void> {
  await makeDirectory(directory, { mode: 0o755 });
  const pair = (name: string): PairFiles => ({
    certificate: join(directory, `${name}.crt`),
    key: join(directory, `${name}.key`),
  });
  const maker: Maker = { nowMs: Date.now() };
  const authority = await settleAuthority(maker, pair('ca'), { commonName: `${commonName}-ca` });
  const wanted = order(commonName, { names: loopbackNames, usages: ['server'] });
  await settlePair(maker, { files: pair('server'), authority, order: wanted, owner });
}

function filesIn(directory: string): Pki {
  const pair = (name: string): PairFiles => ({
    certificate: join(directory, `${name}.crt`),
    key: join(directory, `${name}.key`),
  });
  return {
    directory,
    authority: pair('ca'),
    server: pair('server'),
    etcd: {
      authority: pair('etcd/ca'),
      server: pair('etcd/server'),
      peer: pair('etcd/peer'),
      client: pair('etcd/client'),
    },
    frontProxy: { authority: pair('front-proxy/ca'), client: pair('front-proxy/client') },
    serviceAccount: {
      key: join(directory, 'service-account.key'),
      publicKey: join(directory, 'service-account.pub'),
    },
    encryptionKey: join(directory, 'encryption.key'),
    admin: pair('admin'),
    controller: pair('controller'),
    agent: pair('agent'),
  };
}

function order(commonName: string, parts: Partial<CertificateOrder>): CertificateOrder {
  return { commonName, organizations: [], names: [], usages: ['client'], ...parts };
}

/** etcd's gateway connects to etcd itself with the server's certificate, so that one is a client's, too. */
function etcdOrder(commonName: string, ...usages: CertificateOrder['usages']): CertificateOrder {
  return order(commonName, { names: loopbackNames, usages });
}

/** A client certificate that stands for a ServiceAccount: the same RBAC objects serve a cluster where the program has a token instead. */
function accountOrder(name: string): CertificateOrder {
  return order(`system:serviceaccount:${SYSTEM_NAMESPACE}:${name}`, {
    organizations: ['system:serviceaccounts', `system:serviceaccounts:${SYSTEM_NAMESPACE}`],
  });
}

interface Maker {
  readonly nowMs: number;
}

async function settleAuthority(
  maker: Maker,
  files: PairFiles,
  { commonName, owner }: { readonly commonName: string; readonly owner?: Owner | undefined },
): Promise<PemPair> {
  const found = await readPair(files);
  if (isUsableAuthority(found, maker.nowMs)) {
    await placePair(files, found, owner);
    return found;
  }
  // Loaded only to sign: a start that finds everything in place does not pay for it.
  const { issueAuthority } = await import('#runtime/pki/issue.ts');
  const key = isSigningKey(found.key) ? found.key : newKey();
  const made = await issueAuthority(commonName, key, maker.nowMs);
  await placePair(files, made, owner);
  return made;
}

async function settlePair(
  maker: Maker,
  wanted: {
    readonly files: PairFiles;
    readonly authority: PemPair;
    readonly order: CertificateOrder;
    readonly owner: Owner | undefined;
  },
): Promise<void> {
  const found = await readPair(wanted.files);
  if (isUsable(found, { ...wanted, nowMs: maker.nowMs })) return placePair(wanted.files, found, wanted.owner);
  const { issueCertificate } = await import('#runtime/pki/issue.ts');
  const subject = { keyPem: newKey(), nowMs: maker.nowMs };
  await placePair(wanted.files, await issueCertificate(wanted.authority, wanted.order, subject), wanted.owner);
}

async function readPair(files: PairFiles): Promise<Partial<PemPair>> {
  const [certificate, key] = [await readText(files.certificate), await readText(files.key)];
  return { ...(certificate === undefined ? {} : { certificate }), ...(key === undefined ? {} : { key }) };
}

/** The key first: a certificate without its key is seen and remade, a key without its certificate, too. */
async function placePair(files: PairFiles, pair: PemPair, owner: Owner | undefined): Promise<void> {
  const owned = owner === undefined ? {} : { owner };
  await placeFile(files.key, pair.key, { mode: 0o600, ...owned });
  await placeFile(files.certificate, pair.certificate, { mode: 0o644, ...owned });
}

async function settleServiceAccountKey(pki: Pki, owner: Owner | undefined): Promise<void> {
  const owned = owner === undefined ? {} : { owner };
  const found = await readText(pki.serviceAccount.key);
  const key = isSigningKey(found) ? found : newKey();
  await placeFile(pki.serviceAccount.key, key, { mode: 0o600, ...owned });
  await placeFile(pki.serviceAccount.publicKey, publicKeyOf(key), { mode: 0o644, ...owned });
}

async function settleEncryptionKey(path: string, owner: Owner | undefined): Promise<void> {
  const found = await readText(path);
  if (found !== undefined) requireKeys(path, found);
  const text = found ?? `key1:${randomBytes(32).toString('base64')}\n`;
  await placeFile(path, text, { mode: 0o600, ...(owner === undefined ? {} : { owner }) });
}

function requireKeys(path: string, text: string): void {
  try {
    parseKeyFile(text);
  } catch (err) {
    if (!(err instanceof InvalidError)) throw err;
    throw new RefusedError('EncryptionKeyUnreadable', `${path}: ${err.message} Put the right one back.`, {
      cause: err,
    });
  }
}
