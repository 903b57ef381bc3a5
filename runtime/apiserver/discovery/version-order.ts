const KUBE_VERSION = /^v([1-9]\d*)(?:(alpha|beta)([1-9]\d*))?$/;

const RANK: Readonly<Record<string, number>> = { alpha: 1, beta: 2 };

/**
 * Kubernetes' order of versions, best first: v2, v1, v1beta2, v1beta1, v1alpha1, then everything else by text (CRD versioning docs, "Version priority").
 */
export function compareVersions(a: string, b: string): number {
  const left = KUBE_VERSION.exec(a);
  const right = KUBE_VERSION.exec(b);
  if (left !== null && right !== null) return compareParsed(left, right);
  if (left === null && right === null) return a < b ? -1 : Number(a !== b);
  return left === null ? 1 : -1;
}

function compareParsed(left: RegExpExecArray, right: RegExpExecArray): number {
  return (
    rankOf(right) - rankOf(left) || Number(right[1]) - Number(left[1]) || Number(right[3] ?? 0) - Number(left[3] ?? 0)
  );
}

function rankOf(match: RegExpExecArray): number {
  return RANK[match[2] ?? ''] ?? 3;
}
