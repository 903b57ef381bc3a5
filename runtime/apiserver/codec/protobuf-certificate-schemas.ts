import type { MessageSpec } from './protobuf-table.ts';

/** Field numbers of certificates.k8s.io, in the notation of protobuf-schemas.ts. */
export const certificateMessages: Readonly<Record<string, MessageSpec>> = {
  CertificateSigningRequest: {
    metadata: '1 ObjectMeta',
    spec: '2 CertificateSigningRequestSpec',
    status: '3 CertificateSigningRequestStatus',
  },
  CertificateSigningRequestSpec: {
    request: '1 bytes',
    username: '2',
    uid: '3',
    groups: '4 []string',
    usages: '5 []string',
    extra: '6 {}StringList',
    signerName: '7',
    expirationSeconds: '8 int!',
  },
  CertificateSigningRequestStatus: { conditions: '1 []CertificateSigningRequestCondition', certificate: '2 bytes' },
  CertificateSigningRequestCondition: {
    type: '1',
    reason: '2',
    message: '3',
    lastUpdateTime: '4 Time',
    lastTransitionTime: '5 Time',
    status: '6',
  },
};
