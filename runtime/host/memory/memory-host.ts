import { posix } from 'node:path';
import { Readable } from 'node:stream';
import { HostError } from '#runtime/base/errors.ts';
import type {
  Host,
  HostCapabilities,
  LocalHttpAnswer,
  LocalHttpRequest,
  RunOptions,
  RunResult,
  ShownCertificate,
} from '#runtime/host/host.ts';
import { createFaultSwitch, type FaultSwitch } from './memory-faults.ts';
import {
  createMemoryServices,
  createServiceRecords,
  type MemoryServices,
  type ServiceHooks,
  type ServiceRecords,
} from './memory-services.ts';
import { createMemorySlices } from './memory-slices.ts';
import {
  checkMemoryPath,
  createMemoryTree,
  directoryNode,
  entriesOf,
  factsOfNode,
  hashMemoryTree,
  moveNodes,
  pathsBelow,
  putNode,
  type MemoryNode,
  type MemoryTree,
} from './memory-tree.ts';

/** What a model machine is to have. */
export interface MemoryHostOptions extends ServiceHooks {
  /** `/srv/wcp360` unless given. */
  readonly root?: string;
  readonly accountsDirectory?: string;
  readonly capabilities?: Partial<HostCapabilities>;
  /** Programs beside `/bin/mkdir -p`, which it has; a HostError without. */
  readonly run?: (argv: readonly string[], options: RunOptions) => RunResult;
  /** What listens on it; a request that asks for more than an answer is an effect. */
  readonly http?: (request: LocalHttpRequest) => LocalHttpAnswer | Promise<LocalHttpAnswer>;
  /** What a TLS server shows for a name; a HostError without. */
  readonly tls?: (port: number, serverName: string) => ShownCertificate | undefined;
  readonly addresses?: Readonly<Record<string, readonly string[]>>;
}

/** A model of the machine with the contract of Host, and what only tests may do. */
export interface MemoryHost extends Host {
  readonly services: MemoryServices;
  readonly faults: FaultSwitch;
  readonly tree: MemoryTree;
  /** The same machine for a process that dies by a switch of its own. */
  seenBy(process: FaultSwitch): MemoryHost;
  /** Equal for equal trees; staging, trash and times left out. */
  treeHash(): string;
  /** Changes an entry as somebody else on the machine would; watchers hear of it. `undefined` removes it with all below. */
  byHand(path: string, node: Partial<MemoryNode> | undefined): void;
  /** Asks what listens on a unix socket. */
  askUnix(path: string, line: string): Promise<string>;
}

/** What the parts of one model machine share. */
interface Machine {
  readonly tree: MemoryTree;
  readonly faults: FaultSwitch;
  readonly options: MemoryHostOptions;
  readonly watchers: Set<{ readonly directory: string; readonly onChange: (path: string) => void }>;
  readonly listeners: Map<string, (line: string) => Promise<string>>;
  readonly services: ServiceRecords;
}

/** A machine with an empty root. */
export function createMemoryHost(options: MemoryHostOptions = {}): MemoryHost {
  const root = options.root ?? '/srv/wcp360';
  const { accountsDirectory } = options;
  const tree = createMemoryTree(accountsDirectory === undefined ? [root] : [root, accountsDirectory]);
  const services = createServiceRecords();
  return seenWith({ tree, faults: createFaultSwitch(), options, watchers: new Set(), listeners: new Map(), services });
}

function seenWith(machine: Machine): MemoryHost {
  const { tree, faults, options, services } = machine;
  return {
    root: tree.roots[0] ?? '/',
    accountsDirectory: options.accountsDirectory,
    tree,
    faults,
    seenBy: (process) => seenWith({ ...machine, faults: process }),
    services: createMemoryServices(faults, {
      hooks: options,
      records: services,
      slices: createMemorySlices(faults, tree),
    }),
    treeHash: () => hashMemoryTree(tree),
    byHand: (path, node) => byHand(machine, path, node),
    askUnix: async (path, line) => {
      const listener = machine.listeners.get(path);
      if (listener === undefined) throw new HostError(`nobody listens on "${path}"`, { path });
      return await listener(line);
    },
    ...readers(machine),
    ...fileWriters(machine),
    ...directoryWriters(machine),
    ...network(machine),
  };
}

