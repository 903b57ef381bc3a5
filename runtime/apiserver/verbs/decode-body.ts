import { ApiError } from '#runtime/base/errors.ts';
import { isMap } from '#runtime/apiserver/codec/exact-number.ts';
import { parseJson, type ParsedText } from '#runtime/apiserver/codec/json.ts';
import { jsonType, parseContentType, protobufType, yamlType } from '#runtime/apiserver/codec/media-type.ts';
import { decodeProtobuf } from '#runtime/apiserver/codec/protobuf.ts';
import { parseYaml } from '#runtime/apiserver/codec/yaml.ts';
import { badRequest } from '#runtime/apiserver/http/api-errors.ts';
import type { ApiRequest } from './context.ts';

/** A body as an object of unknown kind; `duplicates` holds the paths of keys that stood twice. */
export interface DecodedBody {
  readonly value: Readonly<Record<string, unknown>>;
  readonly duplicates: readonly string[];
}

/** Reads a body of JSON, YAML or protobuf by its Content-Type; none means JSON. 415 for others, 400 for text that is no object. */
export async function decodeBody(request: ApiRequest, findDuplicates: boolean): Promise<DecodedBody> {
  const type = parseContentType(request.headers['content-type'])?.type ?? jsonType;
  const body = await request.body();
  const { value, duplicates } = parseAs(type, body, findDuplicates);
  if (value === null) return { value: {}, duplicates };
  if (!isMap(value)) throw badRequest("couldn't get version/kind; json parse error: the body is not an object");
  return { value, duplicates };
}

/** The same for an object of a kind, whose name is told with what is wrong. */
export async function decodeObject(request: ApiRequest, kind: string, findDuplicates: boolean): Promise<DecodedBody> {
  const body = await request.body();
  try {
    return await decodeBody({ ...request, body: () => Promise.resolve(body) }, findDuplicates);
  } catch (err) {
    const isUnread = err instanceof ApiError && err.message.startsWith("couldn't get version/kind");
    throw isUnread ? unrecognizedBody(kind, body, err.message) : err;
  }
}

const shownBytes = 30;

/** 400 that shows how the body begins: an object as text, anything else in hexadecimal. */
export function unrecognizedBody(kind: string, body: Buffer, why: string): ApiError {
  const start = body.subarray(0, shownBytes).toString(body.toString('latin1', 0, 1) === '{' ? 'utf8' : 'hex');
  const summary = body.length === 0 ? '<empty>' : body.length > shownBytes ? `${start} ...` : start;
  return badRequest(`the object provided is unrecognized (must be of type ${kind}): ${why} (${summary})`);
}

function parseAs(type: string, body: Buffer, findDuplicates: boolean): ParsedText {
  switch (type) {
    case jsonType:
      return parseJson(body.toString('utf8'), { findDuplicates });
    case yamlType:
    case 'application/x-yaml':
    case 'text/yaml':
      return parseYaml(body.toString('utf8'));
    case protobufType:
      return { value: decodeProtobuf(body), duplicates: [] };
    default:
      throw unsupportedMediaType([jsonType, yamlType, protobufType]);
  }
}

export function unsupportedMediaType(accepted: readonly string[]): ApiError {
  const types = accepted.join(', ');
  return new ApiError(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${types}`,
  );
}
