import type { RecordChange } from '#schemas/meta/record-set.ts';
import type { FoundSet, ProviderId, ZonePlace } from './model.ts';
import type { ApiFailure, ProviderApi } from './api.ts';

/** A Secret by its keys. */
export type SecretValues = Readonly<Record<string, string>>;

/** Where a change of a zone goes. */
export interface Reach {
  readonly api: ProviderApi;
  /** The name, with the dot at its end. */
  readonly zone: string;
}

/** One request, as a provider wants it signed. */
export interface UnsignedRequest {
  readonly method: string;
  readonly url: URL;
  readonly body?: string | undefined;
}

export type Headers = Readonly<Record<string, string>>;

/**
 * What one provider of name servers is like: how its API is spoken, and what it can say. It keeps nothing.
 *
 * Flow: place → read → change …; `change` gets what the last look or change has left, and returns what stands then.
 * Guarantees: reading changes nothing; what `change` does not name is not touched, and is answered without a gap; a set that stays is changed in place; contents come
 * back as `contentOf` spells them. What was carried out half can be carried out again after another look.
 * Errors: those of `ProviderApi`; PostponedError `ZoneNotFound` when the account has no such zone, `StaleLook` when something changed since the look.
 */
export interface Provider {
  readonly id: ProviderId;
  /** As it calls itself. */
  readonly name: string;
  readonly endpoint: string;
  /** Keys that a Secret must have. */
  readonly secretKeys: readonly string[];
  /** What is sent with a request. */
  sign(request: UnsignedRequest, secret: SecretValues): Promise<Headers> | Headers;
  /** What an answer that is no success means; `undefined` leaves that to its status. */
  failureOf(answer: { readonly status: number; readonly body: string }): ApiFailure | undefined;
  /** As many requests as it takes at once, and as many in a second from then on. */
  readonly pace: { readonly burst: number; readonly perSecond: number };
  /** Whether it has records of a type, at the zone itself or below. */
  takes(type: string, isApex: boolean): boolean;
  readonly ttlSeconds: { readonly least: number; readonly most: number };
  place(reach: Reach, zoneId: string | undefined, signal: AbortSignal): Promise<ZonePlace>;
  read(reach: Reach, place: ZonePlace, signal: AbortSignal): Promise<ReadonlyMap<string, FoundSet>>;
  change(
    reach: Reach,
    change: {
      readonly place: ZonePlace;
      readonly changes: readonly RecordChange[];
      readonly sets: ReadonlyMap<string, FoundSet>;
    },
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, FoundSet>>;
}
