import { rename, symlink } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import type { Defence } from '#test/lab/defences.ts';
import { serving } from '#test/lab/serving.ts';
import { sendRaw, type Visit } from '#test/lab/visit.ts';
import type { TenantHost } from '#test/lab/tenant-host.ts';
import type { Attack } from './attack.ts';
import { canary, soon, textSoFar, type SiteGround, type Tenant } from './ground.ts';

type SiteAttack = Attack<SiteGround>;
type Against = SiteAttack['against'];

/** Alpha's package allows the first; what listens on the second is the host's own. */
const allowed = { host: '127.0.0.2', port: 0 };
const loopback = { host: '127.0.0.1', port: 0 };
const urlOf = (port: number): string => `http://${allowed.host}:${port}`;
/** More than a request has a reason for. */
const manyRounds = 50;

/** One attack for each way of writing the same thing. */
function spelled(
  spellings: readonly string[],
  attack: (spelling: string) => Omit<SiteAttack, 'against'>,
  ...against: Against
): readonly SiteAttack[] {
  return spellings.map((spelling) => ({ ...attack(spelling), against }));
}

const bodyWith = (text: string, { body }: Visit): string | undefined => (body.includes(text) ? body : undefined);

/** What alpha's program sees of a request that came through the front, or what a visitor sees of its answer. */
async function behindFront<T>(
  ground: SiteGround,
  program: (request: IncomingMessage, response: ServerResponse) => void,
  use: (hostname: string) => Promise<T>,
): Promise<T> {
  return await serving(createServer(program), allowed, async (port) => {
    await ground.declare('alpha', 'program', { proxy: { url: urlOf(port) } });
    return await use('program.alpha.test');
  });
}

/** What of a request reaches a program behind the front. */
async function received(
  ground: SiteGround,
  send: (hostname: string) => Promise<unknown>,
): Promise<IncomingMessage['headers']> {
  let headers: IncomingMessage['headers'] = {};
  const program = (request: IncomingMessage, response: ServerResponse): void => {
    headers = request.headers;
    response.end('seen');
  };
  await behindFront(ground, program, send);
  return headers;
}

