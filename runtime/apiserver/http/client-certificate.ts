import { TLSSocket } from 'node:tls';
import type { Credentials } from '#runtime/apiserver/operations.ts';
import type { RawRequest } from './exchange.ts';

type Certificate = Credentials['certificate'];

/** Reading a certificate costs more than the rest of authentication, and it cannot change while a connection lives. */
const known = new WeakMap<object, { readonly certificate: Certificate }>();

/** Subject of the client certificate when our CA signed it and it was valid at the handshake; undefined otherwise. */
export function clientCertificateOf(request: RawRequest): Certificate {
  const connection: object = 'stream' in request ? (request.stream.session ?? request.socket) : request.socket;
  const found = known.get(connection);
  if (found !== undefined) return found.certificate;
  const socket = request.socket;
  const certificate =
    socket instanceof TLSSocket || 'getPeerCertificate' in socket ? subjectOf(socket as TLSSocket) : undefined;
  known.set(connection, { certificate });
  return certificate;
}

function subjectOf(socket: TLSSocket): Certificate {
  if (!socket.authorized) return undefined;
  const { subject, fingerprint256 } = socket.getPeerCertificate(false);
  if (subject === undefined) return undefined;
  // Several values of one attribute come as an array, which the published type does not say.
  const organizations: unknown = subject.O;
  const commonName: unknown = subject.CN;
  return {
    commonName: typeof commonName === 'string' ? commonName : '',
    organizations: Array.isArray(organizations)
      ? organizations.map(String)
      : typeof organizations === 'string'
        ? [organizations]
        : [],
    sha256: fingerprint256.replaceAll(':', '').toLowerCase(),
  };
}
