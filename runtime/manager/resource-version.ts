/**
 * Which of two resourceVersions is the later one: negative when `a` is earlier. They are decimal revisions on every known server (KEP-5504);
 * compared as text, since they may exceed what a number holds. An absent one is earlier than all others.
 */
export function compareResourceVersions(a: string | undefined, b: string | undefined): number {
  const left = a ?? '';
  const right = b ?? '';
  if (left.length !== right.length) return left.length - right.length;
  return left < right ? -1 : left > right ? 1 : 0;
}
