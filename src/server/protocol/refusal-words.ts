/**
 * What refusals say of a schema where its kind alone does not tell. Kept beside the schemas and not in their
 * metadata, for none of it belongs into the JSON Schema.
 */
import { z } from "zod";

/** What refusals say of a schema, where its kind alone does not tell. */
interface RefusalWords {
  /** Kinds told apart by a bare word or by an object with one member, as `"never"` or `{granular: …}`. */
  readonly variants?: readonly string[];
  /** What the peer calls the type, where that is not the schema's `id`. */
  readonly name?: string;
  /** What is expected, where "a string" would be said. */
  readonly expected?: string;
}

/** What refusals say of a schema. Kept beside the schemas, for none of it belongs into the JSON Schema. */
export const refusalWords = z.registry<RefusalWords>();
