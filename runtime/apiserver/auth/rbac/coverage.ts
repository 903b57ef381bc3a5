import { matchesPath } from './compiled-role.ts';
import type { PolicyRule } from './model.ts';

/** What a role would grant beyond what its author holds. */
export type Coverage =
  | { readonly covered: true }
  /** `missing` is shortened to what a person reads; `complete` tells whether it was. */
  | { readonly covered: false; readonly missing: readonly PolicyRule[]; readonly complete: boolean };

/** Single rights compared per check: above it a role is refused rather than computed for minutes (a product of four lists). */
const maxComparisons = 2_000_000;
const maxMissing = 16;

/**
 * Whether `held` rules together cover every single right (group, resource, name, verb) of `wanted`.
 *
 * A right is covered by one rule at a time, as when it is used. Lists are taken apart one after the other and the rules that remain are passed on, so that a
 * broad rule (`*`) ends the search at once and a wanted list costs as much as its distinct answers.
 */
export function coverage(held: readonly PolicyRule[], wanted: readonly PolicyRule[]): Coverage {
  const search: Search = { comparisons: 0, missing: [] };
  for (const rule of wanted) {
    for (const part of partsOf(rule)) seek(search, part, held, {});
    if (isExhausted(search)) break;
  }
  if (search.missing.length === 0 && search.comparisons <= maxComparisons) return { covered: true };
  return { covered: false, missing: search.missing, complete: !isExhausted(search) };
}

/** The four lists of a rule, or the two of a rule for paths. */
type Dimension = 'apiGroups' | 'resources' | 'resourceNames' | 'nonResourceURLs' | 'verbs';

interface Part {
  readonly dimensions: readonly Dimension[];
  readonly rule: PolicyRule;
}

interface Search {
  comparisons: number;
  readonly missing: PolicyRule[];
}

const resourceDimensions: readonly Dimension[] = ['apiGroups', 'resources', 'resourceNames', 'verbs'];
const pathDimensions: readonly Dimension[] = ['nonResourceURLs', 'verbs'];
/** Stands for "every name" where a rule lists none. */
const everyName = '';

function partsOf(rule: PolicyRule): readonly Part[] {
  const parts: Part[] = [];
  if (rule.resources.length > 0 && rule.apiGroups.length > 0) parts.push({ dimensions: resourceDimensions, rule });
  if (rule.nonResourceURLs.length > 0) parts.push({ dimensions: pathDimensions, rule });
  return parts;
}

function isExhausted(search: Search): boolean {
  return search.comparisons > maxComparisons || search.missing.length >= maxMissing;
}

function seek(
  search: Search,
  part: Part,
  held: readonly PolicyRule[],
  chosen: Partial<Record<Dimension, string>>,
): void {
  const [dimension, ...rest] = part.dimensions;
  if (dimension === undefined) return;
  const uncoveredVerbs: string[] = [];
  for (const value of new Set(valuesOf(part.rule, dimension))) {
    if (isExhausted(search)) return;
    search.comparisons += held.length + 1;
    const remaining = held.filter((rule) => covers(rule, dimension, value));
    const right = { ...chosen, [dimension]: value };
    if (rest.length > 0) seek(search, { dimensions: rest, rule: part.rule }, remaining, right);
    else if (remaining.length === 0) uncoveredVerbs.push(value);
  }
  if (uncoveredVerbs.length > 0) search.missing.push(ruleOf(chosen, uncoveredVerbs));
}

function valuesOf(rule: PolicyRule, dimension: Dimension): readonly string[] {
  if (dimension === 'resourceNames' && rule.resourceNames.length === 0) return [everyName];
  return rule[dimension];
}

function covers(rule: PolicyRule, dimension: Dimension, value: string): boolean {
  switch (dimension) {
    case 'apiGroups':
    case 'verbs':
      return rule[dimension].includes('*') || rule[dimension].includes(value);
    case 'resources':
      return coversResource(rule.resources, value);
    case 'resourceNames':
      return rule.resourceNames.length === 0 || (value !== everyName && rule.resourceNames.includes(value));
    case 'nonResourceURLs':
      return rule.nonResourceURLs.some((url) => matchesPath(url, value));
  }
}

function coversResource(resources: readonly string[], value: string): boolean {
  if (resources.includes('*') || resources.includes(value)) return true;
  const slash = value.indexOf('/');
  return slash >= 0 && resources.includes(`*${value.slice(slash)}`);
}

function ruleOf(chosen: Partial<Record<Dimension, string>>, verbs: readonly string[]): PolicyRule {
  const one = (value: string | undefined): readonly string[] => (value === undefined ? [] : [value]);
  return {
    verbs,
    apiGroups: one(chosen.apiGroups),
    resources: one(chosen.resources),
    resourceNames: chosen.resourceNames === everyName ? [] : one(chosen.resourceNames),
    nonResourceURLs: one(chosen.nonResourceURLs),
  };
}
