import { X509Certificate, createPrivateKey } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';
import fc from 'fast-check';
import t from 'tap';
import { parse } from 'yaml';
import { placeFile } from '#runtime/config/files.ts';
import { writeKubeconfig } from '#runtime/config/kubeconfig.ts';
import { loadConfig } from '#runtime/config/load.ts';
import { optionsOf } from '#runtime/config/options.ts';
import { createPki, type PairFiles, type Pki } from '#runtime/config/pki.ts';
import { parseKeyFile } from '#runtime/storage/encryption/encryption-keys.ts';
import { agentConfig, controllerConfig, serverConfig } from '#runtime/config/programs.ts';
import { upConfig } from '#runtime/config/instance.ts';

const options = { hostName: 'local' };
const dayMs = 24 * 3_600_000;

async function withDirectory(test: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'wcp360-config-'));
  try {
    await test(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** Every file below a directory with its content. */
async function contents(directory: string): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    found.set(path.slice(directory.length + 1), await readFile(path, 'utf8'));
  }
  return found;
}

const changed = (before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): readonly string[] =>
  [...after.keys()].filter((path) => before.get(path) !== after.get(path)).toSorted();

const leaves = (pki: Pki): readonly (readonly [PairFiles, PairFiles])[] => [
  ...[pki.server, pki.admin, pki.controller, pki.agent].map((pair) => [pki.authority, pair] as const),
  ...[pki.etcd.server, pki.etcd.peer, pki.etcd.client].map((pair) => [pki.etcd.authority, pair] as const),
];

/** What is wrong with a PKI; empty when everything verifies. */
async function faultsIn(pki: Pki, nowMs = Date.now()): Promise<readonly string[]> {
  const faults: string[] = [];
  for (const [authorityFiles, files] of leaves(pki)) {
    const authority = new X509Certificate(await readFile(authorityFiles.certificate));
    const certificate = new X509Certificate(await readFile(files.certificate));
    if (!certificate.verify(authority.publicKey) || !certificate.checkIssued(authority))
      faults.push(`${files.certificate}: CA`);
    if (!certificate.checkPrivateKey(createPrivateKey(await readFile(files.key))))
      faults.push(`${files.certificate}: key`);
    if (!authority.checkPrivateKey(createPrivateKey(await readFile(authorityFiles.key))))
      faults.push('the key of the CA');
    if (certificate.validToDate.getTime() < nowMs + 30 * dayMs) faults.push(`${files.certificate}: about to end`);
  }
  createPrivateKey(await readFile(pki.serviceAccount.key));
  parseKeyFile(await readFile(pki.encryptionKey, 'utf8'));
  return faults;
}

t.test('a second run changes nothing', (t) =>
  withDirectory(async (directory) => {
    const pki = await createPki(directory, options);
    t.same(await faultsIn(pki), []);
    const before = await contents(directory);
    const times = await Promise.all(
      [...before.keys()].map(async (path) => (await stat(join(directory, path))).mtimeMs),
    );
    await createPki(directory, options);
    t.same(changed(before, await contents(directory)), []);
    const again = await Promise.all(
      [...before.keys()].map(async (path) => (await stat(join(directory, path))).mtimeMs),
    );
    t.same(again, times);
    t.equal(before.size, 25);
  }),
);

t.test('keys are for their owner only', (t) =>
  withDirectory(async (directory) => {
    await createPki(directory, options);
    for (const path of (await contents(directory)).keys()) {
      const { mode } = await stat(join(directory, path));
      t.equal(mode & 0o777, path.endsWith('.key') ? 0o600 : 0o644, path);
    }
    await createPki(directory, options);
  }),
);

t.test(
  'each program gets its own owner',
  { skip: process.getuid?.() === 0 ? false : 'giving files away needs root' },
  (t) =>
    withDirectory(async (directory) => {
      const owner = (uid: number) => ({ uid, gid: uid });
      const owners = { server: owner(901), etcd: owner(902), admin: owner(903) };
      const pki = await createPki(directory, { ...options, owners });
      const uidOf = async (path: string) => (await stat(path)).uid;
      t.equal(await uidOf(pki.server.key), 901);
      t.equal(await uidOf(pki.etcd.client.key), 901, 'the server is the client of etcd');
      t.equal(await uidOf(pki.encryptionKey), 901);
      t.equal(await uidOf(pki.etcd.server.key), 902);
      t.equal(await uidOf(pki.admin.key), 903);
      t.equal(await uidOf(pki.authority.key), 901, 'the server signs for hosts that join');
      t.equal(await uidOf(pki.etcd.authority.key), 0, 'the CA of the store stays with root');
      await createPki(directory, { ...options, owners: { ...owners, admin: owner(904) } });
      t.equal(await uidOf(pki.admin.key), 904, 'a new owner takes over');
    }),
);

