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
  const asked = only === undefined ? offered : offered.filter((check) => check.name === only);
  if (only !== undefined && asked.length === 0) return undefined;
  const excluded = new Set(query.getAll('exclude'));
  const results = await Promise.all(asked.map((check) => (excluded.has(check.name) ? 'excluded' : run(check))));
  const failed = asked.filter((_check, index) => results[index] === 'failed');
  if (failed.length === 0 && !query.has('verbose')) return textAnswer(200, 'ok');
  const lines = asked.map((check, index) => lineOf(check.name, results[index]));
  const unknown = [...excluded].filter((name) => offered.every((check) => check.name !== name));
  if (unknown.length > 0) {
    lines.push(
      `warn: some health checks cannot be excluded: no matches for ${unknown.map((name) => JSON.stringify(name)).join(',')}`,
    );
  }
  return textAnswer(
    failed.length === 0 ? 200 : 500,
    `${lines.join('\n')}\n${endpoint} check ${failed.length === 0 ? 'passed' : 'failed'}\n`,
  );
}

async function run(check: HealthCheck): Promise<'ok' | 'failed'> {
  try {
    await check.check();
    return 'ok';
  } catch {
    return 'failed';
  }
}

function lineOf(name: string, result: string | undefined): string {
  if (result === 'failed') return `[-]${name} failed: reason withheld`;
  return result === 'excluded' ? `[+]${name} excluded: ok` : `[+]${name} ok`;
}
