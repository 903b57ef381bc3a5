/** How long a test waits for what must come, in milliseconds: much longer than a busy machine takes, since only what never comes meets it. */
export const patienceMs = 60_000;
