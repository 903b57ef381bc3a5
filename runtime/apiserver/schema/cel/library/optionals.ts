import { Optional } from '@marcbachmann/cel-js';
import type { CelNode, Checker } from '#runtime/apiserver/schema/cel/ast.ts';
import type { CelFunctions } from './functions.ts';
import { fail } from './text.ts';

export const optionalFunctions: CelFunctions = {
  'OptionalNamespace.ofNonZeroValue(A): optional<A>': (_optional: unknown, value: unknown) =>
    isZero(value) ? Optional.none() : Optional.of(value),
};

/** The macros `optMap(x, expression)` and `optFlatMap(x, expression)`, by signature. */
export const OPTIONAL_MACROS: Readonly<Record<string, (call: MacroCall) => Macro>> = {
  'optional.optMap(ast, ast): dyn': (call) => optionalMacro(call, false),
  'optional.optFlatMap(ast, ast): dyn': (call) => optionalMacro(call, true),
};

interface MacroCall {
  readonly ast: CelNode;
  readonly args: readonly CelNode[];
  readonly receiver: CelNode;
}

interface Scope {
  forkWithVariable(name: string, type: unknown): Binding;
}

interface Binding {
  reuse(scope: Scope): { setIterValue(value: unknown, evaluator: Evaluator): Scope };
}

interface OptionalType {
  readonly kind: string;
  readonly valueType?: OptionalType;
}

interface TypeChecker extends Checker {
  getType(name: string): OptionalType;
  readonly registry: { getOptionalType(type: unknown): OptionalType };
}

interface Evaluator {
  run(node: CelNode, scope: Scope): unknown;
}

interface Macro {
  typeCheck(checker: TypeChecker, macro: unknown, scope: Scope): unknown;
  evaluate(evaluator: Evaluator, macro: unknown, scope: Scope): unknown;
}

function optionalMacro({ args, receiver }: MacroCall, isFlat: boolean): Macro {
  const [variable, body] = args;
  if (variable?.op !== 'id' || body === undefined) return fail('optMap() variable name must be a simple identifier');
  let binding: Binding | undefined;
  return {
    typeCheck: (checker, _macro, scope) => {
      const type = checker.check(receiver, scope) as OptionalType;
      if (type.kind !== 'optional' && type.kind !== 'dyn') fail('optMap() is a method of optionals');
      binding = scope.forkWithVariable(variable.args as string, type.valueType ?? checker.getType('dyn'));
      const result = checker.check(body, binding) as OptionalType;
      if (isFlat && result.kind !== 'optional' && result.kind !== 'dyn')
        fail('optFlatMap() expression must give an optional');
      return isFlat ? result : checker.registry.getOptionalType(result);
    },
    evaluate: (evaluator, _macro, scope) => {
      const optional = evaluator.run(receiver, scope);
      if (!(optional instanceof Optional) || binding === undefined) return fail('optMap() is a method of optionals');
      if (!optional.hasValue()) return Optional.none();
      const result = evaluator.run(body, binding.reuse(scope).setIterValue(optional.value(), evaluator));
      return isFlat ? result : Optional.of(result);
    },
  };
}

function isZero(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) {
    if (Array.isArray(value)) return value.length === 0;
    return (value instanceof Map || value instanceof Set) && value.size === 0;
  }
  return value === null || value === '' || value === 0 || value === 0n || value === false;
}
