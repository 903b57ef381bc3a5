import { rfc3339, type Clock } from '#runtime/base/clock.ts';
import { isEqual } from '#runtime/base/json.ts';
import type { Client } from '#runtime/client/client.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import type { EventRecorder } from '#runtime/manager/event-recorder.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import { mergeConditions } from '#schemas/meta/conditions.ts';
import { apiVersionOf } from '#schemas/meta/kind.ts';
import { ANNOTATIONS } from '#schemas/meta/names.ts';
import { hostKind, type Host } from '#schemas/v1alpha1/host.ts';

/** What a person has to look at, and the word by which it is confirmed. */
export interface Alarm {
  /** Of the condition, which is there only while it is true. */
  readonly type: 'StoreChanged' | 'ManyObjectsVanished';
  readonly reason: 'OtherStore' | 'ManyAtOnce';
  readonly message: string;
  /** Absent while there is nothing that could be confirmed. */
  readonly token?: string;
}

export interface AlarmBellOptions {
  readonly client: Client;
  readonly hostName: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly events: Pick<EventRecorder, 'record'>;
  readonly signal: AbortSignal;
}

/** Alarms as conditions and events of the Host object. */
export interface AlarmBell {
  /** Brings the Host's conditions in line with the alarms that stand, and returns the word that was written on it. ApiError and HostError as the client has them. */
  show(alarms: readonly Alarm[]): Promise<string | undefined>;
}

const type = resourceTypeOf(hostKind);
const fieldManager = 'wcp360-agent-store';
const types: readonly string[] = ['StoreChanged', 'ManyObjectsVanished'] satisfies readonly Alarm['type'][];

/** A bell that has not rung. */
export function createAlarmBell({ client, hostName, clock, log, events, signal }: AlarmBellOptions): AlarmBell {
  let rung: readonly Alarm[] = [];
  return {
    show: async (alarms) => {
      const host = await client.get<Host>(type, { name: hostName }, signal);
      for (const alarm of alarms) {
        if (rung.some((before) => isEqual(before, alarm))) continue;
        log.error({ alarm: alarm.type, message: alarm.message }, 'nothing is taken down until a person confirms it');
        if (host !== undefined)
          events.record(host, { type: 'Warning', reason: alarm.reason, message: withCommand(alarm, hostName) });
      }
      rung = alarms;
      if (host === undefined) return undefined;
      const stated = alarms.map((alarm) => conditionOf(alarm, host));
      if (!isEqual(stated, statedOn(host))) {
        const conditions = mergeConditions(host.status?.conditions, stated, rfc3339(clock.now()));
        const object = { apiVersion: apiVersionOf(hostKind), kind: hostKind.kind, metadata: { name: hostName } };
        const options = { fieldManager, force: true, subresource: 'status', signal } as const;
        await client.apply(type, { ...object, status: { conditions } }, options);
      }
      return host.metadata.annotations?.[ANNOTATIONS.confirm];
    },
  };
}

function conditionOf(alarm: Alarm, host: Host) {
  return {
    type: alarm.type,
    status: 'True' as const,
    reason: alarm.reason,
    message: withCommand(alarm, host.metadata.name),
    observedGeneration: host.metadata.generation ?? 1,
  };
}

function statedOn(host: Host): unknown {
  const own = (host.status?.conditions ?? []).filter((condition) => types.includes(condition.type));
  return own.map(({ type: stated, status, reason, message, observedGeneration }) => ({
    type: stated,
    status,
    reason,
    message,
    observedGeneration,
  }));
}

function withCommand({ message, token }: Alarm, hostName: string): string {
  if (token === undefined) return message;
  return `${message} If that is meant: wcpctl host confirm ${hostName} ${token}`;
}
