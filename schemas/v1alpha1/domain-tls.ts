import {
  durationField,
  issuerReference,
  LENGTHS,
  nameField,
  objectReference,
  textField,
} from '#schemas/meta/fragments.ts';
import type { Schema } from '#schemas/meta/schema.ts';

const hstsField = {
  type: 'object',
  description:
    'Tell browsers to come by HTTPS only. They remember it: to take it back, set maxAge to 0s for as long as it was.',
  required: ['maxAge'],
  properties: {
    maxAge: { ...durationField('How long browsers remember it, such as `8760h`.') },
    includeSubDomains: { type: 'boolean', description: 'Names below the hostname, too.', default: false },
  },
} as const satisfies Schema;

/** How a Domain is served over HTTPS. */
export const tlsField = {
  type: 'object',
  description: 'How the site behaves over HTTPS.',
  default: {},
  properties: {
    mode: {
      type: 'string',
      description:
        'Auto: HTTPS as soon as there is a certificate, which comes by itself where there is an issuer. Off: plain HTTP only.',
      enum: ['Auto', 'Off'],
      default: 'Auto',
    },
    issuerRef: {
      ...issuerReference,
      description: 'Where the certificate comes from; the default ClusterIssuer when absent.',
    },
    secretRef: objectReference(
      'A Secret of the same namespace with a certificate of your own: `tls.crt` (the chain) and `tls.key`. Nothing is ordered then.',
    ),
    redirect: {
      type: 'boolean',
      description: 'Send visitors who come by HTTP to HTTPS, once there is a certificate.',
      default: true,
    },
    reducedCoverage: {
      type: 'string',
      description:
        'When the certificate cannot be had for some of the names: Allow has it for the others, and tries again; Refuse has none but for all names.',
      enum: ['Refuse', 'Allow'],
      default: 'Allow',
    },
    hsts: hstsField,
  },
  'x-kubernetes-validations': [
    {
      rule: '!(has(self.issuerRef) && has(self.secretRef))',
      message: 'at most one of issuerRef and secretRef',
    },
  ],
} as const satisfies Schema;

/** What of that there is. */
export const servedTlsField = {
  type: 'object',
  description: 'The certificate that is served.',
  required: ['secretName'],
  properties: {
    secretName: nameField('The Secret that it is in.'),
    dnsNames: {
      type: 'array',
      description: 'Names that it is for; empty while there is none.',
      maxItems: 100,
      items: { type: 'string', description: 'A name.', maxLength: LENGTHS.hostname },
    },
    serialNumber: textField('Its serial number, in hexadecimal, where it comes from a Certificate.'),
  },
} as const satisfies Schema;

export const shownSerialField = textField(
  'Serial number, in hexadecimal, of the certificate that a handshake with the host showed last.',
);
