import type { Environment } from '@marcbachmann/cel-js';
import type { Schema, ValidationRule } from '#schemas/meta/schema.ts';
import { mapKeyOf } from '#runtime/apiserver/schema/list-types.ts';
import { mentions } from './ast.ts';
import { celEnvironment } from './environment.ts';
import { compileExpression, type Expression } from './expression.ts';
import { ruleFieldNames } from './field-path.ts';
import { typeOf, type CelType, type TypeScope } from './value-types.ts';

/** A rule of one node, ready to be evaluated. */
export interface CompiledRule {
  readonly rule: ValidationRule;
  readonly expression: Expression;
  readonly messageExpression: Expression | undefined;
  readonly isTransition: boolean;
  /** Below the node. */
  readonly field: readonly string[];
}

/** Why an expression of a node cannot be used. */
export interface BrokenRule {
  readonly index: number;
  readonly part: 'rule' | 'messageExpression';
  readonly error: string;
}

/** The rules of a schema node and of those below it. Nodes without any rule are left out. */
export interface RuleNode {
  readonly schema: Schema;
  readonly type: CelType | undefined;
  readonly rules: readonly CompiledRule[];
  readonly broken: readonly BrokenRule[];
  readonly properties: readonly (readonly [string, RuleNode])[];
  readonly others: RuleNode | undefined;
  readonly items: RuleNode | undefined;
  /** Tells the items of a list of type map apart. */
  readonly keyOf: ((item: unknown) => string) | undefined;
}

/** Compiles all rules of a schema; undefined when there are none. Rules that do not compile are kept as `broken`. */
export function compileRuleTree(schema: Schema): RuleNode | undefined {
  return nodeOf(schema, { environment: undefined, next: { value: 0 } }, true);
}

/** The environment is made with the first rule: most schemas have none. */
interface Scope {
  environment: Environment | undefined;
  readonly next: { value: number };
}

function nodeOf(schema: Schema, scope: Scope, isRoot: boolean): RuleNode | undefined {
  const own = schema['x-kubernetes-validations'] ?? [];
  const compiled = own.length === 0 ? undefined : compileOwn(schema, own, { scope, isRoot });
  const properties = Object.entries(schema.properties ?? {}).flatMap(([name, child]) => {
    const node = nodeOf(child, scope, false);
    return node === undefined ? [] : [[name, node] as const];
  });
  const others =
    typeof schema.additionalProperties === 'object' ? nodeOf(schema.additionalProperties, scope, false) : undefined;
  const items = schema.items === undefined ? undefined : nodeOf(schema.items, scope, false);
  if (compiled === undefined && properties.length === 0 && others === undefined && items === undefined)
    return undefined;
  return {
    schema,
    type: compiled?.type,
    rules: compiled?.rules ?? [],
    broken: compiled?.broken ?? [],
    properties,
    others,
    items,
    keyOf: mapKeyOf(schema),
  };
}

interface OwnRules {
  readonly type: CelType | undefined;
  readonly rules: readonly CompiledRule[];
  readonly broken: readonly BrokenRule[];
}

function compileOwn(
  schema: Schema,
  own: readonly ValidationRule[],
  { scope, isRoot }: { readonly scope: Scope; readonly isRoot: boolean },
): OwnRules {
  scope.environment ??= celEnvironment();
  const typeScope: TypeScope = { environment: scope.environment.clone(), next: scope.next };
  const type = typeOf(schema, typeScope, isRoot);
  if (type === undefined) {
    const error = 'rules may not be used where the schema has no type';
    return { type, rules: [], broken: own.map((_, index) => ({ index, part: 'rule', error })) };
  }
  const plain = typeScope.environment.clone().registerVariable('self', type.name);
  const environments = {
    plain: plain.clone().registerVariable('oldSelf', type.name),
    optional: plain.clone().registerVariable('oldSelf', `optional<${type.name}>`),
  };
  const rules: CompiledRule[] = [];
  const broken: BrokenRule[] = [];
  for (const [index, rule] of own.entries()) {
    const compiled = compileRule(rule, rule.optionalOldSelf === true ? environments.optional : environments.plain);
    if ('error' in compiled) broken.push({ index, ...compiled });
    else rules.push(compiled);
  }
  return { type, rules, broken };
}

function compileRule(rule: ValidationRule, environment: Environment): CompiledRule | Omit<BrokenRule, 'index'> {
  const expression = compileExpression(environment, rule.rule);
  if ('error' in expression) return { part: 'rule', error: `compilation failed: ${expression.error}` };
  if (expression.type !== 'bool' && expression.type !== 'dyn') {
    return { part: 'rule', error: 'compilation failed: cel expression must evaluate to a bool' };
  }
  const message =
    rule.messageExpression === undefined ? undefined : compileExpression(environment, rule.messageExpression);
  if (message !== undefined && 'error' in message) {
    return { part: 'messageExpression', error: `compilation failed: ${message.error}` };
  }
  if (message !== undefined && message.type !== 'string' && message.type !== 'dyn') {
    return { part: 'messageExpression', error: 'compilation failed: messageExpression must evaluate to a string' };
  }
  return {
    rule,
    expression,
    messageExpression: message,
    isTransition: mentions(expression.ast, 'oldSelf'),
    field: rule.fieldPath === undefined ? [] : (ruleFieldNames(rule.fieldPath) ?? []),
  };
}
