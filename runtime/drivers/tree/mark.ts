import { createHash } from 'node:crypto';
import { isRecord } from '#runtime/base/json.ts';
import type { Host, ReadOnlyHost } from '#runtime/host/host.ts';
import type { OwnedDirectory } from './model.ts';

/** What the driver noted of one owner: the only way to know whose a directory is. Written before anything is made, removed after the last is gone. */
export interface Mark {
  readonly owner: string;
  /** In order of path. */
  readonly directories: readonly OwnedDirectory[];
  /** where from → where kept */
  readonly kept: Readonly<Record<string, string>>;
}

/** Where marks lie, one file per owner; only root may enter. */
export function marksDirectory(root: string): string {
  return `${root}/state/tree`;
}

/** The mark in a text; `undefined` for what nobody of ours wrote. */
export function parseMark(text: string): Mark | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isOurs = isRecord(value) && typeof value['owner'] === 'string' && Array.isArray(value['directories']);
    return isOurs && isRecord(value['kept']) ? (value as unknown as Mark) : undefined;
  } catch {
    return undefined;
  }
}

/** All marks. */
export async function readMarks(host: ReadOnlyHost, signal: AbortSignal): Promise<readonly Mark[]> {
  const texts = (await host.readTexts(marksDirectory(host.root), signal)) ?? new Map<string, string>();
  return [...texts.values()].flatMap((text) => parseMark(text) ?? []);
}

/** The mark of an owner; an empty one when there is none. */
export async function readMark(host: Host, owner: string, signal: AbortSignal): Promise<Mark> {
  const text = await host.readText(pathOf(host.root, owner), signal);
  return (text === undefined ? undefined : parseMark(text)) ?? { owner, directories: [], kept: {} };
}

/** Replaces the mark of an owner; one that says nothing is removed. */
export async function writeMark(host: Host, mark: Mark, signal: AbortSignal): Promise<void> {
  const path = pathOf(host.root, mark.owner);
  if (mark.directories.length === 0 && Object.keys(mark.kept).length === 0) {
    await host.removeFile(path, signal);
    return;
  }
  const ownership = { mode: 0o600, uid: 0, gid: 0 };
  if ((await host.facts(marksDirectory(host.root), signal)) === undefined) {
    await host.makeDirectory(`${host.root}/state`, { ...ownership, mode: 0o700 }, signal);
    await host.makeDirectory(marksDirectory(host.root), { ...ownership, mode: 0o700 }, signal);
  }
  await host.replaceFile(path, JSON.stringify(mark), ownership, signal);
}

function pathOf(root: string, owner: string): string {
  // Kinds and namespaces hold no dot, so the dots that stand for slashes can be told from those of a name.
  const plain = owner.replaceAll('/', '.');
  const isPlain = /^[A-Za-z0-9.-]{1,200}$/.test(plain);
  const name = isPlain ? plain : createHash('sha256').update(owner).digest('hex');
  return `${marksDirectory(root)}/${name}`;
}
