import { createHash } from 'node:crypto';
import type { Domain } from '#schemas/v1alpha1/domain.ts';

/** What of a label is left for the Domain's name beside a hyphen and the mark (RFC 1035 §2.3.4). */
const most = { name: 46, mark: 16 } as const;

/** Where a Domain is served before its names are shown to be its tenant's: one label below the platform's domain for that, which no other Domain has. */
export function previewHostnameOf({ metadata }: Pick<Domain, 'metadata'>, previewDomain: string): string {
  const { namespace = '', name } = metadata;
  const mark = createHash('sha256').update(`${namespace}/${name}`).digest('hex').slice(0, most.mark);
  const readable = name.replaceAll('.', '-').slice(0, most.name).replace(/-+$/, '');
  return `${readable}-${mark}.${previewDomain}`;
}
