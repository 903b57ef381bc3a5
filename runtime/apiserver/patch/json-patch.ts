import { isMap } from '#runtime/apiserver/codec/exact-number.ts';
import { stringifyJson } from '#runtime/apiserver/codec/json.ts';
import { ApiError } from '#runtime/base/errors.ts';
import { isEqual } from '#runtime/base/json.ts';
import { parseIndex, parsePointer } from './json-pointer.ts';
import { setField } from './set-field.ts';

/** Most operations of one patch. */
const maxOperations = 10_000;

/** Most bytes of JSON that the `copy` operations of one patch may add, so that doubling twenty times stays small. */
const maxCopiedBytes = 3 * 1024 * 1024;

/** Most items that the operations of one patch may move up or down in lists: all operations in a list of ten thousand. */
const maxMovedItems = 100_000_000;

/** What Kubernetes' library says of a place that is not there. */
const missing = 'missing value';
const invalidIndex = 'invalid index referenced';

type Container = Record<string, unknown> | unknown[];

/** A patch on its way: the document so far, and the containers that were made for this patch and may be written to. */
interface Work {
  document: unknown;
  readonly own: Set<object>;
  copiedBytes: number;
  movedItems: number;
}

interface Operation {
  readonly op: string;
  readonly path: string;
  readonly from: string;
  readonly hasValue: boolean;
  readonly value: unknown;
}

/**
 * RFC 6902. Applies all operations or none: neither the document nor the patch is changed, and what no operation touches is shared with the document.
 * Throws ApiError 400 for something that is no patch, 413 for too many operations, too much copying or too much moving in lists, 422 for an operation that does not apply.
 */
export function applyJsonPatch(document: unknown, operations: unknown): unknown {
  if (operations === null) return document;
  if (!Array.isArray(operations)) throw badPatch('a JSON patch is a list of operations');
  if (operations.length > maxOperations) {
    throw tooLarge(`The allowed maximum operations in a JSON patch is ${maxOperations}, got ${operations.length}`);
  }
  const work: Work = { document, own: new Set(), copiedBytes: 0, movedItems: 0 };
  for (const operation of operations) carryOut(work, readOperation(operation));
  return work.document;
}

function readOperation(operation: unknown): Operation {
  if (!isMap(operation)) throw badPatch('an operation of a JSON patch is an object');
  const { op, path, from = '' } = operation;
  if (typeof op !== 'string') throw unprocessable('Unexpected kind: unknown');
  if (typeof path !== 'string' || typeof from !== 'string')
    throw unprocessable(`${op} operation failed to decode path: ${missing}`);
  return { op, path, from, hasValue: Object.hasOwn(operation, 'value'), value: operation['value'] };
}

function carryOut(work: Work, operation: Operation): void {
  const { op, path, from } = operation;
  switch (op) {
    case 'add':
      return add(work, operation, valueOf(operation));
    case 'remove':
      return void remove(work, op, path);
    case 'replace':
      return replace(work, path, valueOf(operation));
    case 'move':
      return move(work, operation);
    case 'copy':
      return add(work, operation, copyOf(work, readOrNull(work, op, from)));
    case 'test':
      return test(work, operation);
    default:
      throw unprocessable(`Unexpected kind: ${op}`);
  }
}

function valueOf(operation: Operation): unknown {
  if (!operation.hasValue) throw unprocessable(`${operation.op} operation failed to decode value: ${missing}`);
  return operation.value;
}

/** A missing field is copied as null, as Kubernetes' library does. */
function readOrNull(work: Work, op: string, path: string): unknown {
  const parent = path.slice(0, Math.max(0, path.lastIndexOf('/')));
  const container = path === '' ? undefined : read(work, op, parent);
  return isMap(container) ? (readForTest(work, path) ?? null) : read(work, op, path);
}

function move(work: Work, operation: Operation): void {
  const { op, path, from } = operation;
  if (path === from) return void read(work, op, from);
  if (path.startsWith(`${from}/`))
    throw unprocessable(`${op} operation does not apply: "${path}" lies below "${from}"`);
  return add(work, operation, remove(work, op, from));
}

/** A missing field equals null, as in Kubernetes' library. */
function test(work: Work, operation: Operation): void {
  const found = readForTest(work, operation.path) ?? null;
  if (!isEqual(found, operation.value ?? null))
    throw unprocessable(`testing value ${operation.path} failed: test failed`);
}

function add(work: Work, operation: Operation, value: unknown): void {
  const { op, path } = operation;
  const place = writable(work, op, path);
  if (place === undefined) {
    work.document = value;
  } else if (Array.isArray(place.container)) {
    const { length } = place.container;
    const index = place.key === '-' ? length : parseIndex(place.key, length);
    if (index === undefined) throw failed(op, path, `Unable to access invalid index: ${place.key}: ${invalidIndex}`);
    countMoved(work, length - index);
    place.container.splice(index, 0, value);
  } else {
    setField(place.container, place.key, value);
  }
}