const filesOfOthers: readonly SiteAttack[] = [
  ...spelled(
    ['/%252e%252e/private/own.txt', '/%252e%252e%252fprivate/own.txt'],
    (path) => ({
      name: `a path that is decoded once too often leaves the document root: ${path}`,
      run: async (ground) => bodyWith('private', await ground.http('files.alpha.test', path)),
    }),
    'paths are decoded once',
    'hidden files are not served',
  ),
  ...spelled(
    ['/../private/own.txt', '/..%2fprivate/own.txt', '/%2e%2e/private/own.txt', '//../private/own.txt'],
    (path) => ({
      name: `a path leaves the document root: ${path}`,
      run: async (ground) => bodyWith('private', await ground.http('files.alpha.test', path)),
    }),
    'nginx reads requests',
  ),
  ...spelled(
    ['.env', '.git/config'],
    (file) => ({
      name: `a visitor asks for a hidden file: ${file}`,
      run: async (ground) => {
        await ground.place('alpha', `domains/files/public/${file}`, 'hidden');
        return bodyWith('hidden', await ground.http('files.alpha.test', `/${file}`));
      },
    }),
    'hidden files are not served',
  ),
  {
    name: 'a visitor asks for the source of a program',
    against: ['programs are not served as files'],
    run: async (ground) => {
      await ground.place('alpha', 'domains/files/public/config.php', '<?php $password = "source";');
      return bodyWith('source', await ground.http('files.alpha.test', '/config.php'));
    },
  },
  {
    name: 'a link leads to a file of another tenant, within the host’s own tree',
    against: ['no link is opened for a file'],
    run: async (ground) => {
      await ground.link('alpha', 'domains/files/public/link.txt', '../../../../beta/domains/files/public/secret.txt');
      return bodyWith(canary, await ground.http('files.alpha.test', '/link.txt'));
    },
  },
  {
    name: 'a link leads to a file of another tenant, by its whole path',
    against: ['links are followed to own files only'],
    run: async (ground) => {
      const target = `${ground.root}/tenants/beta/domains/files/public/secret.txt`;
      await ground.link('alpha', 'domains/files/public/whole.txt', target);
      return bodyWith(canary, await ground.http('files.alpha.test', '/whole.txt'));
    },
  },
  {
    name: 'a link leads to a directory of another tenant',
    against: ['links are followed to own files only'],
    run: async (ground) => {
      const target = `${ground.root}/tenants/beta/domains/files/public`;
      await ground.link('alpha', 'domains/files/public/directory', target);
      return bodyWith(canary, await ground.http('files.alpha.test', '/directory/secret.txt'));
    },
  },
  {
    name: 'a file is swapped for a link while it is served',
    against: ['links are followed to own files only'],
    run: async (ground) => {
      const folder = join(ground.directory, 'tenants/alpha/domains/files/public');
      const target = `${ground.root}/tenants/beta/domains/files/public/secret.txt`;
      for (let round = 0; round < 60; round += 1) {
        await ground.place('alpha', 'domains/files/public/swapped.txt', 'own');
        const asked = Array.from({ length: 4 }, () => ground.http('files.alpha.test', '/swapped.txt'));
        await symlink(target, join(folder, '.next'));
        await rename(join(folder, '.next'), join(folder, 'swapped.txt'));
        const late = Array.from({ length: 4 }, () => ground.http('files.alpha.test', '/swapped.txt'));
        const leak = (await Promise.all([...asked, ...late])).find(({ body }) => body.includes(canary));
        if (leak !== undefined) return leak.body;
      }
      return undefined;
    },
  },
  {
    name: 'an error page is a file of another tenant',
    against: [
      'paths of error pages are plain',
      'the front takes plain error pages only',
      'hidden files are not served',
    ],
    run: async (ground) => {
      const path = '/../../../../beta/domains/files/public/secret.txt';
      await ground.declare('alpha', 'errors', { errorPages: [{ code: 404, path }] });
      return bodyWith(canary, await ground.http('errors.alpha.test', '/nothing'));
    },
  },
  {
    name: 'a document root is a directory of another tenant',
    against: ['paths below a domain are plain', 'the front takes document roots below the domain only'],
    run: async (ground) => {
      await ground.declare('alpha', 'rooted', { static: { root: '../../../beta/domains/files/public' } });
      return bodyWith(canary, await ground.http('rooted.alpha.test', '/secret.txt'));
    },
  },
  {
    name: 'a file behind a password is asked for without one',
    against: ['files behind rules are not served by the quick way'],
    run: async (ground) => {
      await ground.keepSecret('alpha', 'staff', { auth: 'jane:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=' });
      await ground.declare('alpha', 'closed', { access: { basicAuth: { secretRef: { name: 'staff' } } } });
      await ground.place('alpha', 'domains/closed/public/staff.txt', 'staff only');
      return bodyWith('staff only', await ground.http('closed.alpha.test', '/staff.txt'));
    },
  },
  {
    name: 'a password is guessed by trying',
    against: ['wrong passwords are counted'],
    run: async (ground) => {
      await ground.keepSecret('alpha', 'guess', { auth: 'jane:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=' });
      await ground.declare('alpha', 'guess', { access: { basicAuth: { secretRef: { name: 'guess' } } } });
      for (let guess = 0; guess < 1000; guess += 1) {
        const authorization = `Basic ${Buffer.from(`jane:${guess}`).toString('base64')}`;
        const { status } = await ground.http('guess.alpha.test', '/', { headers: { authorization } });
        if (status === 429) return undefined;
      }
      return 'a thousand guesses were answered';
    },
  },
];

