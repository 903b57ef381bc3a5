/** What is said of a request for a certificate, once and for all. */
export interface Verdict {
  readonly type: 'Approved' | 'Denied';
  readonly reason: string;
  readonly message: string;
  /** The join token that has to be unused for the verdict to hold. */
  readonly token?: JoinToken;
}

export interface JoinToken {
  readonly id: string;
  /** The host that the request wants to be. */
  readonly host: string;
}

/** What we read of a CertificateSigningRequest. */
export interface AskedCertificate {
  /** PEM in base64. */
  readonly request: string;
  readonly signerName: string;
  readonly username?: string;
  readonly usages?: readonly string[];
  readonly expirationSeconds?: number;
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}
