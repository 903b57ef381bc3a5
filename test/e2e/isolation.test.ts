import t from 'tap';
import { apiAttacks } from '#test/attacks/api.ts';
import { refuses, succeedsWithoutDefence } from '#test/attacks/attack.ts';
import { frontAttacks } from '#test/attacks/front.ts';
import { openInstance } from '#test/attacks/grounds.ts';
import { instanceAttacks } from '#test/attacks/instance.ts';
import { phpAttacks } from '#test/attacks/php.ts';
import { streamAttacks } from '#test/attacks/streams.ts';
import { testServer } from '#test/lab/test-servers.ts';
import { asBuilt } from '#test/lab/weakened.ts';

t.setTimeout(850_000);

/** What test/attacks proves of a part of the system each, tried on all of it. On the server of a cluster an instance has no etcd of its own. */
const attacks = [
  ...[...frontAttacks, ...phpAttacks, ...apiAttacks],
  ...(testServer === 'wcp360' ? [...instanceAttacks, ...streamAttacks] : []),
];
let refused = 0;

await t.test('on a whole instance nothing is gained', async (each) => {
  refused = await refuses(each, attacks, await openInstance(each, asBuilt));
});

if (testServer === 'wcp360') await succeedsWithoutDefence(t, [...instanceAttacks, ...streamAttacks], openInstance);

t.equal(refused, attacks.filter(({ against }) => against.length > 0).length, 'each case has its control');
t.comment(`${refused} attacks on a whole instance refused, each with a control`);
