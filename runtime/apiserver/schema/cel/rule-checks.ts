import type { FieldFault } from '#runtime/base/errors.ts';
import { InvalidError } from '#runtime/base/errors.ts';
import { forbidden, invalid } from '#runtime/validation/faults.ts';
import type { Schema } from '#schemas/meta/schema.ts';
import { estimateCost, excess, RULE_COST_LIMIT, SCHEMA_COST_LIMIT } from './cost.ts';
import { leadsSomewhere, ruleFieldNames } from './field-path.ts';
import { compileRuleTree, type CompiledRule, type RuleNode } from './rule-tree.ts';
import { repetitionsOf, shapeOf } from './shape.ts';

const ADVICE =
  'try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared';

/**
 * Whether the rules of a schema may be used: they compile, give a bool, look at old values only where these can be found, and cannot cost
 * more than Kubernetes allows (C8, C9). `path` is that of the schema within the definition.
 */
export function validateRules(schema: Schema, path: string): readonly FieldFault[] {
  const root = compileRuleTree(schema);
  if (root === undefined) return [];
  const total = { cost: 0, faults: [] as FieldFault[] };
  validateNode(root, { path, times: 1, isCorrelatable: true }, total);
  const factor = excess(total.cost, SCHEMA_COST_LIMIT);
  if (factor === undefined) return total.faults;
  const words = `x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget by factor of ${factor} (${ADVICE})`;
  return [...total.faults, forbidden(path, words)];
}

interface Place {
  readonly path: string;
  /** How often the rules of the node are evaluated at most for one object. */
  readonly times: number;
  /** Whether each value can be matched with its old one. */
  readonly isCorrelatable: boolean;
}

interface Total {
  cost: number;
  readonly faults: FieldFault[];
}

function validateNode(node: RuleNode, place: Place, total: Total): void {
  const rulesPath = `${place.path}.x-kubernetes-validations`;
  const own = node.schema['x-kubernetes-validations'] ?? [];
  for (const { index, part, error } of node.broken) {
    total.faults.push(invalid(`${rulesPath}[${index}].${part}`, own[index]?.[part] ?? '', error));
  }
  for (const rule of node.rules)
    validateRule(rule, node, { ...place, path: `${rulesPath}[${own.indexOf(rule.rule)}]` }, total);
  validateBelow(node, place, total);
}

function validateBelow(node: RuleNode, place: Place, total: Total): void {
  const times = place.times * repetitionsOf(node.schema);
  for (const [name, child] of node.properties)
    validateNode(child, { ...place, path: `${place.path}.properties[${name}]` }, total);
  if (node.others !== undefined)
    validateNode(node.others, { ...place, times, path: `${place.path}.additionalProperties` }, total);
  if (node.items === undefined) return;
  const isCorrelatable = place.isCorrelatable && node.keyOf !== undefined;
  validateNode(node.items, { path: `${place.path}.items`, times, isCorrelatable }, total);
}

function validateRule(rule: CompiledRule, node: RuleNode, place: Place, total: Total): void {
  const { faults } = total;
  if (rule.isTransition && !place.isCorrelatable) {
    faults.push(
      invalid(
        `${place.path}.rule`,
        rule.rule.rule,
        'oldSelf cannot be used on the uncorrelatable portion of the schema',
      ),
    );
  }
  if (rule.rule.message?.includes('\n') === true) {
    faults.push(invalid(`${place.path}.message`, rule.rule.message, 'message must not contain line breaks'));
  }
  faults.push(...fieldPathFaults(rule, node.schema, `${place.path}.fieldPath`));
  const shape = shapeOf(node.schema);
  const variables = new Map([
    ['self', shape],
    ['oldSelf', shape],
  ]);
  for (const part of ['rule', 'messageExpression'] as const) {
    const expression = part === 'rule' ? rule.expression : rule.messageExpression;
    if (expression === undefined) continue;
    const cost = estimateCost(expression.ast, variables) * place.times;
    total.cost += cost;
    const factor = excess(cost, RULE_COST_LIMIT);
    const what = part === 'rule' ? 'rule' : 'messageExpression';
    if (factor !== undefined)
      faults.push(
        forbidden(`${place.path}.${part}`, `estimated ${what} cost exceeds budget by factor of ${factor} (${ADVICE})`),
      );
  }
}

function fieldPathFaults(rule: CompiledRule, schema: Schema, path: string): readonly FieldFault[] {
  const { fieldPath } = rule.rule;
  if (fieldPath === undefined) return [];
  try {
    const names = ruleFieldNames(fieldPath);
    if (names !== undefined && leadsSomewhere(schema, names)) return [];
  } catch (err) {
    if (!(err instanceof InvalidError)) throw err;
  }
  return [invalid(path, fieldPath, 'fieldPath must be a valid path')];
}
