import { ANNOTATIONS } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { certificateKind, type Certificate } from '#schemas/v1alpha1/certificate.ts';
import { ApiError } from '#runtime/base/errors.ts';
import type { ObjectKey } from '#runtime/client/client.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import type { Session } from '#runtime/cli/session.ts';
import { follow } from './follow.ts';
import { notFound } from './get.ts';

export interface WaitOptions {
  readonly wait?: boolean;
  readonly timeout?: string;
}

const type = resourceTypeOf(certificateKind);

/** `wcpctl certificate renew NAME`: has the next one got now. The one before serves until that is there. */
export async function renewCertificate(session: Session, name: string, options: WaitOptions): Promise<void> {
  const value = new Date().toISOString();
  const key = await annotated(session, name, { [ANNOTATIONS.renew]: value });
  if (options.wait === false) return said(session, name, 'is asked for');
  const isDone = ({ status }: Certificate): boolean => status?.renewedFor === value;
  await followed(session, { key, isDone, timeout: options.timeout });
}

/** `wcpctl certificate revoke NAME`: has the CA tell everybody not to trust it, and gets another one with another key. */
export async function revokeCertificate(
  session: Session,
  name: string,
  { reason, ...options }: WaitOptions & { readonly reason: string },
): Promise<void> {
  const key = { name, namespace: await session.namespace() };
  const { serialNumber } = (await read(session, key)).status ?? {};
  if (serialNumber === undefined)
    throw new ApiError(409, 'Conflict', `certificate ${name} was not issued yet: there is nothing to revoke`);
  await annotated(session, name, { [ANNOTATIONS.revoke]: `${serialNumber}/${reason}` });
  if (options.wait === false) return said(session, name, `${serialNumber} is going to be revoked`);
  const isDone = ({ status }: Certificate): boolean =>
    status?.serialNumber !== serialNumber && status?.revoked?.serialNumber === serialNumber;
  await followed(session, { key, isDone, timeout: options.timeout });
  const { problem } = (await read(session, key)).status?.revoked ?? {};
  if (problem !== undefined) throw new ApiError(409, 'Conflict', `it is replaced, but was not revoked: ${problem}`);
}

async function annotated(session: Session, name: string, annotations: object): Promise<ObjectKey> {
  const key = { name, namespace: await session.namespace() };
  const body = { metadata: { annotations } };
  await (await session.client()).patch(type, key, { type: 'merge', body }, { fieldManager: 'wcpctl-certificate' });
  return key;
}

async function read(session: Session, key: ObjectKey): Promise<Certificate> {
  const found = await (await session.client()).get<Certificate>(type, key);
  if (found === undefined) throw notFound(type, key.name);
  return found;
}

async function followed(
  session: Session,
  {
    key,
    isDone,
    timeout,
  }: {
    readonly key: ObjectKey;
    readonly isDone: (certificate: Certificate) => boolean;
    readonly timeout: string | undefined;
  },
): Promise<void> {
  const isOver = (object: KubeObject): boolean => isDone(object as Certificate);
  await follow(session, { type, ...key, condition: 'Issuing', isDone: isOver, timeout });
  const { serialNumber = '', notAfter = '' } = (await read(session, key)).status ?? {};
  said(session, key.name, `${serialNumber} is good until ${notAfter}`);
}

function said(session: Session, name: string, text: string): void {
  session.io.out(`certificate.hosting.wcp360.io/${name} ${text}\n`);
}
