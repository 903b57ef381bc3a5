import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, dirname, resolve } from 'node:path';
import { HostError, InvalidError } from '#runtime/base/errors.ts';
import { isRecord } from '#runtime/base/json.ts';
import { reloadedCredentials, staticCredentials, type Credentials, type TlsMaterial } from './credentials.ts';
import type { KubeconfigConnection } from './kubeconfig-connection.ts';

export interface KubeconfigOptions {
  /** One file, as `--kubeconfig` names it. */
  readonly path?: string;
  /** Where `KUBECONFIG` (a list of files, the first to say something wins) and `HOME` are looked up when no path is given. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** `--context`; the file's current context when absent. */
  readonly context?: string;
  readonly now?: () => number;
}

type Fields = Readonly<Record<string, unknown>>;

/** One named entry, and the directory that its relative paths start from. */
interface Entry {
  readonly fields: Fields;
  readonly directory: string;
}

interface Merged {
  readonly currentContext: string;
  readonly clusters: ReadonlyMap<string, Entry>;
  readonly users: ReadonlyMap<string, Entry>;
  readonly contexts: ReadonlyMap<string, Entry>;
}

/**
 * Reads a kubeconfig (client-go, "Organizing Cluster Access") without the official client, whose import alone takes 0.7 s of CPU.
 * Client certificates, keys, authorities and tokens may be inline or files; files are read again every minute and after a 401.
 * Users with an exec plugin or an auth provider, and the account of a pod where no file is named, are left to the official client, imported then.
 * Errors: InvalidError for what the file says wrongly, HostError when a file cannot be read.
 */
export async function loadKubeconfig(options: KubeconfigOptions = {}): Promise<KubeconfigConnection> {
  if (isInPod(options)) {
    const { inClusterConnection } = await import('./kube-config-credentials.ts');
    return await inClusterConnection(options.now ?? Date.now);
  }
  const paths = pathsOf(options);
  const merged = merge(await Promise.all(paths.map((path) => readOne(path, paths.length > 1))));
  const contextName = options.context ?? merged.currentContext;
  const context = entryOf(merged.contexts, contextName, 'context');
  const clusterName = textOf(context.fields, 'cluster') ?? '';
  const userName = textOf(context.fields, 'user') ?? '';
  const cluster = entryOf(merged.clusters, clusterName, 'cluster');
  const user = userName === '' ? { fields: {}, directory: '.' } : entryOf(merged.users, userName, 'user');
  const server = textOf(cluster.fields, 'server');
  if (server === undefined) throw fault(`cluster ${clusterName} names no server`, `clusters[${clusterName}].server`);
  if (textOf(cluster.fields, 'proxy-url') !== undefined) {
    throw fault('proxies are not supported', `clusters[${clusterName}].proxy-url`);
  }
  return {
    server,
    context: contextName,
    cluster: clusterName,
    user: userName,
    namespace: textOf(context.fields, 'namespace'),
    certificateAuthority: await textOrFile(cluster, 'certificate-authority'),
    certificateFile: pairFileOf(user),
    credentials: await credentialsOf({ cluster, user, options, paths, contextName }),
  };
}

/** As client-go: the pod's own account counts where nobody named a file. */
function isInPod({ path, env = {} }: KubeconfigOptions): boolean {
  return path === undefined && (env['KUBECONFIG'] ?? '') === '' && (env['KUBERNETES_SERVICE_HOST'] ?? '') !== '';
}

function pathsOf(options: KubeconfigOptions): readonly string[] {
  if (options.path !== undefined) return [options.path];
  const env = options.env ?? {};
  const listed = (env['KUBECONFIG'] ?? '').split(delimiter).filter((path) => path !== '');
  return listed.length > 0 ? listed : [resolve(env['HOME'] ?? homedir(), '.kube', 'config')];
}

async function readOne(path: string, mayBeAbsent: boolean): Promise<{ readonly path: string; readonly file: Fields }> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (err) {
    if (mayBeAbsent && err instanceof Error && 'code' in err && err.code === 'ENOENT') return { path, file: {} };
    throw new HostError(`the kubeconfig ${path} cannot be read`, { path }, { cause: err });
  }
  const file = await parseText(text, path);
  return { path, file: isRecord(file) ? file : {} };
}

// A kubeconfig that is written as JSON needs no YAML parser, which saves wcpctl its import.
async function parseText(text: string, path: string): Promise<unknown> {
  try {
    if (text.startsWith('{')) return JSON.parse(text) as unknown;
    const { parseYaml } = await import('./parse-yaml.ts');
    return parseYaml(text);
  } catch (err) {
    throw new InvalidError(`the kubeconfig ${path} is not YAML`, [], { cause: err });
  }
}

