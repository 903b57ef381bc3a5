/** Somebody's word that a certificate must not be trusted any longer. */
export interface Revocation {
  /** Hexadecimal, as in the status. */
  readonly serialNumber: string;
  /** As CRLs number it (RFC 5280 §5.3.1). */
  readonly reasonCode: number;
}

/** Reasons that a subscriber may give. */
const REVOCATION_REASONS: ReadonlyMap<string, number> = new Map([
  ['unspecified', 0],
  ['keyCompromise', 1],
  ['affiliationChanged', 3],
  ['superseded', 4],
  ['cessationOfOperation', 5],
]);

/** What the annotation `hosting.wcp360.io/revoke` says: `<serial number>/<reason>`, or the serial number alone. Pure. */
export function revocationIn(annotation: string | undefined): Revocation | undefined {
  const [serialNumber = '', reason = 'unspecified'] = annotation?.split('/') ?? [];
  if (serialNumber === '') return undefined;
  return { serialNumber: serialNumber.toUpperCase(), reasonCode: REVOCATION_REASONS.get(reason) ?? 0 };
}
