/** Every reason that a RetainedData's condition may carry. */
export const RETAINED_DATA_REASONS = {
  Kept: 'The data is kept.',
  Dumped: 'The data is kept in a file, which was verified.',
  DumpFailed:
    'The data is kept on its server, since no file could be made of it, or not be verified; it is tried again.',
  NothingKept: 'The server has no such database: it never came about, or was dropped by hand.',
  TakenBack: 'The object is declared again; its data is going back to it.',
  HandedBack: 'The object is declared again, and has its data.',
  HostLost: 'The host that keeps it was declared lost, with the data.',
  HostAwaited:
    'The host that looked after it was declared lost; the data is on its server, and waits for another host.',
  DumpLost: 'The file that the data was in is not on the host; the message says what can be done.',
  ServerLost: 'The server that it was kept on was declared lost; the message says what can be done.',
  Purging: 'The data is being removed.',
  ApplyFailed: 'The data could not be removed; it is tried again.',
  RemovalsHeld: 'The host takes nothing down until it is sure of its store; its Host object says why.',
} as const;
