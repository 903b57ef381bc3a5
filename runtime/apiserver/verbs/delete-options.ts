import { isRecord } from '#runtime/base/json.ts';
import type { ApiError, FieldFault } from '#runtime/base/errors.ts';
import { badRequest, fault, invalid, shown } from '#runtime/apiserver/http/api-errors.ts';
import { isTrue } from '#runtime/apiserver/http/request-attributes.ts';
import type { DeleteRequest } from '#runtime/apiserver/operations.ts';
import type { ApiRequest } from './context.ts';
import { decodeBody } from './decode-body.ts';
import { dryRunFaults } from './write-options.ts';

/** What a deletion asks for, from its body (JSON, YAML or protobuf) and its query; the body counts more. */
export async function parseDeleteOptions(request: ApiRequest): Promise<DeleteRequest & { readonly dryRun: boolean }> {
  const value = await optionsBody(request);
  const { query } = request;
  const policy = textOf(value['propagationPolicy'], 'propagationPolicy') ?? query.get('propagationPolicy') ?? undefined;
  const orphan = booleanOf(value['orphanDependents'] ?? orphanQuery(query));
  const dryRun = [...listOf(value['dryRun']), ...query.getAll('dryRun')];
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

async function optionsBody(request: ApiRequest): Promise<Readonly<Record<string, unknown>>> {
  const body = await request.body();
  if (body.length === 0) return {};
  const { value } = await decodeBody({ ...request, body: () => Promise.resolve(body) }, false);
  const { kind } = value;
  if (kind !== undefined && kind !== '' && kind !== 'DeleteOptions')
    throw badRequest(`decoded object cannot be converted to DeleteOptions: ${shown(kind)}`);
  return value;
}

function orphanQuery(query: URLSearchParams): boolean | undefined {
  const value = query.get('orphanDependents');
  return value === null ? undefined : isTrue(value);
}

function preconditionsOf(value: unknown): DeleteRequest['preconditions'] {
  if (!isRecord(value)) return undefined;
  const uid = textOf(value['uid'], 'preconditions.uid');
  const resourceVersion = textOf(value['resourceVersion'], 'preconditions.resourceVersion');
  return { ...(uid === undefined ? {} : { uid }), ...(resourceVersion === undefined ? {} : { resourceVersion }) };
}

function textOf(value: unknown, field: string): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string') throw mistyped(field, 'a string');
  return value;
}

function booleanOf(value: unknown): boolean | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'boolean') throw mistyped('orphanDependents', 'a boolean');
  return value;
}

function listOf(value: unknown): readonly string[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw mistyped('dryRun', 'a list');
  return value.map(String);
}

function mistyped(field: string, type: string): ApiError {
  return badRequest(`DeleteOptions: ${field} must be ${type}`);
}
