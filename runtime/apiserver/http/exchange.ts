import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import type { Credentials } from '#runtime/apiserver/operations.ts';
import type { UpgradeSocket } from '#runtime/relay/relay.ts';

export type RawRequest = IncomingMessage | Http2ServerRequest;

export type ResponseHeaders = Readonly<Record<string, string | number | readonly string[]>>;

/** What the responses of HTTP/1.1 and HTTP/2 have in common. */
export interface RawResponse {
  readonly destroyed: boolean;
  readonly writableEnded: boolean;
  writeHead(status: number, headers: ResponseHeaders): unknown;
  flushHeaders(): void;
  write(chunk: Buffer, written?: () => void): boolean;
  end(chunk?: Buffer): unknown;
  destroy(): unknown;
  on(event: 'close' | 'drain', listener: () => void): unknown;
  off(event: 'close' | 'drain', listener: () => void): unknown;
}

/** One request as it came from a connection and the response that is still to be written, of HTTP/1.1 or HTTP/2. */
export interface Exchange {
  readonly method: string;
  /** The request target as sent. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** Names and values in turn; repeated headers stand apart here, joined in `headers`. */
  readonly rawHeaders: readonly string[];
  readonly remoteAddress: string;
  /** The client certificate of the connection, when our CA signed it. */
  readonly certificate: Credentials['certificate'];
  readonly request: RawRequest;
  readonly response: RawResponse;
  /** Of a request that asks to leave HTTP, where that is granted. */
  readonly upgrade?: UpgradeSocket;
}
