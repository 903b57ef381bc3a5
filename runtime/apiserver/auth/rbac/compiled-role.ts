import type { RequestAttributes } from '#runtime/apiserver/operations.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { rulesOf, type PolicyRule } from './model.ts';

/** One rule with its lists as sets; `undefined` means every value. */
interface CompiledRule {
  readonly verbs: ReadonlySet<string> | undefined;
  readonly groups: ReadonlySet<string> | undefined;
  readonly names: ReadonlySet<string> | undefined;
}

/** A role made ready for decisions: rules stand under the resources that they name, so that a long role costs no more than a short one. */
export interface CompiledRole {
  readonly rules: readonly PolicyRule[];
  readonly byResource: ReadonlyMap<string, readonly CompiledRule[]>;
  readonly paths: readonly { readonly verbs: ReadonlySet<string> | undefined; readonly url: string }[];
}

const compiled = new WeakMap<KubeObject, CompiledRole>();

/** The compiled form of a role, made once per version of it: cached objects are replaced, never changed. */
export function compiledRole(role: KubeObject): CompiledRole {
  const known = compiled.get(role);
  if (known !== undefined) return known;
  const made = compile(rulesOf(role));
  compiled.set(role, made);
  return made;
}

/** Whether one of the role's rules allows what is asked; the namespace is the binding's concern. */
export function roleAllows(role: CompiledRole, attributes: RequestAttributes): boolean {
  if (!attributes.resourceRequest) {
    return role.paths.some(({ verbs, url }) => contains(verbs, attributes.verb) && matchesPath(url, attributes.path));
  }
  const { resource, subresource } = attributes;
  if (subresource === '') return anyRule(role, resource, attributes) || anyRule(role, '*', attributes);
  return (
    anyRule(role, `${resource}/${subresource}`, attributes) ||
    anyRule(role, '*', attributes) ||
    anyRule(role, `*/${subresource}`, attributes)
  );
}

/** `/healthz` itself, or everything below `/healthz/` for `/healthz/*`. */
export function matchesPath(pattern: string, path: string): boolean {
  if (pattern === '*' || pattern === path) return true;
  return pattern.endsWith('*') && path.startsWith(pattern.slice(0, -1));
}

function anyRule(role: CompiledRole, key: string, attributes: RequestAttributes): boolean {
  const rules = role.byResource.get(key);
  if (rules === undefined) return false;
  for (const rule of rules) {
    if (!contains(rule.verbs, attributes.verb) || !contains(rule.groups, attributes.group)) continue;
    // A rule with names never covers a request without one (create, list), so that names cannot be guessed around.
    if (rule.names === undefined || (attributes.name !== '' && rule.names.has(attributes.name))) return true;
  }
  return false;
}

function contains(values: ReadonlySet<string> | undefined, value: string): boolean {
  return values === undefined || values.has(value);
}

function compile(rules: readonly PolicyRule[]): CompiledRole {
  const byResource = new Map<string, CompiledRule[]>();
  const paths: { verbs: ReadonlySet<string> | undefined; url: string }[] = [];
  for (const rule of rules) {
    const verbs = orEvery(rule.verbs);
    const made: CompiledRule = {
      verbs,
      groups: orEvery(rule.apiGroups),
      names: rule.resourceNames.length === 0 ? undefined : new Set(rule.resourceNames),
    };
    for (const resource of new Set(rule.resources)) {
      const under = byResource.get(resource);
      if (under === undefined) byResource.set(resource, [made]);
      else under.push(made);
    }
    for (const url of rule.nonResourceURLs) paths.push({ verbs, url });
  }
  return { rules, byResource, paths };
}

function orEvery(values: readonly string[]): ReadonlySet<string> | undefined {
  return values.includes('*') ? undefined : new Set(values);
}
