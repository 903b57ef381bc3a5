import { textAnswer, type Answer } from './answer.ts';

/** One named check. Throws, or rejects, when what it stands for does not work. */
export interface HealthCheck {
  readonly name: string;
  /** `livez` checks fail only when a restart would help; `readyz` has all of them. */
  readonly live: boolean;
  readonly check: () => Promise<void> | void;
}

const endpoints = new Set(['livez', 'readyz', 'healthz']);

/** Answers `/livez`, `/readyz`, `/healthz` and single checks below them; undefined for other paths. Reasons are withheld: anybody may ask. */
export async function answerHealth(
  checks: readonly HealthCheck[],
  segments: readonly string[],
  query: URLSearchParams,
): Promise<Answer | undefined> {
  const [endpoint = '', only] = segments;
  if (!endpoints.has(endpoint) || segments.length > 2) return undefined;
  const offered = endpoint === 'livez' ? checks.filter((check) => check.live) : checks;
  const asked = offered.filter((check) => only === undefined || check.name === only);
  if (asked.length === 0) return undefined;
  const excluded = new Set(query.getAll('exclude'));
  const results = await Promise.all(asked.map((check) => run(check, excluded.has(check.name))));
  const isFailed = results.some(({ outcome }) => outcome === 'failed');
  if (!isFailed && !query.has('verbose')) return textAnswer(200, 'ok');
  const unknown = [...excluded].filter((name) => offered.every((check) => check.name !== name));
  const lines = [
    ...results.map(lineOf),
    ...exclusionWarning(unknown),
    `${endpoint} check ${isFailed ? 'failed' : 'passed'}`,
  ];
  return textAnswer(isFailed ? 500 : 200, `${lines.join('\n')}\n`);
}

interface Result {
  readonly name: string;
  readonly outcome: 'ok' | 'failed' | 'excluded';
}

async function run({ name, check }: HealthCheck, isExcluded: boolean): Promise<Result> {
  if (isExcluded) return { name, outcome: 'excluded' };
  try {
    await check();
    return { name, outcome: 'ok' };
  } catch {
    return { name, outcome: 'failed' };
  }
}

function lineOf({ name, outcome }: Result): string {
  switch (outcome) {
    case 'ok':
      return `[+]${name} ok`;
    case 'failed':
      return `[-]${name} failed: reason withheld`;
    case 'excluded':
      return `[+]${name} excluded: ok`;
  }
}

function exclusionWarning(unknown: readonly string[]): readonly string[] {
  if (unknown.length === 0) return [];
  const names = unknown.map((name) => JSON.stringify(name)).join(',');
  return [`warn: some health checks cannot be excluded: no matches for ${names}`];
}
