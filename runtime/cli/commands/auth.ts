import type { KubeObject } from '#schemas/meta/object.ts';
import { qualifiedName } from '#runtime/cli/api/rest-mapper.ts';
import { ExitCode, UsageError } from '#runtime/cli/io.ts';
import { formatColumns } from '#runtime/cli/output/columns.ts';
import type { Session } from '#runtime/cli/session.ts';

const reviews = { group: 'authorization.k8s.io', version: 'v1', namespaced: false } as const;
const accessReview = { ...reviews, resource: 'selfsubjectaccessreviews', kind: 'SelfSubjectAccessReview' };
const rulesReview = { ...reviews, resource: 'selfsubjectrulesreviews', kind: 'SelfSubjectRulesReview' };
const selfReview = {
  group: 'authentication.k8s.io',
  version: 'v1',
  resource: 'selfsubjectreviews',
  kind: 'SelfSubjectReview',
  namespaced: false,
} as const;

export interface CanIOptions {
  readonly list?: boolean;
  readonly quiet?: boolean;
  readonly allNamespaces?: boolean;
  readonly subresource?: string;
}

/** `wcpctl auth can-i VERB TYPE[/NAME]`: prints yes or no; exit code 1 for no. */
export async function canI(session: Session, words: readonly string[], options: CanIOptions): Promise<void> {
  if (options.list === true) return listRules(session);
  const [verb, target, name] = words;
  if (verb === undefined || target === undefined)
    throw new UsageError('say what: wcpctl auth can-i VERB TYPE [NAME], or --list');
  const client = await session.client();
  const spec = target.startsWith('/')
    ? { nonResourceAttributes: { verb, path: target } }
    : { resourceAttributes: await attributesOf(session, { verb, target, name, options }) };
  const answer: KubeObject = await client.create(accessReview, {
    apiVersion: 'authorization.k8s.io/v1',
    kind: accessReview.kind,
    metadata: { name: '' },
    spec,
  });
  const status = answer['status'] as { readonly allowed: boolean; readonly reason?: string };
  if (options.quiet !== true) session.io.out(status.allowed ? 'yes\n' : 'no\n');
  if (!status.allowed) throw new ExitCode(1);
}

interface Asked {
  readonly verb: string;
  readonly target: string;
  readonly name: string | undefined;
  readonly options: CanIOptions;
}

async function attributesOf(session: Session, { verb, target, name, options }: Asked): Promise<unknown> {
  const [word = '', nameInPair = name] = target.split('/');
  const { group, version, resource, namespaced } = word === '*' ? everything : (await session.mapper()).named(word);
  return {
    verb,
    group,
    version,
    resource,
    subresource: options.subresource,
    namespace: namespaced && options.allNamespaces !== true ? await session.namespace() : undefined,
    name: nameInPair,
  };
}

const everything = { group: '*', version: '*', resource: '*', namespaced: true };

interface RulesStatus {
  readonly resourceRules: readonly {
    readonly verbs: readonly string[];
    readonly apiGroups?: readonly string[];
    readonly resources?: readonly string[];
    readonly resourceNames?: readonly string[];
  }[];
  readonly nonResourceRules: readonly {
    readonly verbs: readonly string[];
    readonly nonResourceURLs?: readonly string[];
  }[];
}

async function listRules(session: Session): Promise<void> {
  const client = await session.client();
  const answer: KubeObject = await client.create(rulesReview, {
    apiVersion: 'authorization.k8s.io/v1',
    kind: rulesReview.kind,
    metadata: { name: '' },
    spec: { namespace: await session.namespace() },
  });
  const { resourceRules, nonResourceRules } = answer['status'] as RulesStatus;
  const brackets = (words: readonly string[] = []): string => `[${words.join(' ')}]`;
  const rows = [
    ...resourceRules.flatMap((rule) =>
      (rule.apiGroups ?? ['']).flatMap((group) =>
        (rule.resources ?? []).map((resource) => [
          resource === '*'
            ? `*.${group}`
            : qualifiedName({ group, version: '', resource, kind: '', namespaced: false }),
          '[]',
          brackets(rule.resourceNames),
          brackets(rule.verbs),
        ]),
      ),
    ),
    ...nonResourceRules.map((rule) => ['', brackets(rule.nonResourceURLs), '[]', brackets(rule.verbs)]),
  ];
  session.io.out(formatColumns([['Resources', 'Non-Resource URLs', 'Resource Names', 'Verbs'], ...rows]));
}

/** `wcpctl auth whoami`. */
export async function whoAmI(session: Session): Promise<void> {
  const client = await session.client();
  const answer: KubeObject = await client.create(selfReview, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: selfReview.kind,
    metadata: { name: '' },
  });
  const { userInfo } = answer['status'] as {
    readonly userInfo: { readonly username: string; readonly groups?: readonly string[] };
  };
  session.io.out(
    formatColumns([
      ['ATTRIBUTE', 'VALUE'],
      ['Username', userInfo.username],
      ['Groups', `[${(userInfo.groups ?? []).join(' ')}]`],
    ]),
  );
}
