import { isTrue } from '#schemas/meta/conditions.ts';
import { claimNameOf } from '#schemas/meta/names.ts';
import type { KubeObject } from '#schemas/meta/object.ts';
import { hostKind, type Host } from '#schemas/v1alpha1/host.ts';
import { hostnameClaimKind } from '#schemas/v1alpha1/hostname-claim.ts';
import type { Cache } from '#runtime/manager/cache.ts';

/** Hosts by the name under which they serve what is the platform's own. */
const BY_PANEL = 'panel';

export const hostsByPanel = {
  kind: hostKind,
  index: { name: BY_PANEL, valuesOf: (host: KubeObject) => panelNamesOf(host as Host) },
};

export function panelNamesOf({ spec }: Host): readonly string[] {
  return spec.panel === undefined ? [] : [spec.panel.hostname];
}

/** The host whose panel has a name and may be served there, the first one by name where there are several. */
export function panelHostOf(name: string, cache: Cache): string | undefined {
  const claim = cache.get(hostnameClaimKind, { name: claimNameOf(name) });
  if (isTrue(claim?.status?.conditions, 'Bound')) return undefined;
  return cache.byIndex(hostKind, BY_PANEL, name)[0]?.metadata.name;
}

/** Whether a name, without a wildcard's star, is one of the platform's panels, or lies below one. */
export function isPanelName(base: string, cache: Cache): boolean {
  const labels = base.split('.');
  return labels.some((_label, from) => cache.byIndex(hostKind, BY_PANEL, labels.slice(from).join('.')).length > 0);
}
