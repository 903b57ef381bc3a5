import { certificateKind, type Certificate } from '#schemas/v1alpha1/certificate.ts';
import { apiVersionOf } from '#schemas/meta/kind.ts';
import type { Client } from '#runtime/client/client.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import type { Owner } from '#runtime/drivers/driver.ts';
import { onlyDefined } from './model.ts';

const certificateType = resourceTypeOf(certificateKind);
/** Nobody else writes this part of the status. */
const fieldManager = 'wcp360-issuance';

type Status = NonNullable<Certificate['status']>;
export type Issuance = NonNullable<Status['issuance']>;
export type Revoked = NonNullable<Status['revoked']>;
/** The part of the status that is noted: what no look can find out again. */
type Noted = Pick<Status, 'issuance' | 'lastOrderAt' | 'revoked'>;

/** The certificate that is on its way, as it is noted in the status of its object: before each step that cannot be repeated blindly, by whoever leads. */
export interface Notes {
  /** As noted last; `undefined` when none is on its way. */
  readonly issuance: Issuance | undefined;
  /** The last one that the CA was told not to trust any longer. */
  readonly revoked: Revoked | undefined;
  /** Resolves when it is stored. ApiError NotFound when the object is gone. */
  write(issuance: Issuance | undefined): Promise<void>;
  writeRevoked(revoked: Revoked): Promise<void>;
}

/** The live object with its notes, read from the server, since a cache may know less; `undefined` when it is gone or another one now. */
export async function openNotes(
  client: Client,
  owner: Owner,
  signal: AbortSignal,
): Promise<{ readonly certificate: Certificate; readonly notes: Notes } | undefined> {
  const { namespace, name, uid } = owner;
  const certificate = await client.get<Certificate>(certificateType, { namespace, name }, signal);
  if (certificate === undefined || certificate.metadata.uid !== uid) return undefined;
  const { issuance, lastOrderAt, revoked } = certificate.status ?? {};
  let noted: Noted = onlyDefined<Noted>({ issuance, lastOrderAt, revoked });
  const put = async (status: Noted): Promise<void> => {
    const metadata = { namespace, name, uid };
    const object = { apiVersion: apiVersionOf(certificateKind), kind: certificateKind.kind, metadata, status };
    await client.apply(certificateType, object, { fieldManager, force: true, subresource: 'status', signal });
    noted = status;
  };
  const notes: Notes = {
    get issuance() {
      return noted.issuance;
    },
    get revoked() {
      return noted.revoked;
    },
    write: async (next) =>
      await put(
        onlyDefined<Noted>({ ...noted, issuance: next, lastOrderAt: next?.orderIntendedAt ?? noted.lastOrderAt }),
      ),
    writeRevoked: async (last) => await put({ ...noted, revoked: last }),
  };
  return { certificate, notes };
}
