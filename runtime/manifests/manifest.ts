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

/** All faults of all files at once, in the order of files and lines. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError';
  readonly faults: readonly ManifestFault[];
  constructor(faults: readonly ManifestFault[], options?: ErrorOptions) {
    const inOrder = faults.toSorted(
      (a, b) => a.source.file.localeCompare(b.source.file) || a.source.line - b.source.line,
    );
    super(inOrder.map(({ source, message }) => `${source.file}:${source.line}: ${message}`).join('\n'), options);
    this.faults = inOrder;
  }
}
