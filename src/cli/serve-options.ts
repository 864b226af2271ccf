/**
 * What `skein serve` is told on its command line, and the addresses that it knows by name.
 * Nothing here loads the server.
 */
import { rejection } from "../base/index.ts";
import { isWebSocketUrl, parseListenAddress } from "../server/transports/index.ts";
import type { AgentChoice } from "./agent-choice.ts";
import type { CliContext } from "./cli-context.ts";
import type { StoreNode } from "./open-store.ts";

export interface ServeOptions extends AgentChoice {
  readonly listen?: readonly string[];
  readonly allowOrigin?: readonly string[];
  readonly nodeUrl?: string;
  readonly nodeId?: string;
}

/** Where a person is served who says nothing about it. */
export const PERSON_ADDRESS = "ws://127.0.0.1:4500";
/** Standard input and output. */
export const STDIO_ADDRESS = "stdio://";

/** Where it listens. Standard input and output have one name here, however they were written. */
export function addressesOf({ stdin, cwd }: CliContext, { listen = [] }: ServeOptions): readonly string[] {
  const fallback = stdin.isTTY ? PERSON_ADDRESS : STDIO_ADDRESS;
  const asked = listen.length === 0 ? [fallback] : listen;
  const addresses = asked.map((address) => (parseListenAddress(address).kind === "stdio" ? STDIO_ADDRESS : address));
  if (addresses.filter((address) => address === STDIO_ADDRESS).length > 1) {
    throw rejection("invalid_argument", "standard input can only be served once", { cwd });
  }
  return addresses;
}

/** Addresses that stand for all of a machine's: nobody else is reached by them. */
const WILDCARDS: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

/** Which node of a database it is. `invalid_argument` for a URL that isn't one. */
export function nodeOf(options: ServeOptions, listening: readonly string[]): StoreNode {
  const url = nodeUrlOf(options, listening);
  return { ...(url === undefined ? {} : { url }), ...(options.nodeId === undefined ? {} : { id: options.nodeId }) };
}

/** Where other nodes reach this one: as it was told, else where it listens first; undefined where they can't. `invalid_argument`. */
function nodeUrlOf({ nodeUrl }: ServeOptions, listening: readonly string[]): string | undefined {
  if (nodeUrl !== undefined) {
    if (isWebSocketUrl(nodeUrl)) return nodeUrl;
    throw rejection("invalid_argument", "--node-url is where other nodes connect: ws://HOST:PORT or wss://HOST");
  }
  return listening.find((address) => {
    const place = parseListenAddress(address);
    return place.kind === "ws" && !WILDCARDS.has(place.host);
  });
}