function merge(files: readonly { readonly path: string; readonly file: Fields }[]): Merged {
  const collect = (list: string, field: string): ReadonlyMap<string, Entry> => {
    const found = new Map<string, Entry>();
    for (const { path, file } of files) {
      const entries = Array.isArray(file[list]) ? file[list].filter(isRecord) : [];
      for (const entry of entries) {
        const name = textOf(entry, 'name');
        const fields = entry[field];
        if (name === undefined || found.has(name)) continue;
        found.set(name, { fields: isRecord(fields) ? fields : {}, directory: dirname(resolve(path)) });
      }
    }
    return found;
  };
  return {
    currentContext: files.map(({ file }) => textOf(file, 'current-context')).find((name) => name !== undefined) ?? '',
    clusters: collect('clusters', 'cluster'),
    users: collect('users', 'user'),
    contexts: collect('contexts', 'context'),
  };
}

function entryOf(entries: ReadonlyMap<string, Entry>, name: string, what: string): Entry {
  const entry = entries.get(name);
  if (entry !== undefined) return entry;
  throw fault(name === '' ? `no ${what} is chosen` : `there is no ${what} ${JSON.stringify(name)}`, `${what}s`);
}

interface Chosen {
  readonly cluster: Entry;
  readonly user: Entry;
  readonly options: KubeconfigOptions;
  readonly paths: readonly string[];
  readonly contextName: string;
}

async function credentialsOf(chosen: Chosen): Promise<Credentials> {
  const { cluster, user, options } = chosen;
  const now = options.now ?? Date.now;
  if ('exec' in user.fields || 'auth-provider' in user.fields) {
    const { kubeConfigCredentials } = await import('./kube-config-credentials.ts');
    return await kubeConfigCredentials({ paths: chosen.paths, context: chosen.contextName, now });
  }
  const load = async () => ({ tls: await tlsOf(cluster, user), headers: await headersOf(user) });
  const reads = [cluster, user].some(({ fields }) => fileFields.some((field) => textOf(fields, field) !== undefined));
  if (reads) return reloadedCredentials(load, { now });
  const { tls, headers } = await load();
  return staticCredentials({ ...tls, headers });
}

const fileFields = ['certificate-authority', 'client-certificate', 'client-key', 'tokenFile'] as const;

async function tlsOf(cluster: Entry, user: Entry): Promise<TlsMaterial> {
  const file = pairFileOf(user);
  // Read once: the file may be replaced in between, and a certificate of now does not fit the key of a moment ago.
  const pair = file === undefined ? undefined : await readIn(user, file);
  return {
    ca: await textOrFile(cluster, 'certificate-authority'),
    cert: pair ?? (await textOrFile(user, 'client-certificate')),
    key: pair ?? (await textOrFile(user, 'client-key')),
    serverName: textOf(cluster.fields, 'tls-server-name'),
    skipVerify: cluster.fields['insecure-skip-tls-verify'] === true,
  };
}

/** The file that holds certificate and key, where it is one. */
function pairFileOf({ fields, directory }: Entry): string | undefined {
  const file = textOf(fields, 'client-certificate');
  return file !== undefined && file === textOf(fields, 'client-key') ? resolve(directory, file) : undefined;
}

async function headersOf(user: Entry): Promise<Readonly<Record<string, string>>> {
  const { fields } = user;
  const file = textOf(fields, 'tokenFile');
  const token = file === undefined ? textOf(fields, 'token') : (await readIn(user, file)).trim();
  const name = textOf(fields, 'username');
  const password = textOf(fields, 'password') ?? '';
  const impersonated = textOf(fields, 'as');
  return {
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(token !== undefined || name === undefined ? {} : { authorization: `Basic ${btoa(`${name}:${password}`)}` }),
    ...(impersonated === undefined ? {} : { 'impersonate-user': impersonated }),
  };
}

/** `<field>-data` (base64) or the file that `field` names. */
async function textOrFile(entry: Entry, field: string): Promise<string | undefined> {
  const inline = textOf(entry.fields, `${field}-data`);
  if (inline !== undefined) return Buffer.from(inline, 'base64').toString();
  const path = textOf(entry.fields, field);
  return path === undefined ? undefined : await readIn(entry, path);
}

async function readIn(entry: Entry, path: string): Promise<string> {
  const whole = resolve(entry.directory, path);
  try {
    return await readFile(whole, 'utf8');
  } catch (err) {
    throw new HostError(`${whole}, which the kubeconfig names, cannot be read`, { path: whole }, { cause: err });
  }
}

function textOf(fields: Fields, field: string): string | undefined {
  const value = fields[field];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function fault(message: string, field: string): InvalidError {
  return new InvalidError(`kubeconfig: ${message}`, [{ field, reason: 'FieldValueInvalid', message }]);
}
