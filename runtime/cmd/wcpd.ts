#!/usr/bin/env node
import { Wcp360Error } from '#runtime/base/errors.ts';
import { parseProgramArgs, usage, UsageFault } from './flags.ts';
import { programs } from './programs.ts';

// Before a program is loaded, for traces that name our lines. With Node's flag the logger's library would read a map of megabytes at each start.
process.setSourceMapsEnabled(true);

const [name = '', ...args] = process.argv.slice(2);
const program = programs[name];

if (program === undefined) {
  const isHelp = name === '' || name === 'help' || name === '--help' || name === '-h';
  if (!isHelp) console.error(`wcpd: there is no program "${name}"\n`);
  console.log(usage(programs));
  process.exitCode = isHelp && name !== '' ? 0 : 2;
} else {
  try {
    const parsed = parseProgramArgs(program, args);
    if (parsed.help) console.log(parsed.help);
    else process.exitCode = await (await program.load())(parsed);
  } catch (err) {
    if (!(err instanceof Wcp360Error || err instanceof UsageFault)) throw err;
    console.error(`wcpd ${name}: ${err.message}`);
    // Rather than the code alone: what was begun before (a socket, a timer) would keep a program alive that has given up.
    process.exit(err instanceof UsageFault ? 2 : 1);
  }
}
