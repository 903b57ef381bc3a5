/**
 * CEL functions by signature, `receiver.name(argument types): result`. A name with the prefix `k8s_` replaces the CEL library's own function,
 * whose name rules are rewritten to it. Handlers run inside of the library, which matches the argument types before it calls them.
 */
export type CelFunctions = Readonly<Record<string, CelFunction>>;

// The library knows the types of a handler's arguments from its signature, and TypeScript cannot: `never` lets every handler in.
export type CelFunction = (...args: never[]) => unknown;

/** Values of a type of its own. */
export interface CelTypeDefinition {
  readonly name: string;
  readonly ctor: abstract new (...args: never[]) => unknown;
  /** Whether two values of the type are equal. */
  readonly equals?: (a: never, b: never) => boolean;
}

/** A part of the language: types, functions, and names that stand for a namespace of functions (`sets.contains`). */
export interface CelLibrary {
  readonly types?: readonly CelTypeDefinition[];
  readonly namespaces?: readonly string[];
  readonly functions: CelFunctions;
}
