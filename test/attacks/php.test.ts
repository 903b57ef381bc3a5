import t from 'tap';
import { proves } from './attack.ts';
import { openSites } from './grounds.ts';
import { phpAttacks } from './php.ts';

if (process.getuid?.() !== 0) {
  t.plan(0, 'needs root: PHP runs as other users');
  process.exit();
}

await proves(t, phpAttacks, openSites);
