/** Every reason that a RetainedData's condition may carry. */
export const RETAINED_DATA_REASONS = {
  Kept: 'The data is kept.',
  NothingKept: 'The server has no such database: it never came about, or was dropped by hand.',
  TakenBack: 'The object is declared again; its data is going back to it.',
  Purging: 'The data is being removed.',
  ApplyFailed: 'The data could not be removed; it is tried again.',
  RemovalsHeld: 'The host takes nothing down until it is sure of its store; its Host object says why.',
} as const;
