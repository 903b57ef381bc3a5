/** One violation: the rule that must fire, and the file that breaks it. */
export interface Plant {
  readonly rule: string;
  readonly file: string;
  readonly text: string;
}

const plant = (rule: string, file: string, text: string): Plant => ({ rule, file, text });
const imports = (specifier: string): string =>
  `import * as planted from '${specifier}';\nexport const kept = planted;\n`;

/** One package of each home, imported from where it does not belong. */
const homes = [
  'etcd3',
  'cockatiel',
  'execa',
  'chokidar',
  'ajv',
  're2js',
  'pino',
  'prom-client',
  'fastify',
  '@kubernetes/client-node',
  'jose',
  '@peculiar/x509',
  '@marcbachmann/cel-js',
  'commander',
  'diff',
  'tldts',
] as const;

/** For each import rule of hack/dependency-cruiser.mjs, a module that breaks it. */
export const importPlants: readonly Plant[] = [
  plant('schemas-are-leaves', 'schemas/meta/planted.ts', imports('#runtime/base/errors.ts')),
  plant('schemas-are-leaves:kinds', 'schemas/v1alpha1/planted.ts', imports('#runtime/base/errors.ts')),
  plant('base-is-a-leaf', 'runtime/base/planted.ts', imports('#runtime/plan/plan.ts')),
  plant('plan-is-pure', 'runtime/drivers/nginx/planted/plan.ts', imports('#runtime/host/host.ts')),
  plant('plan-is-pure:no-node', 'runtime/drivers/nginx/planted/render.ts', imports('node:fs')),
  plant('drivers-do-not-know-kinds', 'runtime/drivers/nginx/planted-kind.ts', imports('#schemas/index.ts')),
  plant(
    'drivers-do-not-know-each-other',
    'runtime/drivers/nginx/planted-driver.ts',
    imports('#runtime/drivers/tree/model.ts'),
  ),
  plant('controllers-are-islands', 'controllers/domain/planted.ts', imports('#controllers/tenant/cluster.ts')),
  plant(
    'controllers-are-islands:runtime',
    'controllers/domain/planted-runtime.ts',
    imports('#runtime/storage/store.ts'),
  ),
  plant('manager-knows-no-kind', 'runtime/manager/planted.ts', imports('#schemas/index.ts')),
  plant('apiserver-knows-no-host', 'runtime/apiserver/planted.ts', imports('#runtime/host/host.ts')),
  plant('cli-and-console-are-clients', 'runtime/cli/planted.ts', imports('#runtime/storage/store.ts')),
  plant('manifests-speak-the-protocol-only', 'runtime/manifests/planted.ts', imports('#runtime/cli/io.ts')),
  plant('only-host-touches-the-machine', 'runtime/manager/planted-fs.ts', imports('node:fs')),
  plant('cmd-is-the-top', 'runtime/manager/planted-cmd.ts', imports('#runtime/cmd/wcpd.ts')),
  plant('only-cmd-knows-all-controllers', 'runtime/client/planted-all.ts', imports('#controllers/index.ts')),
  plant('tests-point-inward', 'runtime/manager/planted-test.ts', imports('#hack/verify.ts')),
  ...homes.map((name) =>
    plant(`one-home-per-package:${name}`, `runtime/plan/planted-${name.replaceAll(/\W/g, '-')}.ts`, imports(name)),
  ),
  plant('no-dev-dependency-at-run-time', 'runtime/manager/planted-dev.ts', imports('fast-check')),
  plant(
    'no-cycle',
    'runtime/manager/planted-cycle-a.ts',
    `import { b } from './planted-cycle-b.ts';\nexport const a = (): unknown => b;\n`,
  ),
  plant(
    'no-cycle',
    'runtime/manager/planted-cycle-b.ts',
    `import { a } from './planted-cycle-a.ts';\nexport const b = (): unknown => a;\n`,
  ),
  plant('no-unresolved', 'runtime/manager/planted-unresolved.ts', imports('./not-there.ts')),
];

const lintPlant = (rule: string, text: string): Plant => plant(rule, `runtime/manager/planted-${rule}.ts`, text);

/** For each lint rule that the project relies on, a module that breaks it. */
export const lintPlants: readonly Plant[] = [
  lintPlant('no-floating-promises', 'async function a(): Promise<void> {}\nexport function b(): void {\n  a();\n}\n'),
  lintPlant(
    'switch-exhaustiveness-check',
    "export function a(op: 'x' | 'y'): number {\n  let n = 0;\n  switch (op) {\n    case 'x':\n      n = 1;\n  }\n  return n;\n}\n",
  ),
  lintPlant('only-throw-error', "export function a(): never {\n  throw 'text';\n}\n"),
  lintPlant('no-explicit-any', 'export const a = (value: any): unknown => value;\n'),
  lintPlant('no-unsafe-assignment', "export const a: string = JSON.parse('1');\n"),
  lintPlant('no-non-null-assertion', 'export const a = (value: string | undefined): string => value!;\n'),
  lintPlant('ban-ts-comment', '// @ts-ignore\nexport const a = 1;\n'),
  lintPlant('no-default-export', 'export default 1;\n'),
  lintPlant('no-console', "export function a(): void {\n  console.log('x');\n}\n"),
  lintPlant('no-restricted-globals', "export const a = (): unknown => fetch('x');\n"),
  lintPlant(
    'max-params',
    'export const a = (b: number, c: number, d: number, e: number, f: number): number => b + c + d + e + f;\n',
  ),
  lintPlant(
    'max-lines-per-function',
    `export function a(): number {\n  let n = 0;\n${'  n += 1;\n'.repeat(60)}  return n;\n}\n`,
  ),
  lintPlant(
    'max-lines',
    `${Array.from({ length: 320 }, (_, index) => `export const a${index} = ${index};`).join('\n')}\n`,
  ),
  lintPlant(
    'complexity',
    `export function a(n: number): number {\n${Array.from({ length: 12 }, (_, index) => `  if (n === ${index}) return ${index};`).join('\n')}\n  return -1;\n}\n`,
  ),
  lintPlant(
    'max-depth',
    'export function a(n: number): number {\n  if (n > 1) {\n    if (n > 2) {\n      if (n > 3) {\n        if (n > 4) {\n          return 1;\n        }\n      }\n    }\n  }\n  return 0;\n}\n',
  ),
];
