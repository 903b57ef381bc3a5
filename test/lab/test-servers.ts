/** Servers that the end-to-end tests run on; `hack/run-tests.ts` runs each of these tests once a server. */
export const testServers = ['wcp360', 'kubernetes'] as const;

export type TestServer = (typeof testServers)[number];

/** Chooses the server of a test process. */
export const testServerVariable = 'WCP360_TEST_SERVER';

/** The server of this test process. */
export const testServer: TestServer = chosen();

function chosen(): TestServer {
  const name = process.env[testServerVariable] ?? 'wcp360';
  const known = testServers.find((server) => server === name);
  if (known === undefined) throw new Error(`${testServerVariable}=${name}: there are ${testServers.join(' and ')}`);
  return known;
}
