/**
 * Schemas are made when they are first asked for, so that a server answers `initialize` before it has built those
 * of methods that nobody has called.
 */

/** Makes a value when it is first asked for, and gives the same one ever after. */
export function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
