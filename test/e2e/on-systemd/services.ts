import t from 'tap';
import { openSystemd } from '#runtime/host/local/systemd/systemd.ts';
import { silentLogger } from '#runtime/telemetry/logger.ts';
import { hostContract } from '#test/contracts/host.ts';
import { servicesContract } from '#test/contracts/services.ts';
import { realMachine, realServices } from '#test/runtime/host/machines.ts';

const open = (lifetime: AbortSignal) => openSystemd({ runtimeDirectory: '/run/systemd', log: silentLogger }, lifetime);

await t.test('a host with systemd keeps the contract of hosts', (each) =>
  hostContract(each, () => realMachine('systemd')),
);

await t.test('systemd keeps the contract of services', (each) =>
  servicesContract(
    each,
    realServices((_directory, lifetime) => open(lifetime)),
  ),
);
