import type { ApiError, FieldFault } from '#runtime/base/errors.ts';
import { fault, invalid, shown } from '#runtime/apiserver/http/api-errors.ts';
import { invalidValue } from '#runtime/apiserver/registry/names.ts';
import { isTrue } from '#runtime/apiserver/http/request-attributes.ts';
import type { ApiRequest } from './context.ts';

export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

/** The query of a write, checked. */
export interface WriteOptions {
  readonly dryRun: boolean;
  /** Who owns the fields that are written: as asked for, else the program's name from `User-Agent`. */
  readonly manager: string;
  readonly fieldValidation: FieldValidation;
  readonly force: boolean;
}

const maxManagerLength = 128;

/** Reads the options of a create, update or patch; `apply` needs a manager of its own and may be forced. */
export function parseWriteOptions(request: ApiRequest, verb: 'create' | 'update' | 'patch' | 'apply'): WriteOptions {
  const { query } = request;
  const manager = query.get('fieldManager') ?? '';
  const force = query.get('force');
  const validation = query.get('fieldValidation') ?? '';
  const faults = [
    ...(force === null || verb !== 'patch' ? [] : [forceFault]),
    ...managerFaults(manager, verb === 'apply'),
    ...dryRunFaults(query.getAll('dryRun')),
    ...validationFaults(validation),
  ];
  if (faults.length > 0) throw optionsInvalid(verb, faults);
  return {
    dryRun: query.getAll('dryRun').includes('All'),
    manager: manager === '' ? managerOf(request.headers['user-agent']) : manager,
    fieldValidation: isValidation(validation) ? validation : 'Warn',
    force: verb === 'apply' && isTrue(force),
  };
}

const forceFault = fault('force', 'FieldValueForbidden', 'Forbidden: may not be specified for non-apply patch');

function isValidation(value: string): value is FieldValidation {
  return value === 'Ignore' || value === 'Warn' || value === 'Strict';
}

/** `All` is the only stage of a dry run there is. */
export function dryRunFaults(values: readonly string[]): readonly FieldFault[] {
  if (values.every((value) => value === 'All')) return [];
  return [fault('dryRun', 'FieldValueNotSupported', `Unsupported value: ${shown(values)}: supported values: "All"`)];
}

function managerFaults(manager: string, needed: boolean): readonly FieldFault[] {
  if (manager === '')
    return needed ? [fault('fieldManager', 'FieldValueRequired', 'Required value: is required for apply patch')] : [];
  if (manager.length > maxManagerLength) {
    return [fault('fieldManager', 'FieldValueTooLong', `Too long: may not be more than ${maxManagerLength} bytes`)];
  }
  const [unprintable] = /\p{C}/u.exec(manager) ?? [];
  if (unprintable === undefined) return [];
  const code = (unprintable.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  const position = Buffer.byteLength(manager.slice(0, manager.indexOf(unprintable)));
  return [invalidValue('fieldManager', manager, `invalid character U+${code} (at position ${position})`)];
}

function validationFaults(value: string): readonly FieldFault[] {
  if (value === '' || isValidation(value)) return [];
  const message = `Unsupported value: ${shown(value)}: supported values: "", "Ignore", "Strict", "Warn"`;
  return [fault('fieldValidation', 'FieldValueNotSupported', message)];
}

function optionsInvalid(verb: string, faults: readonly FieldFault[]): ApiError {
  const kind = verb === 'create' ? 'CreateOptions' : verb === 'update' ? 'UpdateOptions' : 'PatchOptions';
  return invalid({ group: 'meta.k8s.io', resource: kind.toLowerCase(), kind }, '', faults);
}

function managerOf(userAgent: string | undefined): string {
  const program = (userAgent ?? '').split('/', 1)[0] ?? '';
  const printable = program.replaceAll(/\p{C}/gu, '').slice(0, maxManagerLength);
  return printable === '' ? 'unknown' : printable;
}
