import { Environment } from '@marcbachmann/cel-js';
import { formatLibrary } from './library/formats.ts';
import type { CelFunction, CelLibrary } from './library/functions.ts';
import { listFunctions } from './library/lists.ts';
import { networkLibrary } from './library/networks.ts';
import { OPTIONAL_MACROS, optionalFunctions } from './library/optionals.ts';
import { quantityLibrary } from './library/quantities.ts';
import { regexFunctions } from './library/regexes.ts';
import { setLibrary } from './library/sets.ts';
import { stringFunctions } from './library/strings.ts';
import { timeFunctions } from './library/times.ts';
import { urlLibrary } from './library/urls.ts';

const LIBRARIES: readonly CelLibrary[] = [
  { functions: { ...stringFunctions, ...listFunctions, ...regexFunctions, ...timeFunctions, ...optionalFunctions } },
  urlLibrary,
  networkLibrary,
  quantityLibrary,
  formatLibrary,
  setLibrary,
];

/** Functions of the CEL library that are replaced by our own of the same name with this prefix. */
export const REPLACEMENT_PREFIX = 'k8s_';

/** Names that rules are rewritten for. */
export const REPLACED: ReadonlySet<string> = new Set(
  LIBRARIES.flatMap(({ functions }) => Object.keys(functions)).flatMap((signature) => {
    const name = /k8s_(\w+)\(/.exec(signature)?.[1];
    return name === undefined ? [] : [name];
  }),
);

let base: Environment | undefined;

/** A fresh environment with everything that rules may use but their variables. */
export function celEnvironment(): Environment {
  base ??= createBase();
  return base.clone();
}

function createBase(): Environment {
  const environment = new Environment({
    enableOptionalTypes: true,
    // Literals of mixed types are common in rules that compare int-or-string fields.
    homogeneousAggregateLiterals: false,
    limits: { maxAstNodes: 20_000, maxDepth: 200 },
  });
  for (const library of LIBRARIES) addLibrary(environment, library);
  for (const [signature, macro] of Object.entries(OPTIONAL_MACROS)) environment.registerFunction(signature, macro);
  return environment;
}

function addLibrary(environment: Environment, library: CelLibrary): void {
  for (const { name, ctor, equals } of library.types ?? []) {
    environment.registerType(name, { ctor });
    if (equals !== undefined) environment.registerOperator(`${name} == ${name}`, equals as Equals);
  }
  for (const name of library.namespaces ?? []) {
    const typeName = `${name[0]?.toUpperCase() ?? ''}${name.slice(1)}Namespace`;
    const ctor = class {};
    environment.registerType(typeName, { ctor });
    environment.registerConstant(name, typeName, new ctor());
  }
  for (const [signature, handler] of Object.entries(library.functions)) {
    environment.registerFunction(signature, handler as CelHandler, { async: false });
  }
}

type Equals = (a: unknown, b: unknown) => boolean;
type CelHandler = CelFunction & ((...args: unknown[]) => unknown);
