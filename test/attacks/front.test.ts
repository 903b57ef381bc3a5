import t from 'tap';
import { proves } from './attack.ts';
import { frontAttacks, resolverAttacks } from './front.ts';
import { openSites } from './grounds.ts';

if (process.getuid?.() !== 0) {
  t.plan(0, 'needs root: nginx drops to another user');
  process.exit();
}

await proves(t, [...frontAttacks, ...resolverAttacks], openSites);
