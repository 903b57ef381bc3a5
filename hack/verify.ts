/**
 * Checks of the checks.
 *
 *   node hack/verify.ts imports   the import rules hold, and the tool really saw the modules
 *   node hack/verify.ts rules     each import and lint rule fires on a violation planted in a temporary copy
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { importPlants, lintPlants, type Plant } from './verify/plants.ts';

const root = join(import.meta.dirname, '..');
const trees = ['schemas', 'controllers', 'runtime', 'test', 'hack'];
/** Fewer modules than this means that the tool went blind (it does so silently beside a compiler it cannot load). */
const fewestModules = 100;

interface Cruise {
  readonly summary: {
    readonly totalCruised: number;
    readonly violations: readonly {
      readonly rule: { readonly name: string };
      readonly from: string;
      readonly to: string;
    }[];
  };
}

function cruise(directory: string): Cruise {
  const answer = spawnSync(
    process.execPath,
    [
      join(root, 'hack/tools/node_modules/dependency-cruiser/bin/dependency-cruiser.mjs'),
      '--config',
      'hack/dependency-cruiser.mjs',
      '--output-type',
      'json',
      ...trees,
    ],
    { cwd: directory, encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 },
  );
  if (answer.stdout === '') throw new Error(`dependency-cruiser said nothing: ${answer.stderr}`);
  return JSON.parse(answer.stdout) as Cruise;
}

function verifyImports(): readonly string[] {
  const { summary } = cruise(root);
  const faults = summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} → ${to}`);
  return summary.totalCruised < fewestModules ? [`only ${summary.totalCruised} modules were seen`, ...faults] : faults;
}

/** A copy of the sources with every violation planted; node_modules is linked. */
function plantedCopy(plants: readonly Plant[]): string {
  const copy = mkdtempSync(join(tmpdir(), 'wcp360-verify-'));
  for (const tree of [...trees, '.oxlintrc.json', 'package.json', 'tsconfig.json']) {
    cpSync(join(root, tree), join(copy, tree), { recursive: true, filter: (source) => !source.includes('hack/tools') });
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  for (const { file, text } of plants) {
    mkdirSync(dirname(join(copy, file)), { recursive: true });
    writeFileSync(join(copy, file), text);
  }
  return copy;
}

function verifyRules(): readonly string[] {
  const copy = plantedCopy([...importPlants, ...lintPlants]);
  try {
    const violations = cruise(copy).summary.violations;
    const silentImports = importPlants.filter(
      ({ rule, file }) => !violations.some((v) => v.rule.name === rule && (v.from === file || rule === 'no-cycle')),
    );
    const lint = lintOutput(copy);
    const silentLint = lintPlants.filter(
      ({ rule, file }) => !lint.some((fault) => fault.code.includes(rule) && fault.filename.endsWith(file)),
    );
    return [...silentImports, ...silentLint].map(({ rule, file }) => `${rule} did not fire on ${file}`);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

function lintOutput(directory: string): readonly { readonly code: string; readonly filename: string }[] {
  const files = lintPlants.map(({ file }) => file);
  const answer = spawnSync(join(root, 'node_modules/.bin/oxlint'), ['--format', 'json', ...files], {
    cwd: directory,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  return (JSON.parse(answer.stdout) as { diagnostics: { code: string; filename: string }[] }).diagnostics;
}

const [what] = process.argv.slice(2);
execFileSync('test', ['-d', join(root, 'hack/tools/node_modules')]);
const faults =
  what === 'imports' ? verifyImports() : what === 'rules' ? verifyRules() : ['usage: verify.ts imports|rules'];
for (const fault of faults) console.error(fault);
process.exitCode = faults.length === 0 ? 0 : 1;