const names: readonly SiteAttack[] = [
  ...spelled(
    ['nobody.example', 'localhost', '127.0.0.1', '[::1]', '_', '-', 'files.beta.test.evil'],
    (name) => ({
      name: `a name that nobody has gets the site of somebody: ${name}`,
      run: async (ground) => bodyWith('of beta', await ground.http(name, '/index.html')),
    }),
    'there is no default site',
  ),
  ...spelled(
    ['./files.beta.test', '../sites/files.beta.test'],
    (name) => ({
      name: `a Host header is a path to a record: ${name}`,
      run: async (ground) => bodyWith('of beta', await ground.http(name, '/index.html')),
    }),
    'nginx reads requests',
  ),
  {
    name: 'a Host header names a record instead of a host',
    against: ['only letters of hostnames become names of files'],
    run: async (ground) => {
      await ground.declare('alpha', 'many', { aliases: ['*.many.alpha.test'] });
      await ground.place('alpha', 'domains/many/public/index.html', 'of the wildcard');
      return bodyWith('of the wildcard', await ground.http('_.many.alpha.test'));
    },
  },
  {
    name: 'somebody asks, without the agent’s token, whose site a name is',
    against: ['the probe asks for its token'],
    run: async (ground) => {
      const headers = { 'x-wcp360-probe': 'guess' };
      return bodyWith('owner', await ground.http('files.beta.test', '/.well-known/wcp360/probe', { headers }));
    },
  },
  {
    name: 'a visitor says to be somebody whom the site lets in',
    against: ['only trusted proxies speak for their clients'],
    run: async (ground) => {
      await ground.declare('alpha', 'inner', { access: { allow: ['192.0.2.7'] } });
      await ground.place('alpha', 'domains/inner/public/index.html', 'inner page');
      const headers = { 'x-forwarded-for': '192.0.2.7' };
      return bodyWith('inner page', await ground.http('inner.alpha.test', '/index.html', { headers }));
    },
  },
  {
    name: 'a visitor tells a program behind the front that it came by TLS',
    against: ['only trusted proxies speak for their clients'],
    run: async (ground) => {
      const headers = { 'x-forwarded-proto': 'https' };
      const seen = await received(ground, (hostname) => ground.http(hostname, '/', { headers }));
      return seen['x-forwarded-proto'] === 'https' ? 'https' : undefined;
    },
  },
  {
    name: 'a request is for one name and tells the program another one',
    against: ['programs hear the name that the site was found by'],
    run: async (ground) => {
      const seen = await received(ground, async (hostname) =>
        sendRaw(ground.port, `GET http://${hostname}/ HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n`),
      );
      return seen.host === 'evil.test' ? seen.host : undefined;
    },
  },
  {
    name: 'a header of a request becomes the proxy of a program (CVE-2016-5385)',
    against: ['no request names a program’s proxy'],
    run: async (ground) =>
      (await received(ground, (hostname) => ground.http(hostname, '/', { headers: { proxy: 'evil.test' } })))[
        'proxy'
      ] as string | undefined,
  },
];

