import type { ProviderId } from '#runtime/drivers/dns-providers/model.ts';
import type { LabServer } from './server.ts';

/** A stand-in for a provider, with one zone: it answers in the shape that the provider does, keeps to its limits, and refuses what that refuses. */
export interface LabProvider extends LabServer {
  readonly id: ProviderId;
  /** The Secret that it accepts. */
  readonly secret: Readonly<Record<string, string>>;
  readonly nameservers: readonly string[];
  /** The name of the zone, with the dot at its end; `undefined` removes it. */
  setZone(name: string | undefined): void;
  readonly name: () => string | undefined;
  /** What a visitor is told: contents as in a zone file, sorted. */
  answered(name: string, type: string): readonly string[];
  /** All names and types that are there. */
  keys(): readonly string[];
  /** Somebody writes a set of records in the provider's own surface; none takes it away. */
  byHand(name: string, type: string, contents: readonly string[]): void;
  /** An answer of the provider that takes no more for so long, where it says for how long. */
  readonly limit: (
    seconds: number,
    nowMs: number,
  ) => {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
  };
}
