import type { Domain } from '#schemas/v1alpha1/domain.ts';

/** Names of the Secrets without which a Domain is not served, each once. */
export function secretNamesOf(domain: Domain): readonly string[] {
  const fromEnvironment = (domain.spec.php?.envFrom ?? []).map((source) => source.secretRef.name);
  const auth = domain.spec.access?.basicAuth?.secretRef.name;
  return [...new Set(auth === undefined ? fromEnvironment : [...fromEnvironment, auth])];
}

/** Names of all Secrets that a Domain refers to: that of its certificate, too. */
export function allSecretNamesOf(domain: Domain): readonly string[] {
  const own = domain.spec.tls.secretRef?.name;
  const names = [...secretNamesOf(domain), own, domain.status?.tls?.secretName];
  return [...new Set(names.filter((name) => name !== undefined))];
}
