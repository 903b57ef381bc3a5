import type { Domain } from '#schemas/v1alpha1/domain.ts';

/** Whether the last copy of a Domain's files is taken from a host, so that nothing of the tenant may write there. */
export function isStillOn(hostName: string, { status = {} }: Pick<Domain, 'status'>): boolean {
  return status.host === hostName && (status.moving === 'Stilling' || status.moving === 'LastCopy');
}