t.test('whatever a crash leaves behind, the next run ends with a PKI that verifies', (t) =>
  withDirectory(async (directory) => {
    const whole = await (async () => {
      await createPki(directory, options);
      return [...(await contents(directory)).keys()].toSorted();
    })();
    const damages: Record<string, (path: string) => Promise<void>> = {
      missing: (path) => rm(path),
      empty: (path) => truncate(path, 0),
      torn: (path) => truncate(path, 60),
      garbage: (path) => writeFile(path, 'garbage\n'),
    };
    for (const [damage, apply] of Object.entries(damages)) {
      for (const file of whole) {
        if (file === 'encryption.key' && damage !== 'missing') continue;
        const before = await contents(directory);
        await apply(join(directory, file));
        const pki = await createPki(directory, options);
        t.same(await faultsIn(pki), [], `${damage} ${file}`);
        if (!file.includes('ca.') && file !== 'service-account.key') {
          const pair = file.replace(/\.(crt|key|pub)$/, '');
          const touched = changed(before, await contents(directory));
          t.ok(
            touched.every((path) => path.startsWith(pair)),
            `${damage} ${file}: only its pair is made anew`,
          );
        }
      }
    }
  }),
);

t.test('any mix of files from two PKIs is mended', (t) =>
  withDirectory(async (directory) => {
    const other = join(directory, 'other');
    const here = join(directory, 'here');
    await createPki(other, options);
    await createPki(here, options);
    const theirs = await contents(other);
    const files = [...theirs.keys()];
    await fc.assert(
      fc.asyncProperty(fc.subarray(files), async (taken) => {
        for (const file of taken) await writeFile(join(here, file), theirs.get(file) ?? '');
        const pki = await createPki(here, options);
        t.same(await faultsIn(pki), []);
      }),
      { numRuns: 15 },
    );
  }),
);

t.test('what is near its end is renewed, and nothing else', (t) =>
  withDirectory(async (directory) => {
    const pki = await createPki(directory, options);
    const before = await contents(directory);
    const nowMs = Date.now() + 350 * dayMs;
    await createPki(directory, { ...options, now: () => nowMs });
    const renewed = changed(before, await contents(directory));
    t.equal(renewed.length, 16, 'eight pairs');
    t.notOk(
      renewed.some((path) => path.includes('ca.') || path.includes('service-account') || path.includes('encryption')),
    );
    t.same(await faultsIn(pki, nowMs), []);
    const late = Date.now() + 3000 * dayMs;
    const server = await readFile(pki.server.certificate);
    const authorityKey = await readFile(pki.authority.key, 'utf8');
    await createPki(directory, { ...options, now: () => late });
    t.equal(await readFile(pki.authority.key, 'utf8'), authorityKey, 'a CA is renewed with its key');
    const authority = new X509Certificate(await readFile(pki.authority.certificate));
    t.ok(new X509Certificate(server).verify(authority.publicKey), 'so that what it signed before still verifies');
  }),
);

t.test('a server that gets another name gets another certificate', (t) =>
  withDirectory(async (directory) => {
    await createPki(directory, options);
    const before = await contents(directory);
    const pki = await createPki(directory, {
      ...options,
      serverNames: ['api.example.org', '192.0.2.7', '2001:db8::1:0:2'],
    });
    t.same(changed(before, await contents(directory)), ['server.crt', 'server.key']);
    const certificate = new X509Certificate(await readFile(pki.server.certificate));
    for (const name of ['localhost', 'api.example.org', 'kubernetes.default.svc'])
      t.ok(certificate.checkHost(name), name);
    for (const address of ['127.0.0.1', '::1', '192.0.2.7', '2001:db8::1:0:2'])
      t.ok(certificate.checkIP(address), address);
    const again = await contents(directory);
    await createPki(directory, { ...options, serverNames: ['api.example.org', '192.0.2.7', '2001:db8::1:0:2'] });
    t.same(changed(again, await contents(directory)), []);
  }),
);

t.test('an encryption key that cannot be read is never replaced', (t) =>
  withDirectory(async (directory) => {
    const pki = await createPki(directory, options);
    for (const text of ['', '# no key\n', 'short\n', `a:${Buffer.alloc(31).toString('base64')}\n`]) {
      await writeFile(pki.encryptionKey, text);
      await t.rejects(createPki(directory, options), { code: 'WCP_REFUSED', message: /Put the right one back/ });
      t.equal(await readFile(pki.encryptionKey, 'utf8'), text);
    }
    const [a, b] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
    const rotated = `# new\nb:${b.toString('base64')}\n\na:${a.toString('base64')}\n`;
    await writeFile(pki.encryptionKey, rotated);
    await createPki(directory, options);
    t.equal(await readFile(pki.encryptionKey, 'utf8'), rotated);
    t.equal(parseKeyFile(rotated)[0].id, 'b', 'the first one writes');
  }),
);

