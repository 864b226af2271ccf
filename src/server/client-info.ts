/**
 * Who a client says it is, and what the server calls itself to it. The user agent begins with the first client's
 * name and the peer's version, as clients expect it; then the machine, and Skein's own version.
 */
import { arch, release, type } from "node:os";

import { SKEIN_VERSION } from "../base/index.ts";
import type { RequestParams, RequestResult } from "./protocol/index.ts";
import { invalidRequest } from "./rpc-error.ts";

/** A client after `initialize`. */
export interface InitializedClient {
  readonly name: string;
  readonly version: string;
  /** It may use methods and members the peer calls experimental. */
  readonly isExperimental: boolean;
  /** Notifications it does not want. */
  readonly optedOut: ReadonlySet<string>;
}

/** A client that was greeted before the server was there. */
export interface IntroducedClient {
  readonly client: InitializedClient;
  /** The name that it was told the user agent begins with. */
  readonly originator: string;
}

/** Whether a client's name can be part of a header. */
function fitsHeader(name: string): boolean {
  return /^[\t\x20-\x7e]*$/.test(name);
}

/** Reads what a client introduces itself with. Its name becomes part of a header, so it must fit one. */
export function checkClientInfo({ clientInfo, capabilities }: RequestParams<"initialize">): InitializedClient {
  const { name, version } = clientInfo;
  if (!fitsHeader(name)) {
    throw invalidRequest(`Invalid clientInfo.name: '${name}'. Must be a valid HTTP header value.`);
  }
  return {
    name,
    version,
    isExperimental: capabilities?.experimentalApi ?? false,
    optedOut: new Set(capabilities?.optOutNotificationMethods ?? []),
  };
}

/**
 * What a client introduces itself with, where it does so as clients do; null for what has to be looked at closely.
 * Hand-written, because it is read before the schemas are loaded: those are a sixth of a start.
 */
export function readIntroduction(params: unknown): InitializedClient | null {
  if (!isPlain(params) || !isPlain(params["clientInfo"])) return null;
  const { name, title = null, version } = params["clientInfo"];
  if (typeof name !== "string" || typeof version !== "string" || !fitsHeader(name)) return null;
  if (title !== null && typeof title !== "string") return null;
  const capabilities = params["capabilities"] ?? {};
  if (!isPlain(capabilities)) return null;
  const { experimentalApi = false, optOutNotificationMethods } = capabilities;
  const optedOut = optOutNotificationMethods ?? [];
  if (typeof experimentalApi !== "boolean" || !Array.isArray(optedOut)) return null;
  if (!optedOut.every((method) => typeof method === "string")) return null;
  return { name, version, isExperimental: experimentalApi, optedOut: new Set<string>(optedOut) };
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The version of the peer whose protocol this is: clients look for the first x.y.z in the user agent, and compare. */
const PROTOCOL_VERSION = "0.130.0";

/** `first/0.130.0 (Linux 6.1; x64) skein/0.1.0 (name; 1.2)` */
function userAgentOf(originator: string, { name, version }: InitializedClient): string {
  const system = `${type()} ${release()}; ${arch()}`;
  return `${originator}/${PROTOCOL_VERSION} (${system}) skein/${SKEIN_VERSION} (${name}; ${version})`;
}

/** The answer to `initialize`. */
export function welcomeOf(
  client: InitializedClient,
  { originator, home }: { readonly originator: string; readonly home: string },
): RequestResult<"initialize"> {
  return {
    userAgent: userAgentOf(originator, client),
    codexHome: home,
    platformFamily: process.platform === "win32" ? "windows" : "unix",
    platformOs: process.platform === "darwin" ? "macos" : process.platform,
  };
}
