import t from 'tap';
import { proves } from './attack.ts';
import { openApi } from './grounds.ts';
import { joinAttacks } from './join.ts';

await proves(t, joinAttacks, openApi);