const modelCapabilities: HostCapabilities = {
  phpVersions: ['8.2'],
  nginxVersion: '1.22.1',
  http3: false,
  adminer: true,
  powerdns: undefined,
  mariadb: undefined,
  postgresql: undefined,
  takenUids: new Set([0, 33]),
  size: { processors: 4, memoryBytes: 8 * 2 ** 30, storageBytes: 100 * 2 ** 30 },
  front: { user: 'www-data', uid: 33, gid: 33 },
};

function readers({ tree, options }: Machine) {
  const read = (path: string): MemoryNode | undefined => (checkMemoryPath(tree, path), tree.nodes.get(path));
  return {
    readText: async (path, signal, maxBytes = 1024 * 1024) => {
      signal.throwIfAborted();
      const node = read(path);
      if (node === undefined) return undefined;
      if (node.type !== 'file') throw new HostError(`"${path}" is not a regular file`, { path });
      if (Buffer.byteLength(node.content) > maxBytes)
        throw new HostError(`"${path}" is larger than ${maxBytes} bytes`, { path });
      return node.content;
    },
    openFile: async (path, signal) => {
      signal.throwIfAborted();
      const node = read(path);
      if (node === undefined) return undefined;
      if (node.type !== 'file') throw new HostError(`"${path}" is not a regular file`, { path });
      return Readable.from([Buffer.from(node.content)]);
    },
    readDirectory: async (path) => (checkMemoryPath(tree, path), entriesOf(tree, path)),
    facts: async (path) => {
      const node = read(path);
      return node === undefined ? undefined : factsOfNode(node);
    },
    factsOf: async (paths) =>
      new Map(
        paths.flatMap((path) => {
          const node = read(path);
          return node === undefined ? [] : [[path, factsOfNode(node)] as const];
        }),
      ),
    readTexts: async (directory) => {
      checkMemoryPath(tree, directory);
      const entries = entriesOf(tree, directory);
      return entries === undefined
        ? undefined
        : new Map(
            entries
              .filter((entry) => entry.type === 'file' && !entry.name.startsWith('.'))
              .map((entry) => [entry.name, tree.nodes.get(`${directory}/${entry.name}`)?.content ?? '']),
          );
    },
    readProgramText: async (url) => `text of ${posix.basename(url.pathname)}\n`,
    accepts: async (path) => read(path)?.type === 'socket',
    resolve: async (hostname) => options.addresses?.[hostname] ?? [],
    capabilities: async () => ({ ...modelCapabilities, ...options.capabilities }),
  } satisfies Partial<Host>;
}

function fileWriters({ tree, faults }: Machine) {
  const replaceFile: Host['replaceFile'] = async (path, content, ownership, signal) => {
    signal.throwIfAborted();
    checkMemoryPath(tree, path);
    if (tree.nodes.get(path)?.type === 'directory') throw new HostError(`"${path}" is a directory`, { path });
    faults.beforeEffect();
    const { mode, uid, gid } = ownership;
    putNode(tree, path, { type: 'file', mode, uid, gid, content, modifiedMs: Date.now() });
  };
  return {
    replaceFile,
    replaceFiles: async (files, signal) => {
      for (const file of files) await replaceFile(file.path, file.content, file.ownership, signal);
    },
    replaceFileWith: async (path, content, ownership, signal) => {
      const chunks: Buffer[] = [];
      for await (const chunk of content) chunks.push(chunk);
      await replaceFile(path, Buffer.concat(chunks).toString(), ownership, signal);
    },
    removeFile: async (path, signal) => {
      signal.throwIfAborted();
      checkMemoryPath(tree, path);
      const node = tree.nodes.get(path);
      if (node === undefined) return;
      if (node.type === 'directory') throw new HostError(`"${path}" is a directory`, { path });
      faults.beforeEffect();
      tree.nodes.delete(path);
    },
    publishSocket: async (from, to, uid) => {
      checkMemoryPath(tree, from);
      checkMemoryPath(tree, to);
      const node = tree.nodes.get(from);
      if (node?.type !== 'socket' || node.uid !== uid)
        throw new HostError(`"${from}" is not a socket of uid ${uid}`, { path: from });
      faults.beforeEffect();
      putNode(tree, to, node);
    },
  } satisfies Partial<Host>;
}

