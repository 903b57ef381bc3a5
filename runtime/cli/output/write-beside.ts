import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** A file that is written beside the place it is for, readable by its owner alone, so that there is always a whole one or none. */
export interface BesideFile {
  /** Gives the chunks on once they are written. */
  written(chunks: AsyncIterable<Buffer>): AsyncIterable<Buffer>;
  /** Puts what was written into its place, where it stays whatever happens to the machine. */
  place(): Promise<void>;
  /** Removes what is not in its place. */
  remove(): Promise<void>;
}

export async function writeBeside(path: string): Promise<BesideFile> {
  const beside = `${path}.${randomBytes(6).toString('hex')}.new`;
  const file = await open(beside, 'wx', 0o600);
  async function* written(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      await file.writeFile(chunk);
      yield chunk;
    }
  }
  return {
    written,
    place: async () => {
      await file.sync();
      await rename(beside, path);
      const directory = await open(dirname(path), 'r');
      try {
        await directory.sync();
      } finally {
        await directory.close();
      }
    },
    remove: async () => {
      await file.close();
      await rm(beside, { force: true });
    },
  };
}
