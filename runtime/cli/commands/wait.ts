import type { KubeObject } from '#schemas/meta/object.ts';
import { compileJsonPath } from '#runtime/base/json-path.ts';
import { parseDurationFlag } from '#runtime/cli/duration-flag.ts';
import { ApiError } from '#runtime/base/errors.ts';
import type { Client } from '#runtime/client/client.ts';
import type { DiscoveredResource } from '#runtime/client/discovery.ts';
import { conditionsOf } from '#runtime/cli/api/conditions.ts';
import { objectName } from '#runtime/cli/api/rest-mapper.ts';
import { parseSelection } from '#runtime/cli/api/selection.ts';
import { ExitCode, UsageError } from '#runtime/cli/io.ts';
import type { Session } from '#runtime/cli/session.ts';
import { listAll, notFound } from './get.ts';

export interface WaitOptions {
  readonly for?: string;
  readonly timeout?: string;
  readonly selector?: string;
  readonly all?: boolean;
  readonly allNamespaces?: boolean;
}

/** True when the object (undefined: not there) is as waited for. */
type Met = (object: KubeObject | undefined) => boolean;

const pollMs = 100;

/** `wcpctl wait --for=condition=Ready|delete|create|jsonpath={…}=value`. */
export async function wait(session: Session, words: readonly string[], options: WaitOptions): Promise<void> {
  const { met, mayBeAbsent } = parseFor(options.for ?? '');
  const client = await session.client();
  const giveUpAt = Date.now() + parseDurationFlag('--timeout', options.timeout ?? '30s');
  const targets = await select(session, words, options);
  if (targets.length === 0) throw new UsageError('no matching resources found');
  for (const target of targets) {
    await waitForOne({ session, client, giveUpAt }, target, { met, mayBeAbsent });
    session.io.out(
      `${objectName(target.type, target.name)} ${mayBeAbsent === 'delete' ? 'deleted' : 'condition met'}\n`,
    );
  }
}

interface Target {
  readonly type: DiscoveredResource;
  readonly name: string;
  readonly namespace: string | undefined;
}

async function select(session: Session, words: readonly string[], options: WaitOptions): Promise<readonly Target[]> {
  const client = await session.client();
  const targets: Target[] = [];
  for (const { type, name } of parseSelection(await session.mapper(), words)) {
    const namespace = type.namespaced && options.allNamespaces !== true ? await session.namespace() : undefined;
    if (name !== undefined) targets.push({ type, name, namespace });
    else {
      if (options.all !== true && options.selector === undefined)
        throw new UsageError('name the objects, or use --all or --selector');
      const objects = await listAll(client, type, { namespace, labelSelector: options.selector });
      targets.push(...objects.map(({ metadata }) => ({ type, name: metadata.name, namespace: metadata.namespace })));
    }
  }
  return targets;
}

interface Waiting {
  readonly session: Session;
  readonly client: Client;
  readonly giveUpAt: number;
}

async function waitForOne(
  { session, client, giveUpAt }: Waiting,
  { type, name, namespace }: Target,
  until: ReturnType<typeof parseFor>,
): Promise<void> {
  for (;;) {
    const object = await client.get(type, { name, namespace }, session.io.signal);
    if (object === undefined && until.mayBeAbsent === undefined) throw notFound(type, name);
    if (until.met(object)) return;
    if (session.io.signal.aborted) throw new ExitCode(130);
    if (Date.now() > giveUpAt)
      throw new ApiError(504, 'Timeout', `timed out waiting for the condition on ${objectName(type, name)}`);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

function parseFor(text: string): { readonly met: Met; readonly mayBeAbsent: 'delete' | 'create' | undefined } {
  const [form = '', ...rest] = text.split('=');
  const argument = rest.join('=');
  switch (form.toLowerCase()) {
    case 'delete':
      return { met: (object) => object === undefined, mayBeAbsent: 'delete' };
    case 'create':
      return { met: (object) => object !== undefined, mayBeAbsent: 'create' };
    case 'condition':
      return { met: conditionMet(argument), mayBeAbsent: undefined };
    case 'jsonpath':
      return { met: jsonPathMet(argument), mayBeAbsent: undefined };
    default:
      throw new UsageError(
        `unrecognized condition "${text}": use condition=TYPE, delete, create or jsonpath={PATH}=VALUE`,
      );
  }
}

/** A condition counts only when it was made for the object's present generation. */
function conditionMet(argument: string): Met {
  const [type = '', status = 'true'] = argument.split('=');
  return (object) => {
    const found = conditionsOf(object).find((condition) => condition.type.toLowerCase() === type.toLowerCase());
    if (found === undefined) return false;
    const isCurrent =
      found.observedGeneration === undefined || found.observedGeneration >= (object?.metadata.generation ?? 0);
    return isCurrent && found.status.toLowerCase() === status.toLowerCase();
  };
}

function jsonPathMet(argument: string): Met {
  const [, path = argument, value] = /^(\{.*\}|[^=]*)(?:=(.*))?$/.exec(argument) ?? [];
  const read = compileJsonPath(path);
  return (object) => {
    const values = read(object);
    return value === undefined ? values.length > 0 : values.some((each) => String(each) === value);
  };
}
