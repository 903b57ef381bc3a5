import { isRecord } from '#runtime/base/json.ts';
import type { ApiError, FieldFault } from '#runtime/base/errors.ts';
import { badRequest, fault, invalid, shown } from '#runtime/apiserver/http/api-errors.ts';
import { isTrue } from '#runtime/apiserver/http/request-attributes.ts';
import type { DeleteRequest } from '#runtime/apiserver/operations.ts';
import type { ApiRequest } from './context.ts';
import { decodeBody } from './decode-body.ts';
import { integerParameter } from './list-options.ts';
import { dryRunFaults } from './write-options.ts';

/** What a deletion asks for, from its body (JSON, YAML or protobuf) or else from its query. */
export async function parseDeleteOptions(request: ApiRequest): Promise<DeleteRequest & { readonly dryRun: boolean }> {
  const value = (await optionsBody(request)) ?? optionsQuery(request.query);
  const policy = textOf(value['propagationPolicy'], 'propagationPolicy');
  const orphan = booleanOf(value['orphanDependents']);
  const dryRun = listOf(value['dryRun']);
  requireInteger(value['gracePeriodSeconds'], 'gracePeriodSeconds');
  const faults = [...dryRunFaults(dryRun), ...policyFaults(policy, orphan)];
  if (faults.length > 0)
    throw invalid({ group: 'meta.k8s.io', resource: 'deleteoptions', kind: 'DeleteOptions' }, '', faults);
  const chosen = policyOf(policy, orphan);
  const preconditions = preconditionsOf(value['preconditions']);
  return {
    dryRun: dryRun.includes('All'),
    ...(chosen === undefined ? {} : { propagationPolicy: chosen }),
    ...(preconditions === undefined ? {} : { preconditions }),
  };
}

function policyFaults(policy: string | undefined, orphan: boolean | undefined): readonly FieldFault[] {
  if (policy === undefined) return [];
  const field = 'propagationPolicy';
  const twice = `Invalid value: ${shown(policy)}: orphanDependents and deletionPropagation cannot be both set`;
  const unknown = `Unsupported value: ${shown(policy)}: supported values: "Foreground", "Background", "Orphan", "nil"`;
  return [
    ...(orphan === undefined ? [] : [fault(field, 'FieldValueInvalid', twice)]),
    ...(isPolicy(policy) ? [] : [fault(field, 'FieldValueNotSupported', unknown)]),
  ];
}

type Policy = NonNullable<DeleteRequest['propagationPolicy']>;

function isPolicy(policy: string): policy is Policy {
  return policy === 'Background' || policy === 'Foreground' || policy === 'Orphan';
}

function policyOf(policy: string | undefined, orphan: boolean | undefined): Policy | undefined {
  if (policy !== undefined && isPolicy(policy)) return policy;
  return orphan === undefined ? undefined : orphan ? 'Orphan' : 'Background';
}

async function optionsBody(request: ApiRequest): Promise<Readonly<Record<string, unknown>> | undefined> {
  const body = await request.body();
  if (body.length === 0) return undefined;
  const { value } = await decodeBody({ ...request, body: () => Promise.resolve(body) }, false);
  const { kind } = value;
  if (kind !== undefined && kind !== '' && kind !== 'DeleteOptions')
    throw badRequest(`decoded object cannot be converted to DeleteOptions: ${shown(kind)}`);
  return value;
}

function optionsQuery(query: URLSearchParams): Readonly<Record<string, unknown>> {
  const orphan = query.get('orphanDependents');
  return {
    propagationPolicy: query.get('propagationPolicy'),
    orphanDependents: orphan === null ? undefined : isTrue(orphan),
    gracePeriodSeconds: integerParameter(query, 'gracePeriodSeconds'),
    dryRun: query.getAll('dryRun'),
  };
}

function preconditionsOf(value: unknown): DeleteRequest['preconditions'] {
  if (!isRecord(value)) return undefined;
  const uid = textOf(value['uid'], 'preconditions.uid');
  const resourceVersion = textOf(value['resourceVersion'], 'preconditions.resourceVersion');
  return { ...(uid === undefined ? {} : { uid }), ...(resourceVersion === undefined ? {} : { resourceVersion }) };
}

function textOf(value: unknown, field: string): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string') throw mistyped(field, 'string', value);
  return value;
}

function booleanOf(value: unknown): boolean | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'boolean') throw mistyped('orphanDependents', 'bool', value);
  return value;
}

function requireInteger(value: unknown, field: string): void {
  if (value !== undefined && value !== null && !Number.isInteger(value)) throw mistyped(field, 'int64', value);
}

function listOf(value: unknown): readonly string[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw mistyped('dryRun', '[]string', value);
  return value.map(String);
}

function mistyped(field: string, type: string, value: unknown): ApiError {
  return badRequest(
    `json: cannot unmarshal ${jsonTypeOf(value)} into Go struct field DeleteOptions.${field} of type ${type}`,
  );
}

/** What Go calls the type of a JSON value. */
export function jsonTypeOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}
