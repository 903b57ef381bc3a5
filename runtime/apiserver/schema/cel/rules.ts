import { Optional } from '@marcbachmann/cel-js';
import type { FieldFault } from '#runtime/base/errors.ts';
import { isEqual, isRecord } from '#runtime/base/json.ts';
import { duplicate, forbidden, invalid, requiredValue } from '#runtime/validation/faults.ts';
import { NO_FIELD } from '#runtime/validation/fault-words.ts';
import { fieldPath, partOf, type FieldSegments } from '#runtime/validation/field-path.ts';
import type { Schema } from '#schemas/meta/schema.ts';
import { OBJECT_BUDGET, RULE_BUDGET } from './meter.ts';
import { compileRuleTree, type CompiledRule, type RuleNode } from './rule-tree.ts';

/** The CEL rules of a schema (CRD docs, "Validation rules"). */
export interface CompiledRules {
  /**
   * Faults of the rules that do not hold. Transition rules are checked where there is an old value; with `old`, a rule that says nothing
   * about it is forgiven where the value did not change. Bounded in time by the budgets of meter.ts; never throws.
   */
  check(object: unknown, old: unknown): readonly FieldFault[];
}

/** Most faults that are told. */
const MAX_FAULTS = 50;
const MAX_MESSAGE_CHARS = 5_120;

/** Undefined when the schema has no rules. Rules that do not compile are skipped: whoever accepted the schema has refused them (crd.ts). */
export function compileRules(schema: Schema): CompiledRules | undefined {
  const root = compileRuleTree(schema);
  if (root === undefined) return undefined;
  return {
    check: (object, old) => {
      const run: Run = { faults: [], left: OBJECT_BUDGET, isUpdate: old !== undefined };
      visit(root, { value: object, old, segments: [] }, run);
      return run.faults;
    },
  };
}

interface Run {
  readonly faults: FieldFault[];
  left: number;
  readonly isUpdate: boolean;
}

interface Place {
  readonly value: unknown;
  /** Undefined where nothing corresponds. */
  readonly old: unknown;
  readonly segments: FieldSegments;
}

function visit(node: RuleNode, place: Place, run: Run): void {
  // Null counts as nothing: the shape of the object was checked before.
  if (place.value === undefined || place.value === null || run.left < 0) return;
  if (node.rules.length > 0) checkNode(node, place, run);
  if (Array.isArray(place.value)) visitItems(node, place.value, place, run);
  else if (isRecord(place.value)) visitFields(node, place.value, place, run);
}

function visitItems(node: RuleNode, items: readonly unknown[], place: Place, run: Run): void {
  if (node.items === undefined) return;
  const oldItems = oldByKey(node, place.old);
  for (const [index, value] of items.entries()) {
    const old = oldItems === undefined ? undefined : oldItems.get(node.keyOf?.(value) ?? '');
    visit(node.items, { value, old, segments: [...place.segments, index] }, run);
  }
}

function oldByKey(node: RuleNode, old: unknown): ReadonlyMap<string, unknown> | undefined {
  const { keyOf } = node;
  if (keyOf === undefined || !Array.isArray(old)) return undefined;
  return new Map((old as readonly unknown[]).map((item) => [keyOf(item), item]));
}

function visitFields(node: RuleNode, fields: Readonly<Record<string, unknown>>, place: Place, run: Run): void {
  for (const [name, child] of node.properties) {
    visit(child, childPlace(fields, name, place), run);
  }
  if (node.others === undefined) return;
  for (const name of Object.keys(fields)) {
    const isProperty = node.schema.properties !== undefined && Object.hasOwn(node.schema.properties, name);
    if (!isProperty) visit(node.others, childPlace(fields, name, place), run);
  }
}

function childPlace(fields: Readonly<Record<string, unknown>>, name: string, place: Place): Place {
  return { value: partOf(fields, name), old: partOf(place.old, name), segments: [...place.segments, name] };
}

function checkNode(node: RuleNode, place: Place, run: Run): void {
  const { type } = node;
  if (type === undefined) return;
  const old = place.old ?? undefined;
  const self = type.convert(place.value);
  const oldSelf = old === undefined ? undefined : type.convert(old);
  for (const rule of node.rules) {
    if (run.left < 0 || run.faults.length >= MAX_FAULTS) return;
    if (rule.rule.optionalOldSelf === true) checkRule(rule, { self, oldSelf: Optional.of(oldSelf) }, place, run);
    else if (!rule.isTransition || old !== undefined) checkRule(rule, { self, oldSelf }, place, run);
  }
}

interface Variables extends Readonly<Record<string, unknown>> {
  readonly self: unknown;
  readonly oldSelf: unknown;
}

function checkRule(rule: CompiledRule, variables: Variables, place: Place, run: Run): void {
  const result = rule.expression.evaluate(variables, Math.min(RULE_BUDGET, run.left));
  run.left -= result.spent;
  if ('value' in result && result.value === true) return;
  if (run.isUpdate && !rule.isTransition && isEqual(place.value, place.old)) return;
  if ('value' in result) run.faults.push(faultOf(rule, messageOf(rule, variables, run), place));
  else if (result.isOverBudget) giveUp(rule, place, run);
  else run.faults.push(failureOf(rule, `${result.error} evaluating rule: ${nameOf(rule)}`, place));
}

function giveUp(rule: CompiledRule, place: Place, run: Run): void {
  run.left = -1;
  const detail = `no further validation rules will be run due to call cost exceeds limit for rule: ${nameOf(rule)}`;
  run.faults.push(failureOf(rule, detail, place));
}

/** A rule that came to no result, at what it is a rule of. */
function failureOf({ type }: CompiledRule, detail: string, { segments }: Place): FieldFault {
  return invalid(fieldPath(segments) || NO_FIELD, type, detail);
}

function nameOf(rule: CompiledRule): string {
  return rule.rule.message ?? rule.rule.rule.trim();
}

function messageOf(rule: CompiledRule, variables: Variables, run: Run): string {
  const result = rule.messageExpression?.evaluate(variables, Math.min(RULE_BUDGET, Math.max(run.left, 0)));
  if (result === undefined) return wordsOf(rule);
  run.left -= result.spent;
  const text = 'value' in result && typeof result.value === 'string' ? result.value.trim() : '';
  // Kubernetes falls back to the message when the expression gives nothing that can be shown on one line.
  return text === '' || text.includes('\n') || text.length > MAX_MESSAGE_CHARS ? wordsOf(rule) : text;
}

function wordsOf(rule: CompiledRule): string {
  const message = rule.rule.message?.trim() ?? '';
  return message === '' ? `failed rule: ${rule.rule.rule.trim()}` : message;
}

function faultOf(rule: CompiledRule, detail: string, place: Place): FieldFault {
  const field = fieldPath([...place.segments, ...rule.field]) || NO_FIELD;
  const { value } = place;
  switch (rule.rule.reason ?? 'FieldValueInvalid') {
    case 'FieldValueForbidden':
      return forbidden(field, detail);
    case 'FieldValueRequired':
      return requiredValue(field, detail);
    case 'FieldValueDuplicate':
      return duplicate(field, value);
    case 'FieldValueInvalid':
      // Objects and lists are not repeated in the message.
      return invalid(field, typeof value === 'object' ? undefined : value, detail);
  }
}
