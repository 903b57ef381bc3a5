import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { run, type Ended } from './run.ts';

/** Why the image is not tried where there are no tools to build it. */
export const noImageTools = ['buildah', 'mmdebstrap'].every((name) => existsSync(join('/usr/bin', name)))
  ? false
  : 'buildah or mmdebstrap is not installed';

const buildTimeoutMs = 540_000;

interface Descriptor {
  readonly digest: `sha256:${string}`;
}

/** An image as `hack/image` leaves it. */
export interface LabImage {
  readonly digest: string;
  readonly config: { readonly User: string; readonly Entrypoint: readonly string[] };
  /** Its root file system. */
  readonly root: string;
}

/** Builds the image from nothing below `directory`; `env` on top of the process's own. */
export async function buildImage(directory: string, env: Readonly<Record<string, string>> = {}): Promise<LabImage> {
  const program = join(import.meta.dirname, '../../hack/image');
  await promisify(execFile)(program, [directory], { timeout: buildTimeoutMs, env: { ...process.env, ...env } });
  const blob = ({ digest }: Descriptor): string => join(directory, 'oci/blobs', digest.replace(':', '/'));
  const read = async (path: string) => JSON.parse(await readFile(path, 'utf8'));
  const [manifest] = (await read(join(directory, 'oci/index.json'))).manifests as readonly [Descriptor];
  const { config, layers } = await read(blob(manifest));
  const root = join(directory, 'root');
  await mkdir(root);
  for (const layer of layers)
    await run(['/usr/bin/tar', '--extract', '--numeric-owner', '--file', blob(layer), '--directory', root]);
  return { digest: manifest.digest, config: (await read(blob(config))).config, root };
}

/** Runs a program of an image on its file system, which is not to be written, without rights and as its user; to the end. */
export async function runInImage({ root, config }: LabImage, argv: readonly string[]): Promise<Ended> {
  const [uid = '', gid = ''] = config.User.split(':');
  const place = `--ro-bind ${root} / --proc /proc --dev /dev --perms 1777 --tmpfs /tmp --unshare-pid --unshare-net`;
  const environment = '--clearenv --setenv PATH /usr/local/bin:/usr/sbin:/usr/bin';
  const user = `setpriv --reuid=${uid} --regid=${gid} --clear-groups --no-new-privs --bounding-set=-all`;
  return run(['/usr/bin/bwrap', ...`${place} ${environment} -- ${user} --`.split(' '), ...argv]);
}
