/**
 * Where a server listens, as people write it: `stdio://`, `unix://PATH`, `ws://HOST:PORT`. What is wrong with an
 * address is said with an example of a right one.
 */
import { resolve } from "node:path";

import { rejection, type SkeinError } from "../../base/index.ts";

/** A place to listen at. */
export type ListenAddress =
  | { readonly kind: "stdio" }
  /** `path` is absolute. */
  | { readonly kind: "unix"; readonly path: string }
  /** `host` is a name or an IP address without brackets; port 0 is any free one. */
  | { readonly kind: "ws"; readonly host: string; readonly port: number };

const EXAMPLES = "stdio://, unix:///run/user/1000/skein.sock or ws://127.0.0.1:4500";
const PORT_MAX = 65_535;
const HOST_AND_PORT = /^(?:\[(?<ip6>[0-9a-fA-F:.]+)\]|(?<name>[A-Za-z0-9._-]+)):(?<port>[0-9]{1,5})\/?$/;

/** Reads an address; `invalid_argument` for what is none. A relative path is one of the working folder. */
export function parseListenAddress(text: string): ListenAddress {
  const [, scheme, rest] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/is.exec(text) ?? [];
  switch (scheme?.toLowerCase()) {
    case "stdio":
      if (rest === "") return { kind: "stdio" };
      throw wrong("stdio:// stands alone");
    case "unix":
      return parseUnix(rest ?? "");
    case "ws":
      return parseWebSocket(rest ?? "");
    case "wss":
      throw wrong("skein speaks no TLS: listen at ws:// and put a proxy that does before it");
    case undefined:
    default:
      throw wrong("it begins with none of stdio://, unix:// and ws://");
  }
}

/** The address as text, the way `parseListenAddress` reads it. */
export function formatListenAddress(address: ListenAddress): string {
  switch (address.kind) {
    case "stdio":
      return "stdio://";
    case "unix":
      return `unix://${address.path}`;
    case "ws":
      return `ws://${address.host.includes(":") ? `[${address.host}]` : address.host}:${address.port}`;
  }
}

function parseUnix(path: string): ListenAddress {
  if (path === "") throw wrong("unix:// needs the path of its socket");
  if (path.includes("\0")) throw wrong("a path has no NUL character");
  if (path.endsWith("/")) throw wrong("a socket is a file, and its path does not end in a slash");
  return { kind: "unix", path: resolve(path) };
}

function parseWebSocket(place: string): ListenAddress {
  const { ip6, name, port } = HOST_AND_PORT.exec(place)?.groups ?? {};
  const host = ip6 ?? name;
  if (host === undefined)
    throw wrong("ws:// needs a host and a port, and nothing more; an IPv6 address is in brackets");
  if (Number(port) > PORT_MAX) throw wrong(`there is no port above ${PORT_MAX}`);
  return { kind: "ws", host, port: Number(port) };
}

/** The address itself is not repeated: what was put in by mistake may be a secret. */
function wrong(why: string): SkeinError {
  return rejection("invalid_argument", `not an address to listen at: ${why}. Give ${EXAMPLES}`);
}
