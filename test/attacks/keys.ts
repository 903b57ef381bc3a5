import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { challengesDriver } from '#runtime/drivers/challenges/index.ts';
import type { Site } from '#runtime/drivers/nginx/index.ts';
import { reach } from '#test/contracts/driver.ts';
import { createLabAuthority } from '#test/lab/pki.ts';
import { visit } from '#test/lab/visit.ts';
import { tenants, type FrontLab } from '#test/runtime/drivers/front-lab.ts';
import type { Attack } from './attack.ts';

type KeyAttack = Attack<FrontLab>;

const hostname = 'keys.example';
const ask = `use IO::Socket::UNIX; my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or exit 1; print $s "$ARGV[1]\\n"; print scalar <$s>;`;

/** Puts a site with a certificate of its own; a static one of acme unless told. */
async function putSecure({ put, secrets }: FrontLab, name: string, site: Partial<Site> = {}): Promise<void> {
  secrets.set(`acme/${name}`, { ...(await (await createLabAuthority()).site([name])) });
  const secret = { namespace: 'acme', name, resourceVersion: '1' };
  await put(name, { ...site, tls: { secret, redirect: false } });
}

/** What a program of this uid prints, if that is a key. */
async function keyIn(lab: FrontLab, argv: readonly string[], uid: number): Promise<string | undefined> {
  await putSecure(lab, hostname);
  const { front } = await lab.host.capabilities(lab.signal);
  const gid = uid === front.uid ? front.gid : uid;
  const { stdout } = await lab.host.run(argv, { uid, gid, timeoutMs: 10_000, allowFailure: true }, lab.signal);
  return stdout.includes('PRIVATE KEY') ? stdout : undefined;
}

const portOf = ({ settings }: FrontLab): number => settings.httpsListen[0]?.port ?? 0;

/** Attacks on the keys of certificates, and by way of connections and challenges that are somebody else’s. */
export const keyAttacks: readonly KeyAttack[] = [
  {
    name: 'a worker of the front reads keys from the disk',
    against: ['keys are root’s files'],
    run: async (lab) => {
      const { front } = await lab.host.capabilities(lab.signal);
      return await keyIn(lab, ['/bin/cat', `${lab.root}/front/tls/${hostname}`], front.uid);
    },
  },
  {
    name: 'a tenant reads keys from the disk',
    against: ['keys are root’s files'],
    run: (lab) => keyIn(lab, ['/bin/cat', `${lab.root}/front/tls/${hostname}`], tenants.zoo),
  },
  {
    name: 'a tenant asks the key channel',
    against: ['the key channel is for the front only'],
    run: (lab) => keyIn(lab, ['/usr/bin/perl', '-e', ask, `${lab.root}/run/keys.sock`, hostname], tenants.zoo),
  },
  {
    name: 'the key channel is asked for a file that is no key',
    against: ['the key channel takes names only', 'paths on the host are plain'],
    run: async (lab) => {
      const { front } = await lab.host.capabilities(lab.signal);
      const argv = ['/usr/bin/perl', '-e', ask, `${lab.root}/run/keys.sock`, '../placeholder.key'];
      return await keyIn(lab, argv, front.uid);
    },
  },
  {
    name: 'a connection that was made for one owner’s name opens another’s',
    against: ['a connection is for one owner'],
    run: async (lab) => {
      await putSecure(lab, hostname);
      await putSecure(lab, 'zoo.example', { owner: 'Domain/zoo/shop' });
      const { status } = await visit(portOf(lab), 'zoo.example', '/', { servername: hostname });
      return status === 421 ? undefined : `answered ${status}`;
    },
  },
  {
    name: 'the answer to a challenge for one name is had under another',
    against: ['a challenge is answered under its name only'],
    run: async (lab) => {
      const owner = { kind: 'Challenge', namespace: 'zoo', name: 'order', uid: 'c' };
      const answers = new Map([
        ['token', { way: 'Path', hostname: 'zoo.example', keyAuthorization: 'token.of-zoo' } as const],
      ]);
      await reach(challengesDriver, { host: lab.host }, owner, answers);
      const { body } = await lab.ask('acme.example', '/.well-known/acme-challenge/token');
      return body === 'token.of-zoo' ? body : undefined;
    },
  },
  {
    name: 'a body of HTTP/2 that does not say its length is larger than the site takes',
    against: ['bodies of HTTP/2 are measured'],
    run: async (lab) => {
      const backend = createServer((_, answer) => answer.end('taken')).listen(0, '127.0.0.1');
      await once(backend, 'listening');
      const { port } = backend.address() as AddressInfo;
      const allowed = [{ cidr: '127.0.0.1/32', fromPort: port, toPort: port }];
      const target = { type: 'address', scheme: 'http', host: '127.0.0.1', port, allowed } as const;
      await putSecure(lab, hostname, { serve: { type: 'proxy', target }, uploadBytes: 1000 });
      const status = await post(portOf(lab), Buffer.alloc(1001));
      backend.close().closeAllConnections();
      return status === 200 ? 'taken' : undefined;
    },
  },
];

async function post(port: number, body: Buffer): Promise<unknown> {
  const session = connectHttp2(`https://127.0.0.1:${port}`, { servername: hostname, rejectUnauthorized: false });
  const stream = session.request({ ':authority': hostname, ':method': 'POST' });
  stream.end(body);
  const [headers] = (await once(stream, 'response')) as [Readonly<Record<string, unknown>>];
  session.destroy();
  return headers[':status'];
}