function directoryWriters({ tree, faults }: Machine) {
  return {
    makeDirectory: async (path, ownership, signal) => {
      signal.throwIfAborted();
      checkMemoryPath(tree, path);
      const node = tree.nodes.get(path);
      if (node !== undefined && node.type !== 'directory') throw new HostError(`"${path}" is no directory`, { path });
      const { mode, uid, gid } = ownership;
      if (node?.mode === mode && node.uid === uid && node.gid === gid) return;
      faults.beforeEffect();
      putNode(tree, path, directoryNode(ownership));
    },
    rename: async (from, to, signal) => {
      signal.throwIfAborted();
      checkMemoryPath(tree, from);
      checkMemoryPath(tree, to);
      const isThere = tree.nodes.has(from);
      if (tree.nodes.has(to)) {
        if (isThere) throw new HostError(`"${to}" is there already`, { path: to });
        return;
      }
      if (!isThere) throw new HostError(`"${from}" is not there`, { path: from });
      faults.beforeEffect();
      moveNodes(tree, from, to);
    },
    removeTree: async (path, signal) => {
      signal.throwIfAborted();
      checkMemoryPath(tree, path);
      if (!tree.nodes.has(path)) return;
      faults.beforeEffect();
      for (const each of pathsBelow(tree, path)) tree.nodes.delete(each);
    },
  } satisfies Partial<Host>;
}

function network(machine: Machine) {
  const { tree, faults, options, watchers, listeners } = machine;
  return {
    run: async (argv, runOptions, signal) => {
      signal.throwIfAborted();
      faults.beforeEffect();
      if (argv[0] === '/bin/mkdir') return makeAs(tree, argv.at(-1) ?? '', runOptions);
      if (options.run === undefined)
        throw new HostError(`${argv[0]} is not on the model machine`, { program: argv[0] ?? '' });
      return options.run(argv, runOptions);
    },
    startProgram: ([program = '']) => {
      throw new HostError(`${program} is not on the model machine`, { program });
    },
    httpRequest: async (request) => {
      if (options.http === undefined) throw new HostError('nothing answers on the model machine');
      if (request.method !== 'GET') faults.beforeEffect();
      return await options.http(request);
    },
    tlsHandshake: async ({ port }, serverName, signal) => {
      signal.throwIfAborted();
      if (options.tls === undefined) throw new HostError('nothing answers on the model machine');
      return options.tls(port, serverName);
    },
    connectUnix: async (path) =>
      await Promise.reject(new HostError(`nobody answers at "${path}" on the model machine`)),
    watchFiles: async (directory, onChange, signal) => {
      const watcher = { directory, onChange };
      watchers.add(watcher);
      signal.addEventListener('abort', () => watchers.delete(watcher));
    },
    listenUnix: async (path, ownership, onLine, signal) => {
      checkMemoryPath(tree, path);
      putNode(tree, path, { ...directoryNode(ownership), type: 'socket' });
      listeners.set(path, onLine);
      signal.addEventListener('abort', () => listeners.delete(path));
    },
  } satisfies Partial<Host>;
}

/** mkdir -p as a tenant: the setgid bit and the group of the directory above are handed down. */
function makeAs(tree: MemoryTree, path: string, { uid = 0, gid = 0 }: RunOptions): RunResult {
  const parent = tree.nodes.get(posix.dirname(path));
  if (parent?.type !== 'directory' || (parent.uid !== uid && uid !== 0)) {
    throw new HostError(`mkdir ${path}: permission denied`, { program: '/bin/mkdir', exitCode: 1 });
  }
  const isHandedDown = (parent.mode & 0o2000) !== 0;
  if (!tree.nodes.has(path)) {
    tree.nodes.set(
      path,
      directoryNode({ mode: isHandedDown ? 0o2755 : 0o755, uid, gid: isHandedDown ? parent.gid : gid }),
    );
  }
  return { exitCode: 0, stdout: '', stderr: '' };
}

function byHand({ tree, watchers }: Machine, path: string, node: Partial<MemoryNode> | undefined): void {
  const before = tree.nodes.get(path) ?? { ...directoryNode({ mode: 0o644, uid: 0, gid: 0 }), type: 'file' as const };
  if (node === undefined) for (const each of pathsBelow(tree, path)) tree.nodes.delete(each);
  else putNode(tree, path, { ...before, ...node });
  for (const watcher of watchers) if (path.startsWith(`${watcher.directory}/`)) watcher.onChange(path);
}
