import { createSecureContext } from 'node:tls';
import { RefusedError } from '#runtime/base/errors.ts';
import { isEqual } from '#runtime/base/json.ts';
import { ownerId, type Driver, type Owner } from '#runtime/drivers/driver.ts';
import { fieldChanges } from '#runtime/drivers/field-changes.ts';
import type { SecretReader } from '#runtime/drivers/secret-reader.ts';
import type { OwnServerName, OwnServerSettings, OwnServersAction, OwnServersState, OwnServersWorld } from './model.ts';
import type { ServerKeyPair } from '#runtime/drivers/databases/server-host.ts';

const names: readonly OwnServerName[] = ['mariadb', 'postgresql'];

/** How the servers of a host run: they are the host's alone, so that it is the one owner. */
export const ownServersDriver: Driver<
  'own-servers',
  OwnServersState,
  OwnServersState,
  OwnServersAction,
  OwnServersWorld
> = {
  name: 'own-servers',
  nothing: {},
  normalize: (desired) => desired,
  observe: async ({ ownServers }, signal) => await ownServers.settings(signal),
  advance: (snapshot, done) => ({
    ...snapshot,
    ...Object.fromEntries(done.map(({ input }) => [input.name, input.settings])),
  }),
  of: (_owner, snapshot) => snapshot,
  plan: planServers,
  apply: async ({ input: { name, settings } }, { ownServers, secrets }, signal) => {
    const identity = settings.network && (await readIdentity(settings.network.secret, secrets, signal));
    await ownServers.set(name, { settings, ...(identity === undefined ? {} : { identity }) }, signal);
  },
  watchDrift: async ({ ownServers }, onDrift, signal) =>
    await Promise.resolve(ownServers.follow(() => onDrift(undefined), signal)),
};

function planServers(owner: Owner, desired: OwnServersState, observed: OwnServersState): readonly OwnServersAction[] {
  return names.flatMap((name) => {
    const [settings, found] = [desired[name] ?? {}, observed[name] ?? {}];
    if (isEqual(settings, found)) return [];
    const changes = fieldChanges(found, settings);
    const common = { driver: 'own-servers', op: 'set-server', subject: `${ownerId(owner)}/${name}` } as const;
    return [{ ...common, reason: 'differs', disruption: 'restart', changes, input: { name, settings } }];
  });
}

/** RefusedError where it is not there, and for what the server could not begin with. */
async function readIdentity(
  { namespace, name }: NonNullable<OwnServerSettings['network']>['secret'],
  secrets: SecretReader,
  signal: AbortSignal,
): Promise<ServerKeyPair> {
  const { 'tls.crt': certificate, 'tls.key': key } = (await secrets.read(namespace, name, signal)) ?? {};
  if (certificate === undefined || key === undefined)
    throw new RefusedError(
      'SecretNotFound',
      `Secret ${name} has no certificate with its key for the database servers.`,
    );
  try {
    createSecureContext({ cert: certificate, key });
  } catch (cause) {
    const message = `Secret ${name} holds no certificate with its key that a database server could show.`;
    throw new RefusedError('CertificateInvalid', message, { cause });
  }
  return { certificate, key };
}
