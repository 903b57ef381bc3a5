import { readFile, readdir, stat } from 'node:fs/promises';
import { get } from 'node:https';
import { join, resolve } from 'node:path';
import type { Io } from '#runtime/cli/io.ts';
import { UsageError } from '#runtime/cli/io.ts';
import type { Manifest } from '#runtime/manifests/manifest.ts';
import { isManifestFile, parseAll, type ManifestText } from '#runtime/manifests/parse.ts';

const downloadTimeoutMs = 30_000;
const downloadMaxBytes = 16 * 1024 * 1024;

/** The manifests of all `-f` arguments (file, directory, https URL, `-`) in order; every fault of every file in one error. */
export async function loadManifests(
  io: Io,
  paths: readonly string[],
  options: { readonly recursive: boolean },
): Promise<readonly Manifest[]> {
  if (paths.length === 0) throw new UsageError('must specify -f FILE, a directory, a URL, or - for standard input');
  const texts = (await Promise.all(paths.map((path) => readSource(io, path, options.recursive)))).flat();
  const manifests = await parseAll(texts);
  if (manifests.length === 0) throw new UsageError(`no objects found in ${paths.join(', ')}`);
  return manifests;
}

async function readSource(io: Io, path: string, recursive: boolean): Promise<readonly ManifestText[]> {
  if (path === '-') return [{ file: 'stdin', text: await io.readStdin() }];
  if (path.startsWith('https://')) return [{ file: path, text: await download(path) }];
  const absolute = resolve(io.workingDirectory, path);
  const facts = await stat(absolute).catch(() => undefined);
  if (facts === undefined) throw new UsageError(`the path "${path}" does not exist`);
  if (!facts.isDirectory()) return [{ file: path, text: await readFile(absolute, 'utf8') }];
  const entries = await readdir(absolute, { withFileTypes: true, recursive });
  const files = entries
    .filter((entry) => entry.isFile() && isManifestFile(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
  return Promise.all(
    files.map(async (file) => ({
      file: join(path, file.slice(absolute.length + 1)),
      text: await readFile(file, 'utf8'),
    })),
  );
}

async function download(url: string): Promise<string> {
  return new Promise((fulfil, reject) => {
    const request = get(url, { timeout: downloadTimeoutMs }, (answer) => {
      if (answer.statusCode !== 200) reject(new UsageError(`${url} answered ${answer.statusCode}`));
      const parts: Buffer[] = [];
      let sizeBytes = 0;
      answer.on('data', (part: Buffer) => {
        sizeBytes += part.length;
        if (sizeBytes > downloadMaxBytes)
          request.destroy(new UsageError(`${url} is larger than ${downloadMaxBytes} bytes`));
        parts.push(part);
      });
      answer.on('end', () => fulfil(Buffer.concat(parts).toString('utf8')));
    });
    request.on('timeout', () =>
      request.destroy(new UsageError(`${url} did not answer in ${downloadTimeoutMs / 1000} s`)),
    );
    request.on('error', reject);
  });
}
