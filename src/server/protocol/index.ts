/**
 * protocol: what goes over the wire, said once. Requests, notifications and requests of the server's with their
 * schemas and words, envelopes, and the texts of refusals. Pure: it knows nothing of connections or of the server.
 */
export {
  encodeError,
  encodeNotification,
  encodeResult,
  encodeServerRequest,
  type Envelope,
  parseEnvelope,
  type RequestId,
} from "./envelope.ts";
export { protocolJsonSchema } from "./json-schema.ts";
export { unknownMethodText, UNSERVED_METHODS } from "./method-names.ts";
export { parseParams } from "./parse-params.ts";
export { protocolReference } from "./reference-page.ts";
export {
  CLIENT_NOTIFICATIONS,
  type ClientNotificationMethod,
  isRequestMethod,
  type NotificationMethod,
  type NotificationParams,
  NOTIFICATIONS,
  type RequestMethod,
  type RequestParams,
  type RequestResult,
  REQUESTS,
  type ServerRequestMethod,
  type ServerRequestParams,
  type ServerRequestResult,
} from "./registry.ts";
export { RPC_CODES, type RpcErrorBody } from "./rpc-codes.ts";
export { SERVER_REQUESTS } from "./server-requests.ts";
