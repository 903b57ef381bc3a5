import type { FieldFault } from '#runtime/base/errors.ts';
import { isEqual } from '#runtime/base/json.ts';
import { fault } from '#runtime/apiserver/http/api-errors.ts';
import { invalidValue } from '#runtime/apiserver/registry/names.ts';
import { plainStrategy, type Strategy } from '#runtime/apiserver/registry/strategy.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import type { Draft } from '#runtime/apiserver/registry/draft.ts';
import { recordAt, textAt, textReader } from './fields.ts';
import { dataKeyFaults, immutableFaults, sizeFaults } from './key-value-rules.ts';

const serviceAccountToken = 'kubernetes.io/service-account-token';
const serviceAccountName = 'kubernetes.io/service-account.name';

/** Keys that a type cannot be without; with `any`, one of them is enough; with `json`, they hold JSON. */
interface TypeRule {
  readonly keys: readonly string[];
  readonly any?: boolean;
  readonly json?: boolean;
}

const typeKeys: Readonly<Record<string, TypeRule>> = {
  'kubernetes.io/tls': { keys: ['tls.crt', 'tls.key'] },
  'kubernetes.io/dockercfg': { keys: ['.dockercfg'], json: true },
  'kubernetes.io/dockerconfigjson': { keys: ['.dockerconfigjson'], json: true },
  'kubernetes.io/basic-auth': { keys: ['username', 'password'], any: true },
  'kubernetes.io/ssh-auth': { keys: ['ssh-privatekey'] },
};

/** Secrets: `stringData` is merged into `data` and never stored, the type is for ever, known types have their keys. */
export const secretStrategy: Strategy = {
  ...plainStrategy,
  prepareCreate: complete,
  prepareUpdate: complete,
  validate: (secret, old) => [
    ...sizeFaults(secret, 'data'),
    ...dataKeyFaults(recordAt(secret, 'data'), 'data'),
    ...encodingFaults(secret),
    ...typeFaults(secret),
    ...(old === undefined ? [] : updateFaults(secret, old)),
  ],
};

export const secretFields = { type: textReader('type') };

function complete(draft: Draft): void {
  mergeStringData(draft);
  if (draft['type'] === undefined || draft['type'] === '') draft['type'] = 'Opaque';
}

function mergeStringData(draft: Draft): void {
  const texts = recordAt(draft, 'stringData');
  delete draft['stringData'];
  const added = Object.entries(texts).map(
    ([key, text]) => [key, Buffer.from(String(text)).toString('base64')] as const,
  );
  if (added.length > 0) draft['data'] = { ...recordAt(draft, 'data'), ...Object.fromEntries(added) };
}

function encodingFaults(secret: KubeObject): readonly FieldFault[] {
  const bad = Object.entries(recordAt(secret, 'data')).find(
    ([, value]) => typeof value !== 'string' || !isBase64(value),
  );
  return bad === undefined ? [] : [invalidValue(`data[${bad[0]}]`, '(secret)', 'must be base64')];
}

function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/u.test(text);
}

function typeFaults(secret: KubeObject): readonly FieldFault[] {
  const type = textAt(secret, 'type');
  if (type === serviceAccountToken && (secret.metadata.annotations?.[serviceAccountName] ?? '') === '') {
    return [fault(`metadata.annotations[${serviceAccountName}]`, 'FieldValueRequired', 'Required value')];
  }
  const rule = Object.hasOwn(typeKeys, type) ? typeKeys[type] : undefined;
  return rule === undefined ? [] : keyFaults(recordAt(secret, 'data'), rule);
}

function keyFaults(
  data: Readonly<Record<string, unknown>>,
  { keys, any = false, json = false }: TypeRule,
): readonly FieldFault[] {
  const missing = keys.filter((key) => data[key] === undefined);
  if (any && missing.length < keys.length) return [];
  if (missing.length > 0) return missing.map(requiredKey);
  const unreadable = json ? keys.filter((key) => !holdsJson(data[key])) : [];
  return unreadable.map((key) => invalidValue(`data[${key}]`, '<secret contents redacted>', 'must be JSON'));
}

function requiredKey(key: string): FieldFault {
  return fault(`data[${key}]`, 'FieldValueRequired', 'Required value');
}

function holdsJson(value: unknown): boolean {
  if (typeof value !== 'string') return false;
  try {
    JSON.parse(Buffer.from(value, 'base64').toString('utf8'));
    return true;
  } catch {
    return false;
  }
}

function updateFaults(secret: KubeObject, old: KubeObject): readonly FieldFault[] {
  const faults = [...immutableFaults(secret, old, ['data'])];
  if (!isEqual(secret['type'], old['type'])) faults.push(invalidValue('type', secret['type'], 'field is immutable'));
  return faults;
}
