import type { KubeObject } from '#schemas/meta/object.ts';

/** Where a document stands, for messages: `shop.yaml:12`. */
export interface ManifestSource {
  readonly file: string;
  /** Line of the document's first key, from 1. */
  readonly line: number;
}

/** One object as somebody wrote it. */
export interface Manifest {
  readonly source: ManifestSource;
  readonly object: KubeObject;
}

/** Something wrong in one place of a file. */
export interface ManifestFault {
  readonly source: ManifestSource;
  readonly message: string;
}

/** All faults of all files at once: nothing was written. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError';
  readonly faults: readonly ManifestFault[];
  constructor(faults: readonly ManifestFault[], options?: ErrorOptions) {
    super(faults.map(({ source, message }) => `${source.file}:${source.line}: ${message}`).join('\n'), options);
    this.faults = faults;
  }
}
