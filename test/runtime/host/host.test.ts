import t from 'tap';
import { hostContract } from '#test/contracts/host.ts';
import { modelMachine, realMachine } from '#test/runtime/host/machines.ts';

await t.test('the model machine', (each) => hostContract(each, modelMachine));

await t.test(
  'the real machine',
  { skip: process.getuid?.() === 0 ? false : 'needs root: it gives files to others' },
  (each) => hostContract(each, realMachine),
);
