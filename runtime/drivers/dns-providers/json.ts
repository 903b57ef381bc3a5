import { HostError } from '#runtime/base/errors.ts';
import { isRecord } from '#runtime/base/json.ts';
import type { ApiContent } from './api.ts';

export function jsonContent(value: unknown): ApiContent {
  return { type: 'application/json', text: JSON.stringify(value) };
}

/** A success in JSON; `undefined` stays so. HostError for what is none. */
export function jsonIn<T extends object>(text: string | undefined): T | undefined {
  if (text === undefined) return undefined;
  const value = parsed(text);
  if (isRecord(value)) return value as T;
  throw new HostError('the provider answers with something that is no JSON object');
}

/** The same for what says that something went wrong; an error page on the way says nothing. */
export function failureIn<T extends object>(text: string): Partial<T> {
  const value = parsed(text);
  return isRecord(value) ? (value as Partial<T>) : {};
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
