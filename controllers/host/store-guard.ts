import { createHash } from 'node:crypto';
import { rfc3339, type Clock } from '#runtime/base/clock.ts';
import { isRecord } from '#runtime/base/json.ts';
import type { Client } from '#runtime/client/client.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import type { Host } from '#runtime/host/host.ts';
import type { EventText } from '#runtime/manager/event-recorder.ts';
import type { Hold, Orphans, RemovalGuard } from '#runtime/manager/removal-guard.ts';
import type { Logger } from '#runtime/telemetry/logger.ts';
import { namespaceKind } from '#schemas/meta/builtin.ts';
import { ANNOTATIONS, SYSTEM_NAMESPACE } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { hostKind } from '#schemas/v1alpha1/host.ts';
import { createHostAlarm } from './host-alarm.ts';
import { HOST_REASONS } from './reasons.ts';

export interface StoreGuardOptions {
  readonly client: Client;
  readonly host: Host;
  readonly hostName: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Tells people, as an event of the Host. */
  readonly tell: (host: KubeObject, event: EventText) => void;
  readonly signal: AbortSignal;
}

/** What a person has to look at, and the word by which it is confirmed. */
interface Alarm extends Hold {
  readonly type: 'StoreChanged' | 'ManyObjectsVanished';
  readonly token: string;
}