/** Whether what follows an offer of `protocol` reaches the program itself, which accepts any. */
async function upgraded(ground: SiteGround, protocol: string): Promise<string | undefined> {
  const server = createServer((_request, response) => void response.end('no upgrade'));
  server.on('upgrade', (_request, socket) => {
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`);
    socket.on('data', (bytes: Buffer) => socket.write(`heard ${bytes.toString()}`));
    socket.on('error', () => undefined);
  });
  return await serving(server, allowed, async (port) => {
    await ground.declare('alpha', 'upgraded', { proxy: { url: urlOf(port) } });
    const headers = `Host: upgraded.alpha.test\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n`;
    const answer = await sendRaw(ground.port, `GET / HTTP/1.1\r\n${headers}\r\nPRI * HTTP/2.0`, /heard|no upgrade/);
    return answer.includes('heard') ? answer : undefined;
  });
}

const programs: readonly SiteAttack[] = [
  {
    name: 'a program behind the front gives it an order',
    against: ['orders of programs to the front are ignored'],
    run: async (ground) => {
      const program = (_request: IncomingMessage, response: ServerResponse): void => {
        response.setHeader('X-Accel-Redirect', '@errors');
        response.end('the program itself');
      };
      const { body } = await behindFront(ground, program, (hostname) => ground.http(hostname));
      return body === 'the program itself' ? undefined : body;
    },
  },
  {
    name: 'a visitor talks past the front by HTTP/2 inside of a connection (h2c)',
    against: ['connections are upgraded to WebSockets only'],
    run: (ground) => upgraded(ground, 'h2c'),
  },
  {
    name: 'a program passes requests back to the front, until no connection is left',
    against: ['a request passes the front once'],
    run: async (ground) => {
      let rounds = 0;
      const program = createTcpServer((socket) => {
        rounds += 1;
        const front = connect(ground.port, loopback.host);
        for (const each of [socket, front]) each.on('error', () => socket.destroy());
        if (rounds < manyRounds) socket.pipe(front).pipe(socket);
        else socket.destroy();
      });
      await serving(program, allowed, async (port) => {
        await ground.declare('alpha', 'round', { proxy: { url: urlOf(port) } });
        await ground.http('round.alpha.test');
      });
      return rounds === manyRounds ? `${rounds} times round` : undefined;
    },
  },
  {
    name: 'a socket of another tenant is named',
    against: ['paths below a domain are plain', 'the front takes sockets below the tenant’s tree only'],
    run: (ground) => throughSocket(ground, '../../../beta/domains/files/app.sock'),
  },
  {
    name: 'a link leads to a socket of another tenant',
    against: ['no link is opened for a file'],
    run: async (ground) => {
      await ground.declare('alpha', 'socket', {});
      await ground.link('alpha', 'domains/socket/link.sock', '../../../beta/domains/files/app.sock');
      return throughSocket(ground, 'link.sock');
    },
  },
];

/** What a visitor of alpha gets when its site names a socket, while beta's program listens on one of its own. */
async function throughSocket(ground: SiteGround, socket: string): Promise<string | undefined> {
  const server = createServer((_request, response) => void response.end('the program of beta'));
  const path = join(ground.directory, 'tenants/beta/domains/files/app.sock');
  return await serving(server, { path, readableAll: true, writableAll: true }, async () => {
    await ground.declare('alpha', 'socket', { proxy: { socket } });
    return bodyWith('of beta', await ground.http('socket.alpha.test'));
  });
}

/** What a visitor gets when a site of `tenant` passes requests on to `host`, while something listens on the host's own loopback. */
async function throughTarget(ground: SiteGround, tenant: Tenant, host: string): Promise<string | undefined> {
  const server = createServer((_request, response) => void response.end('a service of the host'));
  return await serving(server, loopback, async (port) => {
    await ground.declare(tenant, 'target', { proxy: { url: `http://${host}:${port}` } });
    return bodyWith('of the host', await ground.http(`target.${tenant}.test`));
  });
}

const targets: readonly SiteAttack[] = [
  ...spelled(
    ['127.0.0.1', '[::ffff:7f00:1]'],
    (host) => ({
      name: `a site passes requests on to an address that its package does not allow: ${host}`,
      run: (ground) => throughTarget(ground, 'alpha', host),
    }),
    'targets are those that the package allows',
    'the front connects to allowed addresses only',
  ),
  ...spelled(
    ['localhost', '127.1', '2130706433', '0x7f000001', '0177.0.0.1'],
    (host) => ({
      name: `a name stands for an address that the package does not allow: ${host}`,
      run: (ground) => throughTarget(ground, 'alpha', host),
    }),
    'the front connects to allowed addresses only',
  ),
  {
    name: 'a package that allows all of IPv6 lets a site reach IPv4',
    against: ['networks hold addresses of their own family'],
    run: (ground) => throughTarget(ground, 'beta', '127.1'),
  },
];

const strings: readonly SiteAttack[] = [
  {
    name: 'the value of a header holds another header',
    against: ['values of headers are visible text', 'the front sends headers of one line only'],
    run: async (ground) => {
      await ground.declare('alpha', 'headers', { headers: [{ name: 'X-Bad', value: 'a\r\nX-Evil: yes' }] });
      const { headers } = await ground.http('headers.alpha.test');
      return (headers['x-bad'] ?? headers['x-evil']) as string | undefined;
    },
  },
  {
    name: 'the realm of a password leaves its quotes',
    against: ['realms are plain text', 'the front takes quotes out of realms'],
    run: async (ground) => {
      await ground.keepSecret('alpha', 'realm', { auth: 'jane:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=' });
      const basicAuth = { realm: 'x", evil="yes', secretRef: { name: 'realm' } };
      await ground.declare('alpha', 'realm', { access: { basicAuth } });
      const asks = (await ground.http('realm.alpha.test')).headers['www-authenticate'];
      return asks?.includes('evil="yes') === true ? asks : undefined;
    },
  },
  {
    name: 'a user name writes a line of its own into the log',
    against: ['the log escapes what visitors send'],
    run: async (ground) => {
      const authorization = `Basic ${Buffer.from('x\n192.0.2.1 forged:pw').toString('base64')}`;
      await ground.http('files.alpha.test', '/index.html', { headers: { authorization } });
      const path = join(ground.directory, 'tenants/alpha/logs/files.access.log');
      const line = await soon(async () => /^.*forged.*$/m.exec(textSoFar(path))?.[0]);
      return line?.startsWith('192.0.2.1') === true ? line : undefined;
    },
  },
];

