import { isRecord } from '#runtime/base/json.ts';
import type { LabAnswer, LabApi } from '#test/lab/lab-api.ts';
import type { ComparedKind } from './kinds.ts';

interface Quota {
  readonly metadata: { readonly name: string };
  readonly status: { readonly hard?: Amounts; readonly used?: Amounts };
}

type Amounts = Readonly<Record<string, string>>;

/** Where one more object was asked for. */
interface Place {
  readonly kind: ComparedKind;
  readonly namespace: string;
}

const refusal = /exceeded quota: .*$/u;

/**
 * The answer, in which a quota that refuses has become all those that do. Which of several is told is chance in Kubernetes, which keeps them in a map; one
 * that has room, or that is told with other amounts than it has, stays as it was told.
 */
export async function tellingAllFull(api: LabApi, { kind, namespace }: Place, answer: LabAnswer): Promise<LabAnswer> {
  const message = isRecord(answer.body) ? String(answer.body['message']) : '';
  const [told] = refusal.exec(message) ?? [];
  if (told === undefined) return answer;
  const quotas = (await api.request('GET', `/api/v1/namespaces/${namespace}/resourcequotas`)).body.items as Quota[];
  const refusals = quotas.flatMap((quota) => refusalBy(quota, kind)).toSorted();
  if (!refusals.includes(told)) return answer;
  return { ...answer, body: { ...answer.body, message: message.replace(told, () => refusals.join('; ')) } };
}

/** What a quota says to one more object; nothing when it has room. */
function refusalBy({ metadata, status: { hard = {}, used = {} } }: Quota, kind: ComparedKind): readonly string[] {
  const [, group] = /^(.+)\//u.exec(kind.apiVersion) ?? [];
  const counted = group === undefined ? kind.resource : `${kind.resource}.${group}`;
  const reached = [counted, `count/${counted}`].toSorted().filter((name) => Number(used[name]) >= Number(hard[name]));
  if (reached.length === 0) return [];
  const list = (amountOf: (name: string) => unknown): string =>
    reached.map((name) => `${name}=${String(amountOf(name))}`).join(',');
  const amounts = `used: ${list((name) => used[name])}, limited: ${list((name) => hard[name])}`;
  return [`exceeded quota: ${metadata.name}, requested: ${list(() => 1)}, ${amounts}`];
}
