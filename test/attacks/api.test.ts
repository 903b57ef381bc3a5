import t from 'tap';
import { apiAttacks } from './api.ts';
import { proves } from './attack.ts';
import { openApi } from './grounds.ts';

await proves(t, apiAttacks, openApi);
