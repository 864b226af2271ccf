/**
 * The peer's command line on a home that our server wrote: `codex exec resume` finds the thread and goes on with it,
 * the peer's app-server lists it, and our server reads what was added.
 */
import { AppServerProcess } from "../app-server/app-server-process.ts";
import type { Message } from "../app-server/transcript.ts";
import type { CheckReport } from "../check-report.ts";
import { peerEnvironment } from "../codex-peer.ts";
import { runProgram } from "../run-program.ts";
import type { ClientStage } from "./client-stage.ts";

const NAME = "codex exec resume";
const ANSWER_MS_MAX = 30_000;
const EXEC_MS_MAX = 60_000;
const CLIENT = { clientInfo: { name: "skein-conformance", version: "1.0.0" }, capabilities: { experimentalApi: true } };

/** Writes a thread by our server, goes on with it by the peer, and reads it by both. */
export async function checkPeerTooling(stage: ClientStage, program: string, report: CheckReport): Promise<void> {
  const holds = (claim: string, condition: boolean, shown: unknown): void =>
    report.holds({ part: "clients", thread: NAME, claim }, condition, JSON.stringify(shown));
  const env = peerEnvironment(stage.home);
  const threadId = await withServer(skeinCommand(stage), async (server) => {
    const started = await server.request("thread/start", { cwd: stage.cwd }, ANSWER_MS_MAX);
    const { id } = (started["result"] as { readonly thread: { readonly id: string } }).thread;
    await runTurn(server, id, "said to Skein");
    return id;
  });
  const args = ["exec", "resume", "--skip-git-repo-check", threadId, "said to Codex"];
  const went = await runProgram(program, args, { timeoutMs: EXEC_MS_MAX, cwd: stage.cwd, env });
  holds("it goes on with the thread", !went.failed && went.output.includes("Echo: said to Codex"), went.output);
  const codex = { program, args: ["app-server"], cwd: stage.cwd, env };
  const listed = await withServer(codex, (server) => server.request("thread/list", {}, ANSWER_MS_MAX));
  holds("the peer's app-server lists it", JSON.stringify(listed).includes(threadId), listed);
  const read = await withServer(skeinCommand(stage), async (server) => {
    await server.request("thread/resume", { threadId }, ANSWER_MS_MAX);
    await runTurn(server, threadId, "said to Skein again");
    return server.request("thread/read", { threadId, includeTurns: true }, ANSWER_MS_MAX);
  });
  const texts = JSON.stringify(read);
  const said = ["Echo: said to Skein", "Echo: said to Codex", "Echo: said to Skein again"];
  holds(
    "our server reads what both said, and goes on",
    said.every((text) => texts.includes(`"${text}"`)),
    read,
  );
}

type ServerCommand = ConstructorParameters<typeof AppServerProcess>[0];

function skeinCommand({ codexPath, cwd, env }: ClientStage): ServerCommand {
  return { program: codexPath, args: [], cwd, env };
}

async function withServer<Result>(
  command: ServerCommand,
  visit: (server: Visited) => Promise<Result>,
): Promise<Result> {
  const received: Message[] = [];
  const server = new AppServerProcess(command, { sent: () => {}, received: (message) => received.push(message) });
  try {
    await server.request("initialize", CLIENT, ANSWER_MS_MAX);
    return await visit({
      request: (method, params, timeoutMs) => server.request(method, params, timeoutMs),
      untilReceived: (fits) => server.waitUntil(() => received.some(fits), ANSWER_MS_MAX),
    });
  } finally {
    await server.close();
  }
}

interface Visited {
  request(method: string, params: object, timeoutMs: number): Promise<Message>;
  untilReceived(fits: (message: Message) => boolean): Promise<boolean>;
}

async function runTurn(server: Visited, threadId: string, text: string): Promise<void> {
  const input = [{ type: "text", text, text_elements: [] }];
  const answer = await server.request("turn/start", { threadId, input }, ANSWER_MS_MAX);
  const turn = (answer["result"] as { readonly turn?: { readonly id?: unknown } } | undefined)?.turn;
  await server.untilReceived(({ method, params }) => {
    const ended = (params as { readonly turn?: { readonly id?: unknown } } | undefined)?.turn;
    return method === "turn/completed" && ended?.id === turn?.id;
  });
}