function remove(work: Work, op: string, path: string): unknown {
  const place = writable(work, op, path);
  if (place === undefined)
    throw unprocessable(`${op} operation does not apply: doc is missing path: "${path}": ${missing}`);
  const { container, key } = place;
  if (Array.isArray(container)) {
    const index = parseIndex(key, container.length - 1);
    if (index === undefined) throw failed(op, path, `Unable to access invalid index: ${key}: ${invalidIndex}`);
    countMoved(work, container.length - index);
    return container.splice(index, 1)[0];
  }
  if (!Object.hasOwn(container, key)) throw failed(op, path, `Unable to remove nonexistent key: ${key}: ${missing}`);
  const removed = container[key];
  delete container[key];
  return removed;
}

function replace(work: Work, path: string, value: unknown): void {
  const place = writable(work, 'replace', path);
  if (place === undefined) {
    work.document = value;
    return;
  }
  const { container, key } = place;
  if (Array.isArray(container)) {
    const index = parseIndex(key, container.length - 1);
    if (index === undefined)
      throw unprocessable(`replace operation does not apply: doc is missing key: ${path}: ${missing}`);
    container[index] = value;
  } else {
    // What is not there is added, as by Kubernetes' library.
    setField(container, key, value);
  }
}

function read(work: Work, op: string, path: string): unknown {
  const found = lookUp(work.document, tokensOf(op, path));
  if (found === undefined)
    throw unprocessable(`${op} operation does not apply: doc is missing from path: "${path}": ${missing}`);
  return found.value;
}

function readForTest(work: Work, path: string): unknown {
  const tokens = tokensOf('test', path);
  const parent = lookUp(work.document, tokens.slice(0, -1));
  if (parent === undefined || (tokens.length > 0 && (typeof parent.value !== 'object' || parent.value === null))) {
    throw unprocessable(`test operation does not apply: is missing path: "${path}": ${missing}`);
  }
  return lookUp(work.document, tokens)?.value;
}

function lookUp(document: unknown, tokens: readonly string[]): { readonly value: unknown } | undefined {
  let value = document;
  for (const token of tokens) {
    if (Array.isArray(value)) {
      const index = parseIndex(token, value.length - 1);
      if (index === undefined) return undefined;
      value = value[index];
    } else if (isMap(value) && Object.hasOwn(value, token)) {
      value = value[token];
    } else {
      return undefined;
    }
  }
  return { value };
}

/** The container that holds a path, made ready to be written to, and the last token; undefined for the whole document. */
function writable(
  work: Work,
  op: string,
  path: string,
): { readonly container: Container; readonly key: string } | undefined {
  const tokens = tokensOf(op, path);
  const key = tokens.at(-1);
  if (key === undefined) return undefined;
  if (lookUp(work.document, tokens.slice(0, -1)) === undefined) throw doesNotApply(op, path);
  work.document = ownContainer(work, work.document, { op, path });
  let container = work.document as Container;
  for (const token of tokens.slice(0, -1)) {
    const inner = ownContainer(work, Reflect.get(container, token), { op, path });
    if (Array.isArray(container)) container[Number(token)] = inner;
    else setField(container, token, inner);
    container = inner;
  }
  return { container, key };
}

function ownContainer(work: Work, value: unknown, place: { readonly op: string; readonly path: string }): Container {
  if (typeof value === 'object' && value !== null && work.own.has(value)) return value as Container;
  if (!Array.isArray(value) && !isMap(value)) throw doesNotApply(place.op, place.path);
  const copy: Container = Array.isArray(value) ? [...(value as readonly unknown[])] : { ...value };
  work.own.add(copy);
  return copy;
}

/** What stands behind an item that comes or goes moves. */
function countMoved(work: Work, items: number): void {
  work.movedItems += items;
  if (work.movedItems > maxMovedItems) {
    throw tooLarge(
      `Unable to complete the patch, its operations move more than ${maxMovedItems} items of lists: send the lists as a whole`,
    );
  }
}

/** A copy that shares no container of ours, because those may still be written to. */
function copyOf(work: Work, value: unknown): unknown {
  const text = stringifyJson(value);
  work.copiedBytes += text.length;
  if (work.copiedBytes > maxCopiedBytes) {
    throw tooLarge(
      `Unable to complete the copy, the accumulated size increase of copy is ${work.copiedBytes}, exceeding the limit ${maxCopiedBytes}`,
    );
  }
  return deepCopy(value);
}

function deepCopy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(deepCopy);
  if (!isMap(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, deepCopy(part)]));
}

function tokensOf(op: string, path: string): readonly string[] {
  const tokens = parsePointer(path);
  if (tokens === undefined) throw doesNotApply(op, path);
  return tokens;
}

function doesNotApply(op: string, path: string): ApiError {
  return unprocessable(`${op} operation does not apply: doc is missing path: "${path}": ${missing}`);
}

function failed(op: string, path: string, detail: string): ApiError {
  return unprocessable(`error in ${op} for path: '${path}': ${detail}`);
}

function unprocessable(message: string): ApiError {
  return new ApiError(422, 'Invalid', message);
}

function badPatch(message: string): ApiError {
  return new ApiError(400, 'BadRequest', `error decoding patch: ${message}`);
}

function tooLarge(message: string): ApiError {
  return new ApiError(413, 'RequestEntityTooLarge', message);
}
