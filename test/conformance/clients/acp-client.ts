/**
 * The Agent Client Protocol's adapter for Codex, which editors start: it spawns an app-server and turns its protocol
 * into theirs. Driven as an editor would, with one JSON message a line: a session, prompts, a list, a cancel, and a
 * second adapter that loads the session.
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { join } from "node:path";

import { systemClock } from "../../../src/base/index.ts";
import { type Message, messageOf } from "../app-server/transcript.ts";
import type { CheckReport } from "../check-report.ts";
import type { ClientPackages } from "./client-packages.ts";
import type { ClientStage } from "./client-stage.ts";

/** The package. */
export const ACP_CLIENT: ClientPackages = {
  name: "@agentclientprotocol/codex-acp",
  version: "2.6.0",
  beside: [],
};

const ANSWER_MS_MAX = 30_000;

/** Drives the server with it. */
export async function checkAcpClient(stage: ClientStage, folder: string, report: CheckReport): Promise<void> {
  const holds = (claim: string, condition: boolean, shown: unknown): void =>
    report.holds({ part: "clients", thread: ACP_CLIENT.name, claim }, condition, JSON.stringify(shown));
  const { cwd } = stage;
  const adapter = await AcpAdapter.start(stage, folder);
  let sessionId: unknown;
  try {
    const session = await adapter.request("session/new", { cwd, mcpServers: [] });
    sessionId = session["sessionId"];
    holds("a session starts", typeof sessionId === "string", session);
    const first = await adapter.prompt(sessionId, "[[say:a first answer]]");
    holds("a prompt's turn ends", first["stopReason"] === "end_turn", first);
    holds("its answer streams", adapter.said === "a first answer", adapter.said);
    const second = await adapter.prompt(sessionId, "second");
    holds("a second prompt's turn ends", second["stopReason"] === "end_turn", second);
    const hanging = adapter.prompt(sessionId, "[[hang]]");
    await adapter.untilSaid("partial ");
    adapter.notify("session/cancel", { sessionId });
    const cancelled = await hanging;
    holds("a cancelled prompt ends as cancelled", cancelled["stopReason"] === "cancelled", cancelled);
    const list = await adapter.request("session/list", {});
    holds("the session is listed", JSON.stringify(list).includes(String(sessionId)), list);
  } finally {
    await adapter.stop();
  }
  const another = await AcpAdapter.start(stage, folder);
  try {
    await another.request("session/load", { sessionId, cwd, mcpServers: [] });
    const isWhole = another.said.includes("a first answer") && another.said.includes("Echo: second");
    holds("another adapter loads the session with what was said", isWhole, another.said);
    const next = await another.prompt(sessionId, "[[say:and on]]");
    holds("a loaded session goes on", next["stopReason"] === "end_turn" && another.said === "and on", another.said);
  } finally {
    await another.stop();
  }
}

/** One adapter process. */
class AcpAdapter {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #pending = new Map<number, (answer: Message) => void>();
  readonly #watchers = new Set<() => void>();
  #lastId = 0;
  #buffered = "";
  #said = "";

  private constructor({ codexPath, home, env, cwd }: ClientStage, folder: string) {
    const program = join(folder, "node_modules", ACP_CLIENT.name, "dist/index.js");
    this.#child = spawn(process.execPath, [program], {
      cwd,
      env: { ...env, CODEX_PATH: codexPath, CODEX_HOME: home },
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#child.stdin.on("error", () => this.#failPending("its input is closed"));
    this.#child.once("exit", () => this.#failPending("it ended"));
    this.#child.stdout.setEncoding("utf8").on("data", (text: string) => this.#receive(text));
  }

  static async start(stage: ClientStage, folder: string): Promise<AcpAdapter> {
    const adapter = new AcpAdapter(stage, folder);
    const clientInfo = { name: "skein-conformance", version: "1.0.0" };
    await adapter.request("initialize", { protocolVersion: 1, clientCapabilities: {}, clientInfo });
    return adapter;
  }

  /** What the agent said since the last request. */
  get said(): string {
    return this.#said;
  }

  async request(method: string, params: object): Promise<Message> {
    this.#said = "";
    this.#lastId += 1;
    const id = this.#lastId;
    const answered = new Promise<Message>((resolve) => {
      const timer = systemClock.setTimer(ANSWER_MS_MAX, () => settle({ error: { message: "no answer in time" } }));
      const settle = (answer: Message): void => {
        timer.cancel();
        this.#pending.delete(id);
        resolve(answer);
      };
      this.#pending.set(id, settle);
    });
    this.#write({ jsonrpc: "2.0", id, method, params });
    const answer = await answered;
    if (answer["error"] !== undefined) throw new Error(`${method}: ${JSON.stringify(answer["error"])}`);
    return answer["result"] as Message;
  }

  prompt(sessionId: unknown, text: string): Promise<Message> {
    return this.request("session/prompt", { sessionId, prompt: [{ type: "text", text }] });
  }

  notify(method: string, params: object): void {
    this.#write({ jsonrpc: "2.0", method, params });
  }

  /** Until the agent has said so much of its answer, in a bounded time. */
  untilSaid(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = systemClock.setTimer(ANSWER_MS_MAX, () => finish(new Error(`it said ${this.#said}, not ${text}`)));
      const finish = (error?: Error): void => {
        timer.cancel();
        this.#watchers.delete(look);
        if (error === undefined) resolve();
        else reject(error);
      };
      const look = (): void => {
        if (this.#said.includes(text)) finish();
      };
      this.#watchers.add(look);
      look();
    });
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once("close", resolve));
    this.#child.stdin.end();
    const timer = systemClock.setTimer(ANSWER_MS_MAX, () => this.#child.kill("SIGKILL"));
    await ended;
    timer.cancel();
  }

  #write(message: Message): void {
    this.#child.stdin.write(`${JSON.stringify(message)}\n`);
  }

  #receive(text: string): void {
    const lines = (this.#buffered + text).split("\n");
    this.#buffered = lines.pop() ?? "";
    for (const line of lines) this.#take(messageOf(line) ?? {});
    for (const look of this.#watchers) look();
  }

  #take(message: Message): void {
    const { id, method } = message;
    if (method === undefined) this.#pending.get(Number(id))?.(message);
    else if (id !== undefined) this.#write({ jsonrpc: "2.0", id, error: { code: -32_601, message: "not here" } });
    else if (method === "session/update") this.#said += agentText(message["params"]);
  }

  #failPending(reason: string): void {
    for (const answer of this.#pending.values()) answer({ error: { message: reason } });
  }
}

function agentText(params: unknown): string {
  const { update } = (params ?? {}) as {
    readonly update?: { readonly sessionUpdate?: string; readonly content?: { readonly text?: string } };
  };
  return update?.sessionUpdate === "agent_message_chunk" ? (update.content?.text ?? "") : "";
}
