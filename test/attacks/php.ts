import { spawn } from 'node:child_process';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isRecord } from '#runtime/base/json.ts';
import { sendRaw } from '#test/lab/visit.ts';
import type { Attack } from './attack.ts';
import { canary, php, soon, type SiteGround } from './ground.ts';

type PhpAttack = Attack<SiteGround>;

/** How long something is waited for that does not come where a defence stands. */
const inVainMs = 20_000;

const quoted = (text: string): string => JSON.stringify(text).replaceAll('$', '\\$');

/** What a tenant's code answers, if it is more than nothing. */
async function gainOf(ground: SiteGround, code: string): Promise<string | undefined> {
  const answer = await php(ground, 'alpha', code);
  return typeof answer === 'string' && answer !== '' ? answer : undefined;
}

/** What a visitor gets of a script in a Domain of alpha's with this PHP; `undefined` when the Domain is refused. */
async function visited(
  ground: SiteGround,
  spec: object,
  script: { readonly code: string; readonly file?: string; readonly path?: string },
): Promise<string | undefined> {
  const { code, file = 'index.php', path = `/${file}` } = script;
  if ((await ground.declare('alpha', 'attacker', { php: spec })) !== undefined) return undefined;
  await ground.place('alpha', `domains/attacker/public/${file}`, `<?php ${code}`);
  return (await ground.http('attacker.alpha.test', path)).body;
}

/** Ways of PHP to a file, each an expression. */
const ways: Readonly<Record<string, (path: string) => string>> = {
  'opens it': (path) => `file_get_contents(${path})`,
  'makes a link to it': (path) =>
    `(@unlink(__DIR__ . '/l') || true) && symlink(${path}, __DIR__ . '/l') ? file_get_contents(__DIR__ . '/l') : ''`,
  'includes it': (path) => `(function () { ob_start(); include ${path}; return ob_get_clean(); })()`,
  'runs a program on it': (path) => `shell_exec('cat ' . escapeshellarg(${path}) . ' 2>/dev/null')`,
  'goes up from its own place': (path) => `file_get_contents(__DIR__ . str_repeat('/..', 20) . ${path})`,
  'lists its directory': (path) => `implode(' ', scandir(dirname(${path})) ?: [])`,
};

const neighboursFiles: readonly PhpAttack[] = [
  ...Object.entries(ways).map(([how, code]): PhpAttack => ({
    name: `PHP reads a file of another tenant: it ${how}`,
    against: ['a sandbox shows the tenant’s own tree only', 'directories of a domain are closed to others'],
    run: (ground) =>
      gainOf(
        ground,
        `echo json_encode((string) ${code(quoted(`${ground.root}/tenants/beta/domains/files/public/secret.txt`))});`,
      ),
  })),
  {
    name: 'a program of a tenant, outside of any sandbox, reads a file of another tenant',
    against: ['directories of a domain are closed to others'],
    run: async (ground) => {
      const path = join(ground.directory, 'tenants/beta/domains/files/public/secret.txt');
      return (await ground.runAs('alpha', ['/bin/cat', path])).stdout || undefined;
    },
  },
  {
    name: 'a program of a tenant, outside of any sandbox, sees who the other tenants are',
    against: ['the list of tenants is root’s'],
    run: async (ground) =>
      (await ground.runAs('alpha', ['/bin/ls', join(ground.directory, 'tenants')])).stdout || undefined,
  },
  {
    name: 'a link in place of a script leads to the program of another tenant',
    against: [
      'scripts lie below their domain',
      'a sandbox shows the tenant’s own tree only',
      'directories of a domain are closed to others',
    ],
    run: async (ground) => {
      await ground.place('beta', 'domains/php/public/secret.php', `<?php echo '${canary}';`);
      const target = `${ground.root}/tenants/beta/domains/php/public/secret.php`;
      await ground.link('alpha', 'domains/php/public/borrowed.php', target);
      const { body } = await ground.http('php.alpha.test', '/borrowed.php');
      return body.includes(canary) ? body : undefined;
    },
  },
  {
    name: 'PHP reads what another tenant left in /tmp',
    against: ['/tmp is the tenant’s own'],
    run: async (ground) => {
      const name = `wcp360-attack-${process.pid}`;
      const written = `file_put_contents('/tmp/${name}', '${canary}'); chmod('/tmp/${name}', 0644); echo '""';`;
      await php(ground, 'beta', written);
      try {
        return await gainOf(ground, `echo json_encode((string) file_get_contents('/tmp/${name}'));`);
      } finally {
        await rm(join(tmpdir(), name), { force: true });
      }
    },
  },
  {
    name: 'PHP reads memory that another tenant shares',
    against: ['a sandbox has shared memory of its own'],
    run: async (ground) => {
      const open = (flags: string): string => `$m = shmop_open(${0x77637033}, '${flags}', 0666, 64);`;
      await php(ground, 'beta', `${open('c')} shmop_write($m, '${canary}', 0); echo '""';`);
      try {
        return await gainOf(ground, `${open('a')} echo json_encode($m ? trim(shmop_read($m, 0, 64), "\\0") : '');`);
      } finally {
        await php(ground, 'beta', `${open('w')} if ($m) shmop_delete($m); echo '""';`);
      }
    },
  },
  {
    name: 'a site takes its variables from a Secret of another tenant',
    against: ['references stay in their namespace'],
    run: async (ground) => {
      await ground.keepSecret('beta', 'password', { CANARY: canary });
      const spec = { envFrom: [{ secretRef: { name: 'password' } }] };
      const body = await visited(ground, spec, { code: "echo getenv('CANARY');" });
      return body?.includes(canary) === true ? body : undefined;
    },
  },
];

