import type { Schema } from '#schemas/meta/schema.ts';
import { held } from './held.ts';
import { group, integer, kindSchema, list, listBy, lists, text, time } from './shapes.ts';

const bytes = (description: string): Schema => ({ type: 'string', format: 'byte', description });

const spec = group(
  'What is asked for. It cannot be changed.',
  {
    request: held('always', bytes('A certificate request (PKCS #10) in PEM.')),
    signerName: held('always', text('Who shall sign, such as `kubernetes.io/kube-apiserver-client`.')),
    expirationSeconds: held(
      'pointer',
      integer('How long the certificate shall be good, 600 or more; signers may choose less.'),
    ),
    usages: list('What the key is for, such as `digital signature` and `client auth`.'),
    username: text('Who made the request; the server notes it.'),
    uid: text('Uid of who made the request.'),
    groups: list('Groups of who made the request.'),
    extra: lists('Further facts that authentication found of who made the request.'),
  },
  ['request', 'signerName'],
);

const condition = group(
  'One aspect of the state.',
  {
    type: held('always', text('Approved, Denied, Failed, or a word of the signer.')),
    status: held('always', text('Whether it is so: True, False or Unknown.')),
    reason: text('Why, in one CamelCase word.'),
    message: text('Why, in a sentence.'),
    lastUpdateTime: held('always', time('When it was last written.')),
    lastTransitionTime: held('always', time('When the status last changed.')),
  },
  ['type', 'status'],
);

const certificateSigningRequest = held(
  'struct',
  kindSchema(
    'Asks for a certificate: somebody approves or denies it, and a signer issues what was approved.',
    {
      spec: held('always', spec),
      status: held(
        'always',
        group('What became of it.', {
          conditions: listBy(['type'], 'Approved, Denied and Failed stay once they are there.', condition),
          certificate: bytes('The certificate in PEM, once it is issued.'),
        }),
      ),
    },
    ['spec'],
  ),
);

export const certificateSchemas: Readonly<Record<string, Schema>> = {
  'certificates.k8s.io/v1/CertificateSigningRequest': certificateSigningRequest,
};
