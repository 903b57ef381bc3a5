import type { Domain } from '#schemas/v1alpha1/domain.ts';

/** Names of the Secrets that a Domain refers to, each once. */
export function secretNamesOf(domain: Domain): readonly string[] {
  const fromEnvironment = (domain.spec.php?.envFrom ?? []).map((source) => source.secretRef.name);
  const auth = domain.spec.access?.basicAuth?.secretRef.name;
  return [...new Set(auth === undefined ? fromEnvironment : [...fromEnvironment, auth])];
}
