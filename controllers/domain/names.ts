import type { Domain } from '#schemas/v1alpha1/domain.ts';

/** A name that a Domain wants, and what it does there. */
export interface WantedName {
  readonly hostname: string;
  readonly use: 'Serve' | 'Redirect';
}

/** All names that a Domain wants: the hostname first, each name once. */
export function namesOf(domain: Domain): readonly WantedName[] {
  const { hostname, aliases, www } = domain.spec;
  const names = new Map<string, WantedName>();
  for (const name of [hostname, ...aliases]) names.set(name, { hostname: name, use: 'Serve' });
  const wwwName = `www.${hostname}`;
  if (www !== 'None' && !names.has(wwwName)) names.set(wwwName, { hostname: wwwName, use: www });
  return [...names.values()];
}
