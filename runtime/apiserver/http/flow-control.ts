import { ApiError } from '#runtime/base/errors.ts';
import type { UserInfo } from '#runtime/apiserver/operations.ts';
import { createBodyPlaces, type ReadBody } from './body-places.ts';

/** How many requests may be under way at once; watches count only until they stream, and nobody while a body is awaited. */
export interface FlowLimits {
  readonly readOnly: number;
  /** As many bodies may be on their way besides. */
  readonly mutating: number;
}

const defaultFlowLimits: FlowLimits = { readOnly: 400, mutating: 400 };

/** Lets a request pass or throws 429; the result is called when the request is over. */
export interface FlowControl {
  enter(user: UserInfo, mutating: boolean): () => void;
  /** Reads a body, for which one holds no place in flight. When too many are read, the user who sends most loses the oldest: 429. */
  receive<T>(user: UserInfo, read: ReadBody<T>): Promise<T>;
  readonly inFlight: { readonly readOnly: number; readonly mutating: number };
}

interface Lane {
  readonly limit: number;
  total: number;
  readonly byUser: Map<string, number>;
}

/** One user alone may fill this part of a lane; the rest stays for whoever comes next. */
const soleUserRatio = 0.75;
const exemptGroup = 'system:masters';
const isExempt = (user: UserInfo): boolean => user.groups.includes(exemptGroup);

/**
 * Bounds the requests in flight, fairly: while a lane is more than half full, nobody may hold more than an equal share of it.
 * Members of `system:masters` are counted but never refused, so that an administrator can always look.
 */
export function createFlowControl(limits: FlowLimits = defaultFlowLimits): FlowControl {
  const lanes = { readOnly: newLane(limits.readOnly), mutating: newLane(limits.mutating) };
  const receive = createBodyPlaces(limits.mutating, tooMany);
  return {
    get inFlight() {
      return { readOnly: lanes.readOnly.total, mutating: lanes.mutating.total };
    },
    enter: (user, mutating) => {
      const lane = mutating ? lanes.mutating : lanes.readOnly;
      if (!isExempt(user) && isFull(lane, user.name)) throw tooMany();
      occupy(lane, user.name, 1);
      return () => occupy(lane, user.name, -1);
    },
    receive: (user, read) => (isExempt(user) ? read() : receive(user.name, read)),
  };
}

function newLane(limit: number): Lane {
  return { limit, total: 0, byUser: new Map() };
}

function isFull(lane: Lane, user: string): boolean {
  if (lane.total >= lane.limit) return true;
  const mine = lane.byUser.get(user) ?? 0;
  if (mine >= lane.limit * soleUserRatio) return true;
  const users = lane.byUser.size + (mine === 0 ? 1 : 0);
  return lane.total >= lane.limit / 2 && users > 1 && mine >= lane.limit / users;
}

function occupy(lane: Lane, user: string, by: 1 | -1): void {
  lane.total += by;
  const mine = (lane.byUser.get(user) ?? 0) + by;
  if (mine === 0) lane.byUser.delete(user);
  else lane.byUser.set(user, mine);
}

function tooMany(): ApiError {
  return new ApiError(429, 'TooManyRequests', 'Too many requests, please try again later.', { retryAfterSeconds: 1 });
}
