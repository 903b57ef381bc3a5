import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** docs/reference/conditions.md: every reason of every controller, from its const object. */
export async function conditionsPage(root: URL): Promise<string> {
  const sections: string[] = [];
  for (const folder of readdirSync(new URL('controllers/', root)).toSorted()) {
    const file = new URL(`controllers/${folder}/reasons.ts`, root);
    if (!existsSync(file)) continue;
    const module = (await import(file.href)) as Readonly<Record<string, unknown>>;
    const [reasons] = Object.values(module);
    const rows = Object.entries(reasons as Readonly<Record<string, string>>).map(
      ([word, meaning]) => `| \`${word}\` | ${meaning} |`,
    );
    sections.push(`## ${titleOf(folder)}`, '', '| reason | meaning |', '| --- | --- |', ...rows, '');
  }
  return ['# Conditions', '', CONDITIONS_INTRO, '', ...sections].join('\n');
}

const CONDITIONS_INTRO = `Every object tells its state in \`status.conditions\`. \`Ready\` sums up; the others speak of one concern each. While work goes on there is
\`Reconciling\`, when nothing is tried until somebody changes something there is \`Stalled\`; both are absent otherwise. The reason of a condition
is one of these words, and its message is a sentence.`;

function titleOf(folder: string): string {
  return folder
    .split('-')
    .map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`)
    .join('')
    .replace('Uid', 'UID');
}

/** docs/reference/errors.md: the codes of our errors, from their classes. */
export async function errorsPage(root: URL): Promise<string> {
  const text = readFileSync(new URL('runtime/base/errors.ts', root), 'utf8');
  const pattern =
    /\/\*\* (?<meaning>[^*]+) \*\/\nexport class (?<name>\w+) extends Wcp360Error \{\n\s+readonly code = '(?<code>\w+)';\n\s+readonly retry = '(?<retry>[\w-]+)'/g;
  const rows = [...text.matchAll(pattern)].map(({ groups = {} }) => {
    const retry = groups['retry'] === 'backoff' ? 'by itself, later and later' : 'once somebody changes the object';
    return `| \`${groups['code'] ?? ''}\` | ${groups['meaning'] ?? ''} | ${retry} |`;
  });
  const classes = text.split(' extends Wcp360Error {').length - 1;
  if (rows.length !== classes) throw new Error('errors.ts: each class has one line above it, a code and a retry');
  return [
    '# Errors',
    '',
    'Codes are stable and never used again for something else.',
    '',
    '| code | meaning | tried again |',
    '| --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}

/** docs/reference/metrics.md: names and help texts, from where they are declared. */
export function metricsPage(root: URL): string {
  const rows = sourceFiles(new URL('runtime/', root)).flatMap((file) => {
    const text = readFileSync(file, 'utf8');
    const pattern =
      /name: '(?<name>(?:wcp360|controller_runtime|workqueue|apiserver|leader_election|rest_client|etcd)_\w+)',\s+help: '(?<help>[^']+)'/g;
    return [...text.matchAll(pattern)].map(
      ({ groups = {} }) => `| \`${groups['name'] ?? ''}\` | ${groups['help'] ?? ''} |`,
    );
  });
  return [
    '# Metrics',
    '',
    'Served under `/metrics` by every program.',
    '',
    '| metric | meaning |',
    '| --- | --- |',
    ...[...new Set(rows)].toSorted(),
    '',
  ].join('\n');
}

function sourceFiles(directory: URL): readonly URL[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => new URL(`file://${entry.parentPath}/${entry.name}`));
}
