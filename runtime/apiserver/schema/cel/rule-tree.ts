import type { Environment } from '@marcbachmann/cel-js';
import { InvalidError } from '#runtime/base/errors.ts';
import type { Schema, ValidationRule } from '#schemas/meta/schema.ts';
import { mapKeyOf } from '#runtime/apiserver/schema/list-types.ts';
import { mentions } from './ast.ts';
import { celEnvironment } from './environment.ts';
import { compileExpression, type Expression } from './expression.ts';
import { ruleFieldNames } from './field-path.ts';
import type { CelType } from './cel-type.ts';
import { typeOf, type TypeScope } from './value-types.ts';

/** A rule of one node, ready to be evaluated. */
export interface CompiledRule {
  readonly rule: ValidationRule;
  readonly expression: Expression;
  readonly messageExpression: Expression | undefined;
  readonly isTransition: boolean;
  /** Below the node. */
  readonly field: readonly string[];
  /** Of the node, as its schema has it; empty where it has none. */
  readonly type: string;
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
  const rules = schema['x-kubernetes-validations'] ?? [];
  const own = rules.length === 0 ? NO_RULES : compileOwn(schema, rules, { scope, isRoot });
  const below = childrenOf(schema, scope);
  if (rules.length === 0 && below === undefined) return undefined;
  return { schema, ...own, ...(below ?? NO_CHILDREN), keyOf: mapKeyOf(schema) };
}

type Children = Pick<RuleNode, 'properties' | 'others' | 'items'>;

const NO_RULES: OwnRules = { type: undefined, rules: [], broken: [] };
const NO_CHILDREN: Children = { properties: [], others: undefined, items: undefined };

function childrenOf(schema: Schema, scope: Scope): Children | undefined {
  const properties = Object.entries(schema.properties ?? {}).flatMap(([name, child]) => {
    const node = nodeOf(child, scope, false);
    return node === undefined ? [] : [[name, node] as const];
  });
  const others = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined;
  const children = {
    properties,
    others: others === undefined ? undefined : nodeOf(others, scope, false),
    items: schema.items === undefined ? undefined : nodeOf(schema.items, scope, false),
  };
  const isEmpty = properties.length === 0 && children.others === undefined && children.items === undefined;
  return isEmpty ? undefined : children;
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
    else rules.push({ ...compiled, type: schema.type ?? '' });
  }
  return { type, rules, broken };
}

function compileRule(
  rule: ValidationRule,
  environment: Environment,
): Omit<CompiledRule, 'type'> | Omit<BrokenRule, 'index'> {
  const expression = compileAs(environment, rule.rule, 'bool');
  if ('error' in expression) return { part: 'rule', error: expression.error };
  const message =
    rule.messageExpression === undefined ? undefined : compileAs(environment, rule.messageExpression, 'string');
  if (message !== undefined && 'error' in message) return { part: 'messageExpression', error: message.error };
  return {
    rule,
    expression,
    messageExpression: message,
    isTransition: mentions(expression.ast, 'oldSelf'),
    field: fieldOf(rule),
  };
}

function compileAs(environment: Environment, text: string, type: string): Expression | { readonly error: string } {
  const expression = compileExpression(environment, text);
  if ('error' in expression) return { error: `compilation failed: ${expression.error}` };
  if (expression.type === type || expression.type === 'dyn') return expression;
  return { error: `compilation failed: must evaluate to a ${type}` };
}

/** A path that cannot be read was refused with the definition. */
function fieldOf(rule: ValidationRule): readonly string[] {
  try {
    return rule.fieldPath === undefined ? [] : (ruleFieldNames(rule.fieldPath) ?? []);
  } catch (err) {
    if (err instanceof InvalidError) return [];
    throw err;
  }
}
