/**
 * What `skein serve` says to a person when it is ready: where it listens, where the threads are, how to connect,
 * and how to have a real model answer.
 */
import type { Output } from "../output.ts";

/** What the screen tells. */
export interface ServeScreen {
  readonly addresses: readonly string[];
  readonly home: string;
  /** Where the threads are in place of the home, and what is acknowledged there. */
  readonly store?: { readonly place: string; readonly durability: string };
  readonly agent: string;
  readonly model: string;
  readonly hasToken: boolean;
  /** How the command is called on the same home and store: "skein", or "node bin/skein.mjs --home …" in a clone. */
  readonly command: string;
  /** How this one is called on them: "skein serve", or "npm start -- --home …". */
  readonly serveCommand: string;
}

/** The screen, lines ended. */
export function toServeScreen(screen: ServeScreen, output: Pick<Output, "paint">): string {
  const { addresses, home, store, agent, model, hasToken, command, serveCommand } = screen;
  const rows: (readonly [string, string])[] = [
    ...addresses.map((address, index) => [index === 0 ? "listens" : "", address] as const),
    ["home", home],
    ...(store === undefined
      ? []
      : ([
          ["store", store.place],
          ["durable", store.durability],
        ] as const)),
    ["agent", agent === "echo" ? "echo: answers offline with what was said" : `${agent}, model ${model}`],
    ...connectRows(addresses, hasToken),
  ];
  if (agent === "echo") rows.push(["a model", `OPENAI_API_KEY=… ${serveCommand} --agent responses --model gpt-5.1`]);
  rows.push(["threads", `${command} list`]);
  rows.push(["stop", "Ctrl-C: turns that run are interrupted and recorded; twice: at once"]);
  const lines = rows.map(([label, text]) => `  ${output.paint("dim", label.padEnd(9))} ${text}`);
  return `${output.paint("bold", "skein serves Codex's app-server protocol")}\n\n${lines.join("\n")}\n`;
}

function connectRows(addresses: readonly string[], hasToken: boolean): readonly (readonly [string, string])[] {
  const webSocket = addresses.find((address) => address.startsWith("ws://"));
  const [first = ""] = addresses;
  const toClient = (address: string, more = ""): string =>
    `connectClient({ address: "${address}"${more} })   from "skein/client"`;
  if (webSocket === undefined) return [["connect", toClient(first)]];
  // Listening everywhere is no place to connect to.
  const place = webSocket.replace(/^ws:\/\/(?:0\.0\.0\.0|\[::\]):/, "ws://127.0.0.1:");
  const auth = hasToken ? " --remote-auth-token-env SKEIN_TOKEN" : "";
  return [
    ["connect", toClient(place, hasToken ? ', token: "…"' : "")],
    ["", `codex --remote ${place}${auth}`],
    ["health", `curl ${place.replace("ws://", "http://")}/readyz`],
  ];
}
