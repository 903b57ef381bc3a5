import { isEqual } from '#runtime/base/json.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { aggregationSelectorsOf, rulesOf, type LabelSelector, type PolicyRule } from './model.ts';

/**
 * The rules that an aggregated ClusterRole must have: those of every other ClusterRole that one of its selectors matches, in order of name, each once.
 * `undefined` when the role is not aggregated. Pure.
 */
export function aggregatedRules(
  role: KubeObject,
  clusterRoles: Iterable<KubeObject>,
): readonly PolicyRule[] | undefined {
  const selectors = aggregationSelectorsOf(role);
  if (selectors === undefined) return undefined;
  const sources = [...clusterRoles]
    .filter((source) => source.metadata.name !== role.metadata.name)
    .filter((source) => selectors.some((selector) => selects(selector, source.metadata.labels ?? {})))
    .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const rules: PolicyRule[] = [];
  for (const rule of sources.flatMap(rulesOf)) {
    if (!rules.some((known) => isEqual(known, rule))) rules.push(rule);
  }
  return rules;
}

/** A rule as it is stored: empty lists left out. */
export function storedRule(rule: PolicyRule): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    Object.entries(rule).filter(([, values]: readonly [string, readonly string[]]) => values.length > 0),
  );
}

/** Whether labels satisfy a selector of the meta/v1 form. An empty selector matches everything. */
export function selects(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  const equal = Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels[key] === value);
  return equal && (selector.matchExpressions ?? []).every((expression) => matches(expression, labels));
}

function matches(
  expression: NonNullable<LabelSelector['matchExpressions']>[number],
  labels: Readonly<Record<string, string>>,
): boolean {
  const value = Object.hasOwn(labels, expression.key) ? labels[expression.key] : undefined;
  const values = expression.values ?? [];
  switch (expression.operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    default:
      // An operator that nobody knows selects nothing: wider rights must never come from a typing error.
      return false;
  }
}
