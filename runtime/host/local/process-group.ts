import type { ChildProcess } from 'node:child_process';
import { sendSignal } from './supervisor/process-table.ts';

/** A program that was started `detached`: it leads a group, in which all that it starts is, too, unless that leaves. */
export type GroupLeader = Pick<ChildProcess, 'pid' | 'exitCode' | 'signalCode'>;

/** Sends it to the program and to whatever else is in its group. Nothing once the program has ended: then the number is perhaps somebody else's. */
export function signalGroup({ pid, exitCode, signalCode }: GroupLeader, signal: NodeJS.Signals): void {
  if (pid !== undefined && exitCode === null && signalCode === null) sendSignal(-pid, signal);
}

/** Ends what a program left of its group, which nobody else has the number of as long as there is any (kill(2)). */
export function killLeftOver({ pid }: GroupLeader): void {
  if (pid !== undefined) sendSignal(-pid, 'SIGKILL');
}
