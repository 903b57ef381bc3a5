import { join } from 'node:path';
import t, { type Test } from 'tap';
import { machineRefused, startMachine, type Machine } from '#test/lab/machine/machine.ts';

const skip = await machineRefused();

/** Runs a file of tests on the machine; its tests count as ours. */
async function runInside(test: Test, machine: Machine, file: string): Promise<void> {
  const [program = '', ...args] = machine.inside([process.execPath, join(import.meta.dirname, 'on-systemd', file)]);
  await test.spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] }, file);
}

await t.test('a host that systemd keeps', { skip }, async (test) => {
  const machine = await startMachine();
  test.teardown(() => machine.close());
  await runInside(test, machine, 'services.ts');
});
