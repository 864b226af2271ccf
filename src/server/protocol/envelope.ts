/**
 * Envelopes: from the text of one message to what it is, and back to text. Reading is written by hand because
 * every message passes here; params and results are looked at later, by their schemas.
 *
 * What is no request, notification or answer is null and is dropped in silence, as the peer does: bad JSON, a
 * batch, a method that is no text, an id that is null, a float or a boolean, nesting that no reader takes. There is
 * no "parse error" answer.
 *
 * Ids are texts or 64-bit integers. JSON's numbers lose digits beyond 2^53, so such an id is kept as a bigint,
 * read from the digits themselves, and an answer carries exactly the digits that were sent. `1.0` is taken for 1.
 */
import type { Json, JsonObject } from "../../events/index.ts";
import { isNestedTooDeep } from "./message-depth.ts";
import type {
  NotificationMethod,
  NotificationParams,
  RequestMethod,
  RequestResult,
  ServerRequestMethod,
} from "./registry.ts";
import type { RpcErrorBody } from "./rpc-codes.ts";

/** Names a request on its connection. */
export type RequestId = string | number | bigint;

/** One message. `params` is undefined where there are none. */
export type Envelope =
  | { readonly kind: "request"; readonly id: RequestId; readonly method: string; readonly params: Json | undefined }
  | { readonly kind: "notification"; readonly method: string; readonly params: Json | undefined }
  | { readonly kind: "response"; readonly id: string | number; readonly result: Json }
  | { readonly kind: "error"; readonly id: string | number; readonly error: RpcErrorBody };

const I64_MAX = 2n ** 63n - 1n;
const I64_MIN = -(2n ** 63n);

/** What a message is; null: drop it in silence. */
export function parseEnvelope(text: string): Envelope | null {
  const message = parseObject(text);
  if (message === null) return null;
  const { method, params } = message;
  const id = requestId(message["id"], text);
  if (typeof method === "string") {
    if (id !== undefined) return { kind: "request", id, method, params };
    return Object.hasOwn(message, "id") ? null : { kind: "notification", method, params };
  }
  // The ids of the server's own requests are small; another one answers nothing.
  if (id === undefined || typeof id === "bigint" || Object.hasOwn(message, "method")) return null;
  const { result } = message;
  if (result !== undefined) return { kind: "response", id, result };
  const error = errorBody(message["error"]);
  return error === null ? null : { kind: "error", id, error };
}

function parseObject(text: string): JsonObject | null {
  if (isNestedTooDeep(text)) return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Not JSON: there is nobody to answer, for the message has no id. Who drops it logs it.
    return null;
  }
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : null;
}

function requestId(value: Json | undefined, text: string): RequestId | undefined {
  if (typeof value === "string") return value;
  if (typeof value !== "number" || !Number.isInteger(value)) return undefined;
  return Number.isSafeInteger(value) ? value : wideId(text);
}

/** The id's own digits, where a number can't hold them. */
function wideId(text: string): bigint | undefined {
  const digits = idDigits(text);
  if (!/^-?\d+$/u.test(digits)) return undefined;
  const id = BigInt(digits);
  return id >= I64_MIN && id <= I64_MAX ? id : undefined;
}

/** The text of the message's `id` as it was sent: of the last one, when there are several. */
function idDigits(text: string): string {
  const sources = new Map<unknown, string>();
  const message: unknown = JSON.parse(text, function revive(this: unknown, key: string, ...rest: readonly unknown[]) {
    const [value, context] = rest;
    const { source } = (context ?? {}) as { readonly source?: unknown };
    if (key === "id" && typeof value === "number" && typeof source === "string") sources.set(this, source);
    return value;
  });
  return sources.get(message) ?? "";
}

function errorBody(value: Json | undefined): RpcErrorBody | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const { code, message, data } = value as JsonObject;
  if (typeof code !== "number" || typeof message !== "string") return null;
  return { code, message, ...(data === undefined ? {} : { data }) };
}

/** The text of an answer. */
export function encodeResult<M extends RequestMethod>(id: RequestId, result: RequestResult<M>): string {
  return `{"id":${idText(id)},"result":${JSON.stringify(result)}}`;
}

/** The text of a refusal. */
export function encodeError(id: RequestId, { code, message, data }: RpcErrorBody): string {
  const error = data === undefined ? { code, message } : { code, data, message };
  return `{"error":${JSON.stringify(error)},"id":${idText(id)}}`;
}

/** The text of a notification. */
export function encodeNotification<M extends NotificationMethod>(method: M, params: NotificationParams<M>): string {
  return `{"method":${JSON.stringify(method)},"params":${JSON.stringify(params)}}`;
}

/** The text of a request of the server's. Its params come from the agent: their shape is open. */
export function encodeServerRequest(method: ServerRequestMethod, id: number, params: JsonObject): string {
  return `{"method":${JSON.stringify(method)},"id":${String(id)},"params":${JSON.stringify(params)}}`;
}

function idText(id: RequestId): string {
  return typeof id === "string" ? JSON.stringify(id) : String(id);
}
