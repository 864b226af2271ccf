/**
 * What a server refuses with, as an error of Skein's. A server of ours says its own code in the error's data, and
 * the error is the one that the same call throws in the server's process; any other refusal is `request_refused`.
 */
import { type ErrorCode, type ErrorData, errorKindOf, SkeinError } from "../base/index.ts";
import { RPC_CODES, type RpcErrorBody } from "../server/protocol/index.ts";

/** The error of a refusal. Its data names the method and the wire's code. */
export function errorOfWire(method: string, { code: rpcCode, message, data }: RpcErrorBody): SkeinError {
  const { skeinCode, retryable, ...values } = isObject(data) ? data : {};
  const plain: ErrorData = { ...plainValues(values), method, rpcCode };
  const kind = typeof skeinCode === "string" ? errorKindOf(skeinCode) : undefined;
  if (kind !== undefined) {
    // errorKindOf knows no other codes than those of the union.
    return new SkeinError(skeinCode as ErrorCode, message, { kind, retryable: retryable === true, data: plain });
  }
  if (rpcCode === RPC_CODES.overloaded) {
    return new SkeinError("server_overloaded", message, { kind: "fault", retryable: true, data: plain });
  }
  if (rpcCode === RPC_CODES.internalError) {
    return new SkeinError("request_failed", message, { kind: "fault", retryable: retryable === true, data: plain });
  }
  return new SkeinError("request_refused", message, { kind: "rejection", data: plain });
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function plainValues(values: Readonly<Record<string, unknown>>): ErrorData {
  const plain: Record<string, string | number | boolean | null> = {};
  for (const [name, value] of Object.entries(values)) {
    const isPlain =
      typeof value === "string" || typeof value === "number" || typeof value === "boolean" || value === null;
    plain[name] = isPlain ? value : JSON.stringify(value);
  }
  return plain;
}
