/**
 * Params of a request, checked. What is not of the method's shape is refused with the peer's words; what nobody
 * knows is left out.
 */
import type { z } from "zod";

import { refusalText } from "./params-text.ts";
import { REQUESTS, type RequestMethod, type RequestParams } from "./registry.ts";

/** Params as the handler takes them, or why there are none: the text behind "Invalid request: ". */
export type ParsedParams<M extends RequestMethod> =
  | { readonly ok: true; readonly params: RequestParams<M> }
  | { readonly ok: false; readonly message: string };

/** Checks the params of a request. */
export function parseParams<M extends RequestMethod>(method: M, params: unknown): ParsedParams<M> {
  const schema: z.ZodType = REQUESTS[method].params;
  const isNeeded = schema._zod.optin !== "optional";
  if (isNeeded && (params === undefined || params === null)) return { ok: false, message: "missing field `params`" };
  // Ends at the first thing that is wrong. Parsing would make an issue of each: gigabytes for a list of millions.
  if (!schema.validate(params)) return { ok: false, message: refusalText(schema, params) ?? "params can't be read" };
  return { ok: true, params: schema.parse(params) as RequestParams<M> };
}
