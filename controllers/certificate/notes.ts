import { certificateKind, type Certificate } from '#schemas/v1alpha1/certificate.ts';
import { apiVersionOf } from '#schemas/meta/kind.ts';
import type { Client } from '#runtime/client/client.ts';
import { resourceTypeOf } from '#runtime/client/resource-type.ts';
import type { Owner } from '#runtime/drivers/driver.ts';

const certificateType = resourceTypeOf(certificateKind);
/** Nobody else writes `status.issuance`. */
const fieldManager = 'wcp360-issuance';

export type Issuance = NonNullable<NonNullable<Certificate['status']>['issuance']>;

/** The certificate that is on its way, as it is noted in the status of its object: before each step that cannot be repeated blindly, by whoever leads. */
export interface Notes {
  /** As noted last; `undefined` when none is on its way. */
  readonly issuance: Issuance | undefined;
  /** Resolves when it is stored. ApiError NotFound when the object is gone. */
  write(issuance: Issuance | undefined): Promise<void>;
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
  let { issuance: noted, lastOrderAt } = certificate.status ?? {};
  const notes: Notes = {
    get issuance() {
      return noted;
    },
    write: async (issuance) => {
      const orderedAt = issuance?.orderIntendedAt ?? lastOrderAt;
      const object = {
        apiVersion: apiVersionOf(certificateKind),
        kind: certificateKind.kind,
        metadata: { namespace, name, uid },
        status: {
          ...(issuance === undefined ? {} : { issuance }),
          ...(orderedAt === undefined ? {} : { lastOrderAt: orderedAt }),
        },
      };
      await client.apply(certificateType, object, { fieldManager, force: true, subresource: 'status', signal });
      noted = issuance;
      lastOrderAt = orderedAt;
    },
  };
  return { certificate, notes };
}
