import { stringifyYaml } from '#runtime/apiserver/codec/yaml.ts';
import type { RawResponse, ResponseHeaders } from './exchange.ts';

/** JSON of a list, in parts: the items are written between the ends, with commas, without being joined before. */
export interface ListBody {
  readonly head: Buffer;
  readonly items: readonly Buffer[];
  readonly tail: Buffer;
}

/** A complete answer. */
export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer | ListBody;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An answer that is written as it comes about (a watch). `pipe` resolves when the stream has ended; it never rejects. */
export interface Stream {
  readonly contentType: string;
  readonly pipe: (response: RawResponse) => Promise<void>;
}

/** An answer that another server gives; `relayed` is its status. `pipe` resolves when it was handed on with these headers on top; it never rejects. */
export interface Relay {
  readonly relayed: number;
  readonly pipe: (headers: ResponseHeaders) => Promise<void>;
}

export const jsonType = 'application/json';

/** JSON with the newline that Kubernetes puts after every body. */
export function jsonAnswer(status: number, value: unknown, headers?: Readonly<Record<string, string>>): Answer {
  const body = Buffer.from(`${JSON.stringify(value)}\n`);
  return { status, contentType: jsonType, body, ...(headers === undefined ? {} : { headers }) };
}

export function yamlAnswer(status: number, value: unknown, headers?: Readonly<Record<string, string>>): Answer {
  const body = Buffer.from(stringifyYaml(value));
  return { status, contentType: 'application/yaml', body, ...(headers === undefined ? {} : { headers }) };
}

export function textAnswer(status: number, text: string): Answer {
  return { status, contentType: 'text/plain; charset=utf-8', body: Buffer.from(text) };
}

/** What unknown paths get, groups, versions and resources included. */
export function pageNotFound(): Answer {
  return textAnswer(404, '404 page not found\n');
}
