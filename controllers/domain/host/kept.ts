import { keptForObject } from '#controllers/kept-data.ts';
import { createKeptDriver } from '#controllers/kept-driver.ts';

/** What stands for the kept files of a Domain on a host. */
export function createDomainKept<W extends Parameters<ReturnType<typeof createKeptDriver>['apply']>[1]>(
  hostName: string,
) {
  return createKeptDriver<'domain-kept', W>({ name: 'domain-kept', hostName, keptOf: keptForObject });
}
