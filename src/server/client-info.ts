/**
 * Who a client says it is, and what the server calls itself to it. The user agent begins with the first client's
 * name, as in the peer, for some clients look for their own name in it; then Skein's version and the machine.
 */
import { arch, release, type } from "node:os";

import { SKEIN_VERSION } from "../base/index.ts";
import type { RequestParams } from "./protocol/index.ts";
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

/** Reads what a client introduces itself with. Its name becomes part of a header, so it must fit one. */
export function checkClientInfo({ clientInfo, capabilities }: RequestParams<"initialize">): InitializedClient {
  const { name, version } = clientInfo;
  if (!/^[\t\x20-\x7e]*$/.test(name)) {
    throw invalidRequest(`Invalid clientInfo.name: '${name}'. Must be a valid HTTP header value.`);
  }
  return {
    name,
    version,
    isExperimental: capabilities?.experimentalApi ?? false,
    optedOut: new Set(capabilities?.optOutNotificationMethods ?? []),
  };
}

/** `first/0.1.0 (Linux 6.1; x64) skein (name; 1.2)` */
export function userAgentOf(originator: string, { name, version }: InitializedClient): string {
  return `${originator}/${SKEIN_VERSION} (${type()} ${release()}; ${arch()}) skein (${name}; ${version})`;
}