const host: readonly PhpAttack[] = [
  {
    name: 'PHP sees processes of the host',
    against: ['a sandbox has processes of its own'],
    run: (ground) =>
      gainOf(
        ground,
        `$seen = array_map(fn($p) => (string) file_get_contents($p), glob('/proc/[0-9]*/cmdline'));
        echo json_encode(implode(' ', preg_grep('/nginx/', $seen)));`,
      ),
  },
  {
    name: 'PHP reads what lies beside the sockets of a database server',
    against: ['a sandbox shows of database servers their sockets only'],
    run: async (ground) => {
      const path = 'databases/mariadb/beside.txt';
      await writeFile(join(ground.directory, path), canary);
      return gainOf(ground, `echo json_encode((string) file_get_contents(${quoted(`${ground.root}/${path}`)}));`);
    },
  },
  {
    name: 'PHP sends a signal to a process of another tenant',
    against: ['a sandbox has processes of its own', 'each tenant has a user id of its own'],
    run: async (ground) => {
      const uid = await ground.uidOf('beta');
      const program = spawn('/bin/sleep', ['60'], { uid, gid: uid, stdio: 'ignore' });
      try {
        return await gainOf(ground, `echo json_encode(posix_kill(${program.pid}, 0) ? 'it has arrived' : '');`);
      } finally {
        program.kill();
      }
    },
  },
  {
    name: 'PHP reads the accounts of the host',
    against: ['a sandbox knows the tenant’s own account only'],
    run: (ground) => gainOf(ground, `echo json_encode(implode(preg_grep('/www-data/', file('/etc/passwd') ?: [])));`),
  },
  {
    name: 'PHP reads secrets of the instance',
    against: ['a sandbox shows the tenant’s own tree only', 'the token of the probe is for the front'],
    run: (ground) => {
      const names = ['front/probe-token', 'pki/etcd/client.key', 'config/agent.kubeconfig', 'admin.kubeconfig'];
      const paths = [...names.map((name) => `${ground.root}/${name}`), '/etc/shadow'].map(quoted);
      return gainOf(ground, `echo json_encode(implode(array_map('file_get_contents', [${paths.join()}])));`);
    },
  },
  {
    name: 'PHP has the agent start the programs of another tenant',
    against: ['a sandbox shows the tenant’s own tree only', 'the waker’s socket is for the front'],
    run: (ground) =>
      gainOf(
        ground,
        `$s = stream_socket_client(${quoted(`unix://${ground.root}/run/wake.sock`)});
        if ($s) fwrite($s, "wake beta.php\\n");
        echo json_encode($s ? fgets($s) : '');`,
      ),
  },
  {
    name: 'PHP connects to the PHP of another tenant, which would run any file for it',
    against: ['a sandbox shows the tenant’s own tree only', 'sockets of PHP are for the front'],
    run: async (ground) => {
      await php(ground, 'beta', 'echo 0;');
      const socket = `unix://${ground.root}/run/php/beta.php/php.sock`;
      return await gainOf(ground, `echo json_encode(stream_socket_client(${quoted(socket)}) ? 'connected' : '');`);
    },
  },
  {
    name: 'variables of a site change the programs that build its sandbox',
    against: ['variables of a site have other names until they are inside'],
    run: async (ground) => {
      const prefix = `wcp360-attack-${process.pid}`;
      const variables = { LD_DEBUG: 'libs', LD_DEBUG_OUTPUT: `/tmp/${prefix}` };
      const env = Object.entries(variables).map(([name, value]) => ({ name, value }));
      await visited(ground, { env }, { code: 'echo 1;' });
      const traces = (await readdir('/tmp')).filter((name) => name.startsWith(prefix));
      for (const name of traces) await rm(join('/tmp', name));
      return traces[0];
    },
  },
  {
    name: 'PHP makes a name space in which it is root',
    against: ['a sandbox can make no further user name space'],
    run: (ground) => gainOf(ground, `echo json_encode((string) shell_exec('unshare -Ur id -un 2>/dev/null'));`),
  },
  {
    name: 'PHP puts a link in place of its log, through which root writes into a file of somebody else',
    against: ['the directory of logs is not the tenant’s', 'logs are not opened through links'],
    run: async (ground) => {
      const [log, victim] = ['tenants/alpha/logs/attacker.error.log', 'tenants/beta/domains/files/public/victim.txt'];
      await ground.place('beta', 'domains/files/public/victim.txt', 'untouched');
      const [from, to] = [`${ground.root}/${log}`, `${ground.root}/${victim}`].map(quoted);
      const isLinked = await php(ground, 'alpha', `unlink(${from}); echo json_encode(symlink(${to}, ${from}));`);
      const body = await visited(ground, {}, { code: "error_log('words of alpha'); echo 'it ran';" });
      if (isLinked !== true || body !== 'it ran') return undefined;
      return await soon(async () => {
        const text = await readFile(join(ground.directory, victim), 'utf8');
        return text === 'untouched' ? undefined : text;
      }, inVainMs);
    },
  },
];

