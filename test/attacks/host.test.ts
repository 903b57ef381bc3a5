import t from 'tap';
import { proves } from './attack.ts';
import { openHost } from './grounds.ts';
import { hostAttacks } from './host.ts';

if (process.getuid?.() !== 0) {
  t.plan(0, 'needs root: it works for other users');
  process.exit();
}

await proves(t, hostAttacks, openHost);
