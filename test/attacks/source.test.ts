import t from 'tap';
import { proves } from './attack.ts';
import { openSources } from './grounds.ts';
import { sourceAttacks } from './source.ts';

await proves(t, sourceAttacks, openSources);