interface Handshake {
  readonly authorized: boolean;
  readonly subject: unknown;
}

/** Connects with a client certificate to a server that asks for one; what the server saw, or why it failed. */
async function handshake(
  server: PairFiles,
  trusted: PairFiles,
  client: PairFiles,
  clientTrusts: PairFiles,
): Promise<Handshake | string> {
  const listener = createServer({
    cert: await readFile(server.certificate),
    key: await readFile(server.key),
    ca: await readFile(trusted.certificate),
    requestCert: true,
    rejectUnauthorized: false,
  });
  await new Promise<void>((resolve) => void listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address() as { port: number };
  const seen = new Promise<Handshake>((resolve) => {
    listener.on('secureConnection', (socket) => {
      resolve({ authorized: socket.authorized, subject: socket.getPeerCertificate().subject });
      socket.end();
    });
  });
  const [ca, cert, key] = [
    await readFile(clientTrusts.certificate),
    await readFile(client.certificate),
    await readFile(client.key),
  ];
  const socket = connect({ port, host: '127.0.0.1', ca, cert, key });
  const failed = new Promise<string>((resolve) => socket.on('error', (err: Error) => resolve(err.message)));
  const result = await Promise.race([seen, failed]);
  socket.destroy();
  await new Promise((resolve) => void listener.close(resolve));
  return result;
}

t.test('the certificates work in TLS, and those of the API open no etcd', (t) =>
  withDirectory(async (directory) => {
    const pki = await createPki(directory, options);
    t.match(await handshake(pki.server, pki.authority, pki.admin, pki.authority), {
      authorized: true,
      subject: { CN: 'admin', O: 'system:masters' },
    });
    t.match(await handshake(pki.server, pki.authority, pki.agent, pki.authority), {
      authorized: true,
      subject: {
        CN: 'system:serviceaccount:wcp360-system:agent-local',
        O: ['system:serviceaccounts', 'system:serviceaccounts:wcp360-system'],
      },
    });
    t.match(await handshake(pki.etcd.server, pki.etcd.authority, pki.etcd.client, pki.etcd.authority), {
      authorized: true,
    });
    t.match(await handshake(pki.etcd.peer, pki.etcd.authority, pki.etcd.peer, pki.etcd.authority), {
      authorized: true,
    });
    t.match(
      await handshake(pki.etcd.server, pki.etcd.authority, pki.admin, pki.etcd.authority),
      { authorized: false },
      'the admin at etcd',
    );
    t.match(
      await handshake(pki.server, pki.authority, pki.etcd.client, pki.authority),
      { authorized: false },
      "etcd's client at the API",
    );
    t.match(
      await handshake(pki.server, pki.authority, pki.server, pki.authority),
      { authorized: false },
      'a server is no client',
    );
    t.type(
      await handshake(pki.etcd.server, pki.etcd.authority, pki.admin, pki.authority),
      'string',
      'a client of the API does not believe etcd',
    );
  }),
);

t.test('a kubeconfig carries all it needs and is written once', (t) =>
  withDirectory(async (directory) => {
    const pki = await createPki(directory, options);
    const path = join(directory, 'admin.kubeconfig');
    const given = {
      server: 'https://127.0.0.1:6443',
      certificateAuthority: { file: pki.authority.certificate },
      credentials: { client: pki.admin },
      namespace: 'acme',
    };
    await writeKubeconfig(path, given);
    const first = await stat(path);
    t.equal(first.mode & 0o777, 0o600);
    const config = parse(await readFile(path, 'utf8')) as {
      clusters: { cluster: Record<string, string> }[];
      users: { user: Record<string, string> }[];
      contexts: { context: Record<string, string> }[];
    };
    t.equal(config.clusters[0]?.cluster['server'], given.server);
    t.equal(
      Buffer.from(config.users[0]?.user['client-key-data'] ?? '', 'base64').toString(),
      await readFile(pki.admin.key, 'utf8'),
    );
    t.equal(config.contexts[0]?.context['namespace'], 'acme');
    await writeKubeconfig(path, given);
    t.equal((await stat(path)).mtimeMs, first.mtimeMs);
    await t.rejects(writeKubeconfig(path, { ...given, certificateAuthority: { file: '/nowhere' } }), {
      code: 'WCP_HOST',
    });
  }),
);

t.test('a file is replaced as a whole, and never through a link', (t) =>
  withDirectory(async (directory) => {
    const path = join(directory, 'file');
    await placeFile(path, 'one', { mode: 0o640 });
    const { ino } = await stat(path);
    await placeFile(path, 'two', { mode: 0o600 });
    t.not((await stat(path)).ino, ino);
    t.equal((await stat(path)).mode & 0o777, 0o600);
    t.same(await readdir(directory), ['file'], 'nothing is left beside it');
    await t.rejects(placeFile(join(directory, 'missing', 'file'), 'x', { mode: 0o600 }), { code: 'WCP_HOST' });
  }),
);

t.test('flags win over the environment, that over the file, that over defaults', (t) =>
  withDirectory(async (directory) => {
    const file = join(directory, 'agent.yaml');
    await writeFile(file, 'hostName: from-file\nfrontHttpPort: 81\nfrontHttpsPort: 82\nfrontAddresses: [192.0.2.1]\n');
    const config = await loadConfig(agentConfig, {
      file,
      environment: {
        WCPD_FRONT_HTTP_PORT: '8080',
        WCPD_FRONT_HTTPS_PORT: '',
        WCPD_KUBECONFIG: '/k',
        WCPD_PROXY_PROTOCOL: 'true',
        WCPD_OTHER: 'x',
      },
      flags: { frontHttpPort: '9090', hostName: undefined, trustedProxies: '10.0.0.0/8, 192.0.2.0/24' },
    });
    t.match(config, {
      kubeconfig: '/k',
      hostName: 'from-file',
      frontHttpPort: 9090,
      frontHttpsPort: 82,
      frontAddresses: ['192.0.2.1'],
      trustedProxies: ['10.0.0.0/8', '192.0.2.0/24'],
      proxyProtocol: true,
      root: '/srv/wcp360',
      serviceManager: 'systemd',
    });
    t.ok(Object.isFrozen(config) && Object.isFrozen(config.trustedProxies));
    const up = await loadConfig(upConfig, {});
    t.same(up.etcdServers, []);
  }),
);

t.test('a faulty setting is named with where it came from', (t) =>
  withDirectory(async (directory) => {
    const file = join(directory, 'c.yaml');
    await t.rejects(loadConfig(agentConfig, {}), {
      code: 'WCP_INVALID',
      message: /hostName.*--host-name or WCPD_HOST_NAME/,
    });
    await t.rejects(loadConfig(agentConfig, { flags: { kubeconfig: 'k', hostName: 'a', frontHttpPort: '65536' } }), {
      message: /frontHttpPort.*\(from --front-http-port\)/,
    });
    await t.rejects(
      loadConfig(agentConfig, {
        flags: { kubeconfig: 'k', hostName: 'a' },
        environment: { WCPD_FRONT_HTTP_PORT: '80x' },
      }),
      { message: /frontHttpPort.*\(from WCPD_FRONT_HTTP_PORT\)/ },
    );
    await t.rejects(loadConfig(agentConfig, { flags: { kubeconfig: 'k', hostName: '../x' } }), { message: /hostName/ });
    await writeFile(file, 'kubeconfg: k\n');
    await t.rejects(loadConfig(controllerConfig, { file }), {
      message: `${file}: kubeconfg: no setting has this name`,
    });
    await writeFile(file, 'kubeconfig: a\nkubeconfig: b\n');
    await t.rejects(loadConfig(controllerConfig, { file }), { message: /unique/ });
    await writeFile(file, '- a\n');
    await t.rejects(loadConfig(controllerConfig, { file }), { message: /mapping/ });
    await t.rejects(loadConfig(controllerConfig, { file: join(directory, 'none') }), { message: /not there/ });
    await t.rejects(
      loadConfig(serverConfig, {
        flags: {
          etcdServers: 'ftp://x',
          tlsCertFile: 'a',
          tlsKeyFile: 'b',
          clientCaFile: 'c',
          serviceAccountKeyFile: 'd',
        },
      }),
      { message: /etcdServers\[0\].*\(from --etcd-servers\)/ },
    );
  }),
);

t.test('every setting has a flag, a variable, and a sentence', async (t) => {
  for (const config of [serverConfig, controllerConfig, agentConfig, upConfig]) {
    const found = optionsOf(config);
    t.equal(new Set(found.map(({ flag }) => flag)).size, found.length);
    for (const { field, flag, variable, schema } of found) {
      t.match(flag, /^--[a-z]+(-[a-z]+)*$/);
      t.match(variable, /^WCPD_[A-Z]+(_[A-Z]+)*$/);
      t.ok((schema.description ?? '').length > 10, field);
    }
  }
  t.match(optionsOf(serverConfig)[1], {
    field: 'etcdServers',
    flag: '--etcd-servers',
    variable: 'WCPD_ETCD_SERVERS',
    required: true,
  });
});
