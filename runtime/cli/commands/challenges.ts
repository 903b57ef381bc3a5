import type { KubeObject } from '#schemas/meta/object.ts';
import type { Domain } from '#schemas/v1alpha1/domain.ts';

/** A Domain or a Zone. */
export interface Challenged extends KubeObject {
  readonly status?: Pick<NonNullable<Domain['status']>, 'challenges' | 'previewHostname' | 'conditions'>;
}

/** A name that is not shown to be its tenant's, and the TXT record that shows it. */
export interface ChallengeLine {
  readonly hostname: string;
  readonly record: string;
  readonly value: string;
}

/** What an object says has yet to be shown. */
export function challengesOf({ status }: Challenged): readonly ChallengeLine[] {
  return (status?.challenges ?? []).map(({ hostname, name, value }) => ({ hostname, record: name, value }));
}
