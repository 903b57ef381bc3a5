import { createNameResolver } from '#runtime/dns/name-resolver.ts';
import type { SourceTools } from '#controllers/source/tools.ts';

const unwanted = (): never => {
  throw new Error('this test looks at no Source');
};

/** For tests in which no Source is looked at; it is the start of 2026. */
export const noSources: SourceTools = {
  workspace: {
    user: { uid: 0, gid: 0 },
    withDirectory: unwanted,
    placeFile: unwanted,
    run: unwanted,
    resolve: unwanted,
    readTree: unwanted,
    watch: unwanted,
  },
  accounts: { actAs: unwanted, forget: unwanted },
  networks: [],
  clock: { now: () => Date.parse('2026-01-01T00:00:00Z'), sleep: unwanted },
};

/** For tests in which a leader runs, but gets nothing from elsewhere. */
export const noTools = {
  sources: noSources,
  certificates: {
    clock: noSources.clock,
    networks: [],
    resolver: createNameResolver('127.0.0.1:1'),
    delegations: { of: unwanted },
    signal: new AbortController().signal,
  },
  dnsProviders: { endpoints: {} },
  lookAtServer: unwanted,
};
