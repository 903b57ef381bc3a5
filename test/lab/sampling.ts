/** Every point, also where a few stand for the rest: `WCP360_CRASH_ALL=1` leaves none out. */
export const isThorough = process.env['WCP360_CRASH_ALL'] === '1';

/** Which points stand for the rest: others in each run, the same ones with the `WCP360_SEED` that a run has told. */
export const samplingSeed = Number(process.env['WCP360_SEED'] ?? Math.floor(Math.random() * 1_000_000));
