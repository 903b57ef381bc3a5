import type { Environment } from '@marcbachmann/cel-js';
import { isEqual, isRecord } from '#runtime/base/json.ts';
import { celNameOf } from './property-names.ts';
import type { CelType } from './cel-type.ts';

/** One property of an object type. */
export interface MessageField {
  readonly property: string;
  readonly type: CelType;
}

const RAW = Symbol('raw');
const KEPT = Symbol('kept');

/** An object as rules see it: its properties are converted when they are first read. */
class Message {
  readonly [RAW]: Readonly<Record<string, unknown>>;
  [KEPT]: Map<string, unknown> | undefined;
  constructor(raw: Readonly<Record<string, unknown>>) {
    this[RAW] = raw;
    this[KEPT] = undefined;
  }
}

/**
 * Declares an object type and gives the conversion of JSON objects to its values. Each type has a class of its own, since that is how the CEL
 * library finds the type of a value. A property that is null counts as absent.
 */
export function declareMessage(
  environment: Environment,
  name: string,
  fields: readonly MessageField[],
): (value: unknown) => unknown {
  const ctor = class extends Message {};
  const types: Record<string, string> = {};
  for (const { property, type } of fields) {
    const celName = celNameOf(property);
    if (celName === undefined) continue;
    Object.defineProperty(types, celName, { value: type.name, enumerable: true });
    Object.defineProperty(ctor.prototype, celName, { get: getter(property, type) });
  }
  environment.registerType(name, { ctor, fields: types });
  environment.registerOperator(`${name} == ${name}`, (a: Message, b: Message) => isEqual(a[RAW], b[RAW]));
  return (value) => (isRecord(value) ? new ctor(value) : value);
}

function getter(property: string, type: CelType): (this: Message) => unknown {
  if (!type.isComposite) {
    return function read(this: Message) {
      const value = ownValue(this[RAW], property);
      return value === undefined ? undefined : type.convert(value);
    };
  }
  return function readOnce(this: Message) {
    const kept = (this[KEPT] ??= new Map());
    const known: unknown = kept.get(property);
    if (known !== undefined) return known;
    const value = ownValue(this[RAW], property);
    const converted = value === undefined ? undefined : type.convert(value);
    kept.set(property, converted);
    return converted;
  };
}

function ownValue(raw: Readonly<Record<string, unknown>>, property: string): unknown {
  return Object.hasOwn(raw, property) ? (raw[property] ?? undefined) : undefined;
}
