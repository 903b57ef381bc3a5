import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import type { MemoryHost } from '#runtime/host/memory/memory-host.ts';
import { parsePasswords } from '#controllers/database-user/passwords.ts';
import { ANNOTATIONS } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';

/**
 * All that is true, in a spelling that does not tell two runs apart: what is random is called by where it comes from, times and revisions are left out.
 * `more` are lines of what is neither an object nor on the machine.
 */
export function worldText(
  stored: ReadonlyMap<string, Buffer>,
  machine: MemoryHost,
  more: readonly string[] = [],
): string {
  const objects = [...stored].map(([key, value]) => [key, JSON.parse(value.toString()) as KubeObject] as const);
  const names = new Map(objects.map(([key, object]) => [object.metadata.uid ?? '', `<uid of ${key}>`]));
  const chances = objects.flatMap(([key, object]) => chancesIn(key, object));
  const nodes = [...machine.tree.nodes]
    .filter(([path]) => !/^\/(staging|trash)(\/|$)/.test(path.slice(machine.root.length)))
    .map(([path, { type, mode, uid, gid, content }]) => `${path} ${type} ${mode.toString(8)} ${uid}:${gid} ${content}`);
  const services = [...machine.services.units.keys()];
  const lines = [
    ...objects.map(([key, object]) => `${key} ${objectText(object, new Map(chances))}`),
    ...nodes,
    ...services,
    ...more,
  ];
  return lines
    .map((line) =>
      chances
        .reduce((text, [chance, name]) => text.replaceAll(chance, name), line)
        .replace(uuid, (uid) => names.get(uid) ?? '<uid>')
        .replace(time, '<time>')
        .replace(given, '$1<version>')
        .replace(version, '$1<version>')
        .replace(serial, '$1<serial>')
        .replace(ds, '<ds>')
        .replace(tag, '$1<tag>'),
    )
    .toSorted()
    .join('\n');
}

const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const given = /(@)\d+/g;
const version = /(\\?"(?:resource|secret|tsigSecret)Version\\?":\\?")\d+/g;
const serial = /("serial":)\d+/g;
const ds = /\b\d+ 13 2 [0-9a-f]{64}\b/g;
const tag = /("tag":)\d+/g;
const time = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g;

/** What was made by chance and is kept in a Secret, as it is spelled there and elsewhere, with a name for it. A key that is not that of its certificate has none. */
function chancesIn(key: string, object: KubeObject): readonly (readonly [string, string])[] {
  const { data = {} } = object as KubeObject & { readonly data?: Readonly<Record<string, string>> };
  const { 'tls.crt': chain, 'tls.key': own, private: secret } = data;
  const dnskey = object.metadata.annotations?.[ANNOTATIONS.dnskey];
  const found: (readonly [string, string])[] = [];
  if (chain !== undefined && own !== undefined) {
    const certificate = new X509Certificate(decoded(chain));
    const name = `<certificate of ${key} for ${certificate.subjectAltName ?? ''}>`;
    found.push([chain, name], [JSON.stringify(decoded(chain)), name]);
    found.push(
      [certificate.serialNumber, `<serial number of ${key}>`],
      [keyDigestOf(certificate), '<digest of its key>'],
    );
    if (certificate.checkPrivateKey(createPrivateKey(decoded(own))))
      found.push([own, '<its key>'], [JSON.stringify(decoded(own)), '<its key>']);
  } else if (own !== undefined) found.push([own, `<key of ${key}>`]);
  if (secret !== undefined) found.push([secret, `<private key of ${key}>`]);
  if (dnskey !== undefined) found.push([dnskey, `<dnskey of ${key}>`]);
  return [...found, ...passwordsIn(key, object.metadata.annotations ?? {}, data)];
}

/** Passwords by what they are used for, and what is made of one: with another one in it, it is told apart. */
function passwordsIn(
  key: string,
  { [ANNOTATIONS.passwords]: kept, [ANNOTATIONS.connection]: digest }: Readonly<Record<string, string>>,
  data: Readonly<Record<string, string>>,
): readonly (readonly [string, string])[] {
  const { password, ...others } = data;
  if (digest !== undefined && password !== undefined) {
    const texts = Object.entries(others).filter(([, value]) => decoded(value).includes(decoded(password)));
    const masked = texts.map(([, value]) => [value, decoded(value).replace(decoded(password), '<password>')] as const);
    return [[digest, '<digest>'], ...masked];
  }
  const passwords = (kept === undefined ? undefined : parsePasswords(kept)?.passwords) ?? [];
  return passwords.flatMap(({ id, state }) => {
    const value = data[id] ?? '';
    const name = `<${state} password of ${key}>`;
    const spelled = [
      [value, name],
      [decoded(value), name],
      [id, `<id of ${name}>`],
    ] as const;
    return value === '' ? [] : spelled;
  });
}

function keyDigestOf({ publicKey }: X509Certificate): string {
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex');
}

function decoded(base64: string): string {
  return Buffer.from(base64, 'base64').toString();
}

/** Of a condition that two tell of it is a matter of history which of them told which part. */
function managerText(entry: object, chances: ReadonlyMap<string, string>): string {
  const told = (key: string, value: unknown): unknown => (key.startsWith('k:{"type":') ? {} : value);
  return JSON.stringify(sortedKeys(entry, chances), told);
}

function objectText(object: KubeObject, chances: ReadonlyMap<string, string>): string {
  const { managedFields = [], ...metadata } = object.metadata;
  const managers = managedFields.map((entry) => managerText(entry, chances)).toSorted();
  // What of a quota is used is counted by the server, some time after.
  const { status: told, ...rest } = object as KubeObject & { readonly status?: unknown };
  const status = (object.kind === 'ResourceQuota' ? undefined : told) as
    { readonly conditions?: readonly { readonly type: string }[] } | undefined;
  const conditions = status?.conditions?.toSorted((a, b) => (a.type < b.type ? -1 : 1));
  return JSON.stringify(
    sortedKeys(
      {
        ...rest,
        metadata: { ...metadata, managers },
        ...(status === undefined ? {} : { status: { ...status, conditions } }),
      },
      chances,
    ),
  );
}

/** A key that was made by chance stands where its name does. */
function sortedKeys(value: unknown, chances: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(value)) return value.map((part) => sortedKeys(part, chances));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, part]) => [chances.get(key.replace(/^f:/, '')) ?? key, sortedKeys(part, chances)] as const)
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
}
