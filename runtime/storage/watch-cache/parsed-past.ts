/** As many as the parsed objects of the present that a log keeps, and more than one batch of a subscription needs. */
const mostEntries = 1_024;
/** Of the encoded objects; parsed, they may be ten times as much. */
const mostBytes = 16 * 1024 * 1024;

/** An object of history. */
interface PastEntry {
  readonly bytes: Buffer;
  /** Lets go of what was parsed. */
  cool(): void;
}

/**
 * The objects of history that were parsed last. Watchers with selectors look at what an object was before; what they share must be
 * there for all of them, and may not grow with history.
 */
export class ParsedPast {
  readonly #entries = new Set<PastEntry>();
  #bytes = 0;

  /** Takes an entry that has just been parsed; the oldest ones beyond the bounds are cooled. */
  keep(entry: PastEntry): void {
    if (this.#entries.has(entry)) return;
    this.#entries.add(entry);
    this.#bytes += entry.bytes.length;
    for (const oldest of this.#entries) {
      if (this.#entries.size <= mostEntries && this.#bytes <= mostBytes) return;
      this.#entries.delete(oldest);
      this.#bytes -= oldest.bytes.length;
      oldest.cool();
    }
  }
}
