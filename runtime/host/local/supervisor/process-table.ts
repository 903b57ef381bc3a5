import { readdirSync, readFileSync } from 'node:fs';

/** A process as no other can ever be: its id with the time it began, in kernel ticks since boot. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTime: string;
}

/** The kernel's start time of a live process; `undefined` when there is none, or only its unreaped rest. */
export function startTimeOf(pid: number): string | undefined {
  const fields = statFields(pid);
  return fields === undefined || fields[0] === 'Z' ? undefined : fields[19];
}

/** Whether exactly this process still lives. */
export function isAlive(identity: ProcessIdentity): boolean {
  return startTimeOf(identity.pid) === identity.startTime;
}

/** Whether its number is still its own: as long as its parent has not heard of its end, others take it for a live one's (kill(2)). */
export function isInTable({ pid, startTime }: ProcessIdentity): boolean {
  return statFields(pid)?.[19] === startTime;
}

/** Whether any process of the group that `leader` founded is left. The kernel gives no process the leader's id before the group is empty. */
export function isGroupAlive(leader: ProcessIdentity): boolean {
  if (isAlive(leader)) return true;
  // Another process with the leader's number: the group was empty in between.
  if (startTimeOf(leader.pid) !== undefined) return false;
  return sendSignal(-leader.pid, 0) && hasLiveMember(leader.pid);
}

/** Whether a process of the group still does something: those that ended and wait for a slow parent do not count. */
function hasLiveMember(group: number): boolean {
  return readdirSync('/proc').some(
    (name) => /^\d+$/.test(name) && groupOf(Number(name)) === group && startTimeOf(Number(name)) !== undefined,
  );
}

/** The process group of a live process. */
export function groupOf(pid: number): number | undefined {
  const group = statFields(pid)?.[2];
  return group === undefined ? undefined : Number(group);
}

/** False when there was nobody to send it to. */
export function sendSignal(target: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(target, signal);
  } catch {
    return false;
  }
}

/** A process and all that descend from it, parents first. */
export function familyOf(leader: ProcessIdentity): readonly ProcessIdentity[] {
  if (!isAlive(leader)) return [];
  const family: ProcessIdentity[] = [leader];
  for (let index = 0; index < family.length; index += 1) {
    for (const pid of childrenOf(family[index]?.pid ?? 0)) {
      const startTime = startTimeOf(pid);
      if (startTime !== undefined) family.push({ pid, startTime });
    }
  }
  return family;
}

function childrenOf(pid: number): readonly number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return text === '' ? [] : text.split(' ').map(Number);
  } catch {
    return [];
  }
}

/** Fields from the third on: what stands before may hold blanks and brackets (proc(5)). */
function statFields(pid: number): readonly string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}
