import t from 'tap';
import { agentAttacks } from './agent.ts';
import { proves } from './attack.ts';
import { openApi } from './grounds.ts';
import { joinAttacks } from './join.ts';

await proves(t, [...joinAttacks, ...agentAttacks], openApi);
