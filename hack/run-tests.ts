/** Runs the test files with tap, shows what failed, and closes with `N passed, N failed`. Arguments: test files; all when none. */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const root = join(import.meta.dirname, '..');
const files = process.argv.slice(2);

const tap = spawn(
  join(root, 'node_modules/.bin/tap'),
  ['run', '--reporter=tap', `--jobs=${availableParallelism()}`, '--timeout=300', ...files],
  {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/compile') },
  },
);

/** Counts the innermost assertions' parents: every `t.test` and every top-level assertion of a file, at any depth. */
const totals = { passed: 0, failed: 0, skipped: 0 };
const point = /^\s*(not )?ok \d+ - (.*)$/;
let failing = false;

for await (const line of createInterface({ input: tap.stdout })) {
  const match = point.exec(line);
  if (match !== null) {
    const [, not, text = ''] = match;
    failing = not !== undefined && !/# (SKIP|TODO)/i.test(text);
    if (/# SKIP/i.test(text)) totals.skipped += 1;
    else if (failing) totals.failed += 1;
    else totals.passed += 1;
    if (/^(not )?ok/.test(line) || /# SKIP/i.test(text)) console.log(line);
  }
  if (failing) console.log(line);
}
const exitCode = await new Promise<number>((resolve) => tap.on('close', (code) => resolve(code ?? 1)));
if (exitCode !== 0 && totals.failed === 0) totals.failed = 1;
console.log(
  `${totals.passed} passed, ${totals.failed} failed${totals.skipped > 0 ? `, ${totals.skipped} skipped` : ''}`,
);
process.exitCode = exitCode;