/** Ways to say two lengths at once (RFC 9112 §6.3, §11.2). */
const doubleLengths: Readonly<Record<string, string>> = {
  'a length and chunks': 'Transfer-Encoding: chunked\r\nContent-Length: @\r\n',
  'an unknown coding': 'Transfer-Encoding: xchunked\r\nContent-Length: @\r\n',
  'a blank before the colon': 'Transfer-Encoding : chunked\r\nContent-Length: @\r\n',
  'a tab after the colon': 'Transfer-Encoding:\x0bchunked\r\nContent-Length: @\r\n',
  'a folded line': 'X: y\r\n Transfer-Encoding: chunked\r\nContent-Length: @\r\n',
  'two codings': 'Transfer-Encoding: identity, chunked\r\nContent-Length: @\r\n',
  'two lengths': 'Content-Length: 0\r\nContent-Length: @\r\n',
};

/** Paths of the requests that a program finds in a connection if it believes every word of a coding, and the first of two lengths. */
function lenientPaths(bytes: string): readonly string[] {
  const paths: string[] = [];
  for (let rest = bytes; rest.includes('\r\n\r\n');) {
    const end = rest.indexOf('\r\n\r\n') + 4;
    const head = rest.slice(0, end);
    paths.push(head.split(' ')[1] ?? '');
    const isChunked = /transfer-encoding[^\n]*chunked/i.test(head);
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
    rest = rest.slice(isChunked ? rest.indexOf('0\r\n\r\n', end) + 5 : end + length);
  }
  return paths;
}

async function smuggled(ground: SiteGround, lengths: string): Promise<string | undefined> {
  let bytes = '';
  const program = createTcpServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (part: Buffer) => {
      bytes += part.toString('latin1');
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    });
  });
  await serving(program, allowed, async (port) => {
    await ground.declare('alpha', 'smuggled', { proxy: { url: urlOf(port) } });
    const body = `${lengths.includes('oding') ? '0\r\n\r\n' : ''}GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n`;
    const head = `POST / HTTP/1.1\r\nHost: smuggled.alpha.test\r\n${lengths.replace('@', String(body.length))}`;
    const answer = await sendRaw(ground.port, `${head}\r\n${body}`, /\r\n\r\n/);
    // What was sent on behind the answer of the program is on its way.
    if (answer.startsWith('HTTP/1.1 200')) await soon(async () => bytes.includes(body) || undefined);
  });
  return lenientPaths(bytes).find((path) => path === '/smuggled');
}

const smuggling: readonly SiteAttack[] = Object.entries(doubleLengths).map(([what, lengths]) => ({
  name: `a request hides in the body of another: ${what}`,
  against: ['nginx reads requests'] as const satisfies readonly Defence[],
  run: (ground) => smuggled(ground, lengths),
}));

/** Attacks on the front, on files that it serves, and on what stands behind it. */
export const frontAttacks: readonly SiteAttack[] = [
  ...filesOfOthers,
  ...names,
  ...programs,
  ...targets,
  ...strings,
  ...smuggling,
];

/** Those that need a say in how names are resolved. */
export const resolverAttacks: readonly Attack<TenantHost>[] = [
  {
    name: 'a name stands for an allowed address when it is checked, and for another one afterwards',
    against: ['the address that was checked is the one that is connected to'],
    run: async (ground) => {
      ground.resolveAs('rebound.test', allowed.host, loopback.host);
      return await throughTarget(ground, 'alpha', 'rebound.test');
    },
  },
];
