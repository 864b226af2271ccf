/**
 * Two providers of the Vercel AI SDK that drive a codex app-server, by different people: a prompt, a stream, a
 * message into a running turn, an interrupt, and in a second process a resume of the same thread.
 */
import { fileURLToPath } from "node:url";

import { openLocalThreadStore } from "../../../src/store/local/index.ts";
import { nodeTypeFlags } from "../../support/node-flags.ts";
import type { CheckReport } from "../check-report.ts";
import { runProgram } from "../run-program.ts";
import type { ClientPackages } from "./client-packages.ts";
import type { ClientStage } from "./client-stage.ts";

/** What `streamText` gave. */
interface StreamedAnswer {
  readonly text: string;
  readonly deltas: number;
  readonly finishReason?: string;
}

interface Visit {
  readonly first: string;
  readonly streamed: StreamedAnswer;
  readonly injected: StreamedAnswer;
  readonly interrupted: StreamedAnswer;
  readonly threadIds: readonly string[];
}

interface Resumed {
  readonly resumed: string;
  readonly threadId: string;
}

/** The two packages; `ai` is what they are providers for. */
export const AI_SDK_CLIENTS: readonly ClientPackages[] = [
  { name: "ai-sdk-provider-codex-app-server", version: "1.1.7", beside: ["ai@7.0.173", "zod@4.6.7"] },
  { name: "ai-sdk-provider-codex-cli", version: "2.2.1", beside: ["ai@7.0.173", "zod@4.6.7"] },
];

const CHILD = fileURLToPath(new URL("./ai-sdk-child.ts", import.meta.url));
const VISIT_MS_MAX = 60_000;
/** Two prompts, the one with the message that was added, the interrupted one, the resumed one. */
const TURNS = 5;

/** Drives the server with one of them. */
export async function checkAiSdkClient(
  stage: ClientStage,
  client: { readonly name: string; readonly folder: string },
  report: CheckReport,
): Promise<void> {
  const holds = (claim: string, condition: boolean, shown: unknown): void =>
    report.holds({ part: "clients", thread: client.name, claim }, condition, JSON.stringify(shown));
  const visit = (await runChild(stage, client)) as Visit;
  holds("a prompt is answered", visit.first.endsWith("first"), visit.first);
  holds("an answer streams", visit.streamed.deltas === 4, visit.streamed);
  holds("the streamed answer is whole", visit.streamed.text === "a streamed answer", visit.streamed);
  const added = "a long answer and what was added";
  holds("a message into a running turn is answered in it", visit.injected.text === added, visit.injected);
  holds("an interrupted turn ends the stream", visit.interrupted.finishReason !== undefined, visit.interrupted);
  holds("all of it is one thread", visit.threadIds.length === 1, visit.threadIds);
  const [threadId = ""] = visit.threadIds;
  const resumed = (await runChild(stage, client, threadId)) as Resumed;
  holds("another process resumes the thread", resumed.threadId === threadId, resumed);
  holds("a resumed thread goes on", resumed.resumed.endsWith("after a resume"), resumed);
  const turns = await storedTurns(stage, threadId);
  holds("every turn is stored", turns.length === TURNS, turns);
  holds("the interrupted turn is stored as interrupted", turns[3] === "interrupted", turns);
}

async function storedTurns({ home }: ClientStage, threadId: string): Promise<readonly string[]> {
  const store = await openLocalThreadStore({ home });
  try {
    const { data } = await store.listTurns({ threadId, itemsView: "notLoaded", sortDirection: "asc", limit: 100 });
    return data.map(({ status }) => status);
  } finally {
    await store.close();
  }
}

async function runChild(
  { codexPath, cwd, env }: ClientStage,
  client: { readonly name: string; readonly folder: string },
  resume?: string,
): Promise<unknown> {
  const args = [...nodeTypeFlags(), CHILD, client.folder, client.name, codexPath, cwd];
  const { failed, output } = await runProgram(process.execPath, resume === undefined ? args : [...args, resume], {
    timeoutMs: VISIT_MS_MAX,
    env,
  });
  if (failed) throw new Error(`the client failed: ${output.slice(0, 2_000)}`);
  return JSON.parse(output.trim().split("\n").at(-1) ?? "");
}
