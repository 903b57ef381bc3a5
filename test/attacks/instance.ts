import type { InstanceGround } from '#test/lab/instance-ground.ts';
import type { Attack } from './attack.ts';
import { php } from './ground.ts';

const against = ['etcd speaks to those with a certificate only'] as const;

/** What PHP of alpha gets from a port of the instance that speaks TLS, whoever's certificate that shows. */
async function asked(ground: InstanceGround, port: number, path: string): Promise<string | undefined> {
  const tls = "['verify_peer' => false, 'verify_peer_name' => false]";
  const answer = await php(
    ground,
    'alpha',
    `$context = stream_context_create(['ssl' => ${tls}, 'http' => ['timeout' => 3]]);
    echo json_encode(file_get_contents('https://127.0.0.1:${port}${path}', false, $context));`,
  );
  return typeof answer === 'string' ? answer : undefined;
}

/** Attacks on what only a whole instance has. */
export const instanceAttacks: readonly Attack<InstanceGround>[] = [
  {
    name: 'PHP asks etcd',
    against,
    run: (ground) => asked(ground, ground.ports.etcdClient, '/version'),
  },
  {
    name: 'PHP asks etcd where it speaks to others of its kind',
    against,
    run: (ground) => asked(ground, ground.ports.etcdPeer, '/members'),
  },
  {
    name: 'a site passes requests on to etcd, where a package is so careless',
    against,
    run: async (ground) => {
      const url = `https://127.0.0.1:${ground.ports.etcdClient}`;
      await ground.allowTargets('beta', [{ cidr: '127.0.0.0/8', ports: '1-65535' }]);
      await ground.declare('beta', 'etcd', { proxy: { url } });
      const { body } = await ground.http('etcd.beta.test', '/version');
      return body.includes('etcdserver') ? body : undefined;
    },
  },
];