const scripts: readonly PhpAttack[] = [
  ...['/wp-config.php', '/wp-content/uploads/shell.php', '/wp-content/uploads/shell.php/x'].map((path): PhpAttack => ({
    name: `a visitor runs what the preset keeps closed: ${path}`,
    against: ['presets keep paths closed'],
    run: async (ground) => {
      for (const file of ['wp-config.php', 'wp-content/uploads/shell.php']) {
        const body = await visited(ground, { preset: 'WordPress' }, { code: "echo 'it ', 'ran';", file, path });
        if (body?.includes('it ran') === true) return body;
      }
      return undefined;
    },
  })),
  {
    name: 'a visitor has an image run as a program',
    against: ['only files that are there are run', 'only files named .php are run'],
    run: async (ground) => {
      await ground.place('alpha', 'domains/php/public/image.jpg', "<?php echo 'it ', 'ran';");
      const { body } = await ground.http('php.alpha.test', '/image.jpg/x.php');
      return body.includes('it ran') ? body : undefined;
    },
  },
  {
    name: 'the value of a setting holds another setting',
    against: ['values of settings are plain words', 'the front passes on settings of one line only'],
    run: async (ground) => {
      const value = 'UTC\nuser_agent=injected';
      const spec = { settings: [{ name: 'date.timezone', value }] };
      const body = await visited(ground, spec, { code: "echo ini_get('user_agent');" });
      return body?.includes('injected') === true ? body : undefined;
    },
  },
];

/** What PHP sees of a request. */
async function received(ground: SiteGround, head: string): Promise<Readonly<Record<string, unknown>>> {
  await ground.place('alpha', 'domains/php/public/seen.php', '<?php echo json_encode($_SERVER);');
  const answer = await sendRaw(ground.port, `${head}Connection: close\r\n\r\n`);
  const seen: unknown = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')).replace(/^[^{]*|[^}]*$/g, ''));
  return isRecord(seen) ? seen : {};
}

const requests: readonly PhpAttack[] = [
  {
    name: 'a request is for one name and tells PHP another one',
    against: ['programs hear the name that the site was found by'],
    run: async (ground) => {
      const seen = await received(ground, 'GET http://php.alpha.test/seen.php HTTP/1.1\r\nHost: evil.test\r\n');
      return seen['HTTP_HOST'] === 'evil.test' ? 'evil.test' : undefined;
    },
  },
  ...['X-Forwarded-For', 'X-Forwarded-Proto', 'X-Forwarded-Host', 'X-Real-IP', 'Forwarded'].map((name): PhpAttack => ({
    name: `a visitor tells PHP what only a trusted proxy may say: ${name}`,
    against: ['PHP hears of trusted proxies only'],
    run: async (ground) => {
      const seen = await received(ground, `GET /seen.php HTTP/1.1\r\nHost: php.alpha.test\r\n${name}: forged\r\n`);
      return Object.values(seen).includes('forged') ? 'forged' : undefined;
    },
  })),
  {
    name: 'PHP gives the front an order',
    against: ['orders of programs to the front are ignored'],
    run: async (ground) => {
      await ground.place(
        'alpha',
        'domains/php/public/order.php',
        "<?php header('X-Accel-Redirect: @errors'); echo 'own';",
      );
      const { body } = await ground.http('php.alpha.test', '/order.php');
      return body === 'own' ? undefined : body;
    },
  },
];

/** Attacks by and on PHP. */
export const phpAttacks: readonly PhpAttack[] = [...neighboursFiles, ...host, ...scripts, ...requests];
