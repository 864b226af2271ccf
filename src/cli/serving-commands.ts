/**
 * The part of the command line that serves: threads to clients (`serve`), the store itself to programs on other
 * machines (`serve-store`), and the protocol's description (`schema`).
 */
import type { Command, Option } from "commander";

import { fromEnv } from "./env-option.ts";
import type { Register } from "./move-commands.ts";

const SERVE_HELP = `
Without --listen a terminal is served at ws://127.0.0.1:4500, and a program that started this by standard input and output.
Several addresses, or origins, in one variable are divided by commas.

From the environment alone: SKEIN_TOKEN (what clients of ws:// must send; needed where other machines can connect),
OPENAI_API_KEY (the endpoint's key).`;

const SERVE_STORE_HELP = `
From the environment alone: SKEIN_TOKEN (what clients must send, by their SKEIN_STORE_TOKEN; needed where other machines
can connect).`;

/** Declares the commands that serve. Each option of `serve` has its environment variable, for whoever starts it can't always add arguments. */
export function addServingCommands(program: Command, register: Register): void {
  register(
    program
      .command("serve")
      .description("serve the threads to clients of Codex's app-server protocol, and of skein/client")
      .addOption(
        fromEnv(
          "SKEIN_LISTEN",
          "--listen <address>",
          "stdio://, unix://PATH or ws://HOST:PORT; may be repeated",
        ).argParser(collectAddresses),
      )
      .addOption(fromEnv("SKEIN_AGENT", "--agent <name>", "who answers").choices(["echo", "responses"]).default("echo"))
      .addOption(fromEnv("SKEIN_MODEL", "--model <name>", "the model to ask (responses)"))
      .addOption(fromEnv("SKEIN_BASE_URL", "--base-url <url>", "an OpenAI-compatible endpoint (responses)"))
      .addOption(
        fromEnv("SKEIN_PROVIDER", "--provider <name>", "what threads record as their model provider (responses)"),
      )
      .addOption(
        fromEnv(
          "SKEIN_ALLOW_ORIGIN",
          "--allow-origin <origin>",
          "a browser page's origin that may connect by WebSocket; may be repeated",
        ).argParser(collectOrigins),
      )
      .addOption(
        fromEnv(
          "SKEIN_NODE_URL",
          "--node-url <url>",
          "where other nodes of one database reach this one (default: the first ws:// address)",
        ),
      )
      .addOption(nodeIdOption())
      .addHelpText("after", SERVE_HELP),
    async () => (await import("./commands/serve-command.ts")).runServe,
  );
  register(
    program
      .command("serve-store")
      .description("serve the store itself by gRPC, to programs and commands with --store remote:URL")
      .option("--listen <place>", "HOST:PORT (default 127.0.0.1:4600)")
      .option("--tls-cert <file>", "certificate, PEM; with --tls-key the connection is encrypted")
      .option("--tls-key <file>", "its key, PEM")
      .addOption(nodeIdOption())
      .addHelpText("after", SERVE_STORE_HELP),
    async () => (await import("./commands/serve-store-command.ts")).runServeStore,
  );
  register(
    program.command("schema").description("print the protocol that serve speaks, as JSON Schema"),
    async () => (await import("./commands/schema-command.ts")).runSchema,
  );
}

function nodeIdOption(): Option {
  const what = "this node's own name in a database: started again with it, it has its threads back at once";
  return fromEnv("SKEIN_NODE_ID", "--node-id <name>", what);
}

/** A comma divides addresses only where another one begins: the path of a socket may have some. */
function collectAddresses(value: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, ...value.split(/\s*,\s*(?=[a-z]+:\/\/)/i)];
}

function collectOrigins(value: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, ...value.split(/\s*,\s*/)];
}
