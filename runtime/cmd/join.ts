import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { stringify } from 'yaml';
import { systemClock } from '#runtime/base/clock.ts';
import { InvalidError, RefusedError } from '#runtime/base/errors.ts';
import { createClient } from '#runtime/client/https-client.ts';
import { tokenIdOf } from '#runtime/client/request-token.ts';
import { makeDirectory, placeFile, readText } from '#runtime/config/files.ts';
import { writeKubeconfig } from '#runtime/config/kubeconfig.ts';
import { loadConfig } from '#runtime/config/load.ts';
import { joinConfig, type JoinConfig } from '#runtime/config/programs.ts';
import { newKey } from '#runtime/pki/crypto-keys.ts';
import { isSigningKey } from '#runtime/pki/pair.ts';
import { fetchAuthority } from './certificate/fetch-authority.ts';
import { placeHostCertificate, readHostCertificate } from './certificate/host-certificate.ts';
import { requestCertificate } from './certificate/request-certificate.ts';
import type { ProgramArgs } from './flags.ts';
import { terminated } from './terminated.ts';

/**
 * `wcpd join`: the certificate, kubeconfig and settings with which the agent of this machine starts. Repeatable at any time, be it after a crash: the key is
 * kept before anybody is asked, the same key and token find the same request, and what is there already is left as it is.
 */
export async function runJoin({ sources }: ProgramArgs): Promise<number> {
  if (process.getuid?.() !== 0)
    throw new RefusedError('RootRequired', 'only root may read what is made here, so this needs root; try sudo');
  const config = await loadConfig(joinConfig, sources);
  const signal = terminated();
  const { hostName, server, directory, certificateFile } = config;
  const authority = await authorityOf(config, signal);
  await makeDirectory(directory, { mode: 0o755 });
  await makeDirectory(dirname(certificateFile), { mode: 0o700 });
  if (await hasCertificate(config)) console.log(`  certificate            already there, ${certificateFile}`);
  else await getCertificate(config, authority, signal);
  await writeKubeconfig(join(directory, 'agent.kubeconfig'), {
    server,
    certificateAuthority: authority === undefined ? undefined : { pem: authority },
    credentials: { certificateFile },
  });
  const settings = join(directory, 'agent.yaml');
  if ((await readText(settings)) === undefined) await placeFile(settings, stringify({ hostName }), { mode: 0o644 });
  console.log(`  joined                 as host ${hostName}; start its agent: systemctl enable --now wcpd-agent`);
  return 0;
}

async function authorityOf({ server, caFile, caHash }: JoinConfig, signal: AbortSignal): Promise<string | undefined> {
  if (caFile !== undefined) {
    const found = await readText(caFile);
    if (found === undefined) throw new InvalidError(`${caFile} is not there`, []);
    return found;
  }
  return caHash.length === 0 ? undefined : await fetchAuthority(server, caHash, signal);
}

/** One that is over is replaced; one of another host is somebody's. */
async function hasCertificate({ hostName, certificateFile }: JoinConfig): Promise<boolean> {
  const found = await readHostCertificate(certificateFile);
  if (found === undefined || found.endsMs <= systemClock.now()) return false;
  if (found.host === hostName) return true;
  const why = `this machine is host ${found.host} already. If it is to be ${hostName}, stop its agent and remove ${certificateFile}`;
  throw new RefusedError('OtherHost', why);
}

async function getCertificate(config: JoinConfig, ca: string | undefined, signal: AbortSignal): Promise<void> {
  const { server, hostName, certificateFile, certificateSeconds: seconds } = config;
  const token = await tokenOf(config);
  const keyFile = `${certificateFile}.key`;
  const kept = await readText(keyFile);
  const key = isSigningKey(kept) ? kept : newKey();
  await placeFile(keyFile, key, { mode: 0o600 });
  const client = createClient({ server, tls: { ca, token }, userAgent: 'wcpd-join' });
  try {
    const circumstance = tokenIdOf(token);
    const wish = { client, hostName, key, seconds, circumstance, clock: systemClock, signal };
    await placeHostCertificate(certificateFile, await requestCertificate(wish), key);
  } finally {
    await client.close();
  }
  await rm(keyFile);
  console.log(`  certificate            ${certificateFile}`);
}

async function tokenOf({ token, tokenFile }: JoinConfig): Promise<string> {
  const found = token ?? (tokenFile === '-' ? await text(process.stdin) : tokenFile && (await readText(tokenFile)));
  if (found === undefined || found.trim() === '')
    throw new InvalidError('a token is needed: --token, or --token-file with a file that holds one', []);
  return found.trim();
}
