import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import type { KubeObject } from '#schemas/meta/object.ts';
import { isEqual, isRecord } from '#runtime/base/json.ts';
import { ApiError } from '#runtime/base/errors.ts';
import { objectName } from '#runtime/cli/api/rest-mapper.ts';
import { parseOne } from '#runtime/cli/api/selection.ts';
import { ExitCode, UsageError } from '#runtime/cli/io.ts';
import type { Session } from '#runtime/cli/session.ts';
import { notFound } from './get.ts';

const explanation =
  '# Edit the object and save; an empty file cancels. What is wrong is shown here and the editor opens again.\n';

/** `wcpctl edit TYPE NAME`: the live object in the editor; what was written is kept in a file when the server refuses it. */
export async function edit(session: Session, words: readonly string[]): Promise<void> {
  const { type, name } = parseOne(await session.mapper(), words);
  const client = await session.client();
  const namespace = type.namespaced ? await session.namespace() : undefined;
  const live = await client.get(type, { name, namespace });
  if (live === undefined) throw notFound(type, name);
  const directory = await mkdtemp(join(tmpdir(), 'wcpctl-edit-'));
  const file = join(directory, `${name}.yaml`);
  const subject = objectName(type, name);
  let text = `${explanation}${stringify(withoutManagedFields(live), { lineWidth: 0 })}`;
  for (;;) {
    const edited = await editText(session, file, text);
    if (edited === undefined || isEqual(edited, withoutManagedFields(live))) {
      session.io.err('Edit cancelled, no changes made.\n');
      await rm(directory, { recursive: true });
      return;
    }
    try {
      await client.replace(type, edited, { fieldManager: 'wcpctl-edit', fieldValidation: 'Strict' });
      session.io.out(`${subject} edited\n`);
      await rm(directory, { recursive: true });
      return;
    } catch (err) {
      text = await textAfterRefusal(session, { file, subject, err });
    }
  }
}

/** A conflict ends the edit with the text kept; whatever else the server refuses goes back to the editor with its words on top. */
async function textAfterRefusal(
  session: Session,
  { file, subject, err }: { readonly file: string; readonly subject: string; readonly err: unknown },
): Promise<string> {
  if (!(err instanceof ApiError) || err.status === 409 || !session.io.isInteractive) {
    session.io.err(
      `${subject} was not changed: ${err instanceof Error ? err.message : String(err)}\nA copy of your changes is in ${file}\n`,
    );
    throw new ExitCode(1);
  }
  const complaint = err.message.replaceAll(/^/gm, '# ');
  return `${complaint}\n${(await readFile(file, 'utf8')).replace(/^(#.*\n)*/, '')}`;
}

async function editText(session: Session, file: string, text: string): Promise<KubeObject | undefined> {
  await writeFile(file, text, { mode: 0o600 });
  const editor =
    session.io.env['WCPCTL_EDITOR'] ??
    session.io.env['KUBE_EDITOR'] ??
    session.io.env['VISUAL'] ??
    session.io.env['EDITOR'] ??
    'vi';
  const exitCode = await session.io.runInteractive([...editor.split(' ').filter((word) => word !== ''), file]);
  if (exitCode !== 0) throw new UsageError(`the editor "${editor}" ended with ${exitCode}; set EDITOR`);
  const edited: unknown = parse(await readFile(file, 'utf8'), { version: '1.1' });
  return isRecord(edited) ? (edited as unknown as KubeObject) : undefined;
}

function withoutManagedFields(object: KubeObject): KubeObject {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}
