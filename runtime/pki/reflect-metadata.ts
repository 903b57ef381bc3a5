/**
 * The three functions of the Reflect metadata proposal that @peculiar/x509's container asks for when it is loaded. The container wires classes by name and
 * reads no types, so this is all of the polyfill that it needs. Existing functions are left as they are.
 */
const metadata = new WeakMap<object, Map<unknown, unknown>>();

const own = (key: unknown, target: object): unknown => metadata.get(target)?.get(key);

const inherited = (key: unknown, target: object): unknown => {
  for (let at: object | null = target; at !== null; at = Object.getPrototypeOf(at) as object | null) {
    if (metadata.get(at)?.has(key) === true) return own(key, at);
  }
  return undefined;
};

const define = (key: unknown, value: unknown, target: object): void => {
  const entries = metadata.get(target) ?? new Map<unknown, unknown>();
  entries.set(key, value);
  metadata.set(target, entries);
};

for (const [name, value] of Object.entries({ getMetadata: inherited, getOwnMetadata: own, defineMetadata: define })) {
  if (!(name in Reflect)) Object.defineProperty(Reflect, name, { value, configurable: true });
}
