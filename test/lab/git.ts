import { spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import type { Test } from 'tap';
import { freePort } from './free-port.ts';
import { memoryDirectory } from './memory-directory.ts';
import { run } from './run.ts';
import { until } from './instance.ts';

/** A Git repository of the test's own, with what a person does in it. */
export interface LabRepository {
  /** Of the bare repository that others fetch from. */
  readonly directory: string;
  readonly url: string;
  /** Runs git in the work tree; rejects when it fails. Gives its output. */
  git(...args: readonly string[]): Promise<string>;
  write(path: string, text: string): Promise<void>;
  link(path: string, target: string): Promise<void>;
  /** Commits all that is there and publishes it, by force; gives the commit. */
  publish(...args: readonly string[]): Promise<string>;
}

/** Others on this machine may read what is in it. It goes with the test. */
export async function openDirectory(t: Test): Promise<string> {
  const directory = await mkdtemp(join(await memoryDirectory(), 'wcp360-git-'));
  await chmod(directory, 0o755);
  t.teardown(async () => await rm(directory, { recursive: true, force: true }));
  return directory;
}

/** An empty repository with the branch main. */
export async function createRepository(directory: string, name: string): Promise<LabRepository> {
  const bare = join(directory, `${name}.git`);
  const tree = join(directory, `${name}-tree`);
  await mkdir(tree, { recursive: true });
  const git = async (...args: readonly string[]): Promise<string> => {
    const identity = ['-c', 'user.name=Jane', '-c', 'user.email=jane@acme.example', '-c', 'protocol.file.allow=always'];
    const ended = await run(['/usr/bin/git', ...identity, '-C', tree, ...args], { cwd: '/' });
    if (ended.exitCode !== 0) throw new Error(`git ${args.join(' ')}: ${ended.stdout}${ended.stderr}`);
    return ended.stdout.trim();
  };
  await git('init', '--quiet', '--initial-branch=main', '.');
  await git('init', '--quiet', '--bare', '--initial-branch=main', bare);
  const write = async (path: string, text: string): Promise<void> => {
    await mkdir(dirname(join(tree, path)), { recursive: true });
    await writeFile(join(tree, path), text);
  };
  return {
    directory: bare,
    url: `file://${bare}`,
    git,
    write,
    link: async (path, target) => await symlink(target, join(tree, path)),
    publish: async (...args) => {
      await git('add', '--all', '.');
      await git('commit', '--quiet', '--allow-empty', '-m', 'a change', ...args);
      await git('push', '--quiet', '--force', bare, 'HEAD:main', '--tags');
      return await git('rev-parse', 'HEAD');
    },
  };
}

/** Debian's sshd on loopback, which lets one key fetch repositories and do nothing else. */
export interface LabSshServer {
  readonly port: number;
  /** `ssh://…` of a repository of this machine. */
  urlOf(repository: LabRepository): string;
  /** As a Secret holds them. */
  readonly credentials: { readonly 'ssh-privatekey': string; readonly known_hosts: string };
}

export async function startSshServer(t: Test): Promise<LabSshServer> {
  const directory = await openDirectory(t);
  // Where Debian's unit makes it, too.
  await mkdir('/run/sshd', { recursive: true });
  const [host, client] = [await createSshKey(join(directory, 'host')), await createSshKey(join(directory, 'client'))];
  const only = `command="/usr/bin/git-shell -c \\"$SSH_ORIGINAL_COMMAND\\"",restrict`;
  await writeFile(join(directory, 'authorized'), `${only} ${client.publicKey}\n`, { mode: 0o600 });
  const port = await freePort();
  const settings = [
    `ListenAddress 127.0.0.1:${port}`,
    `HostKey ${join(directory, 'host')}`,
    `AuthorizedKeysFile ${join(directory, 'authorized')}`,
    'PidFile none',
    'UsePAM no',
    'StrictModes no',
    'PasswordAuthentication no',
    'PermitRootLogin prohibit-password',
  ];
  await writeFile(join(directory, 'sshd_config'), settings.map((line) => `${line}\n`).join(''));
  const sshd = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', join(directory, 'sshd_config')], { stdio: 'ignore' });
  t.teardown(() => sshd.kill());
  const scan = await until(async () => {
    const { stdout } = await run(['/usr/bin/ssh-keyscan', '-p', String(port), '127.0.0.1'], { cwd: '/' });
    return stdout.includes(host.publicKey.split(' ')[1] ?? '') ? stdout : undefined;
  }, 'sshd to answer');
  return {
    port,
    urlOf: (repository) => `ssh://${userInfo().username}@127.0.0.1:${port}${repository.directory}`,
    credentials: { 'ssh-privatekey': client.privateKey, known_hosts: scan },
  };
}

/** A key pair in a file and beside it, as ssh-keygen makes it. */
export async function createSshKey(path: string): Promise<{ readonly privateKey: string; readonly publicKey: string }> {
  const { exitCode, stderr } = await run(['/usr/bin/ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', path], {
    cwd: '/',
  });
  if (exitCode !== 0) throw new Error(stderr);
  return { privateKey: await readFile(path, 'utf8'), publicKey: (await readFile(`${path}.pub`, 'utf8')).trim() };
}

/** An OpenPGP key in a home of its own, and its public part. */
export async function createOpenPgpKey(
  home: string,
): Promise<{ readonly program: string; readonly publicKey: string }> {
  await mkdir(home, { mode: 0o700 });
  const gpg = ['/usr/bin/gpg', '--homedir', home, '--batch', '--quiet'];
  const made = await run(
    [...gpg, '--passphrase', '', '--quick-generate-key', 'Jane <jane@acme.example>', 'ed25519', 'sign'],
    { cwd: '/' },
  );
  if (made.exitCode !== 0) throw new Error(made.stderr);
  const { stdout } = await run([...gpg, '--armor', '--export'], { cwd: '/' });
  const program = join(home, 'sign');
  await writeFile(program, `#!/bin/sh\nexec /usr/bin/gpg --homedir ${home} --batch "$@"\n`, { mode: 0o755 });
  return { program, publicKey: stdout };
}
