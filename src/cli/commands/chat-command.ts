/**
 * `skein chat`: talk to an agent, in a new thread or in one that is there. A thread appears in the home
 * with its first turn; its id is said on standard error at the end, however the chat ended.
 */
import { type Agent, echoAgent } from "../../actors/index.ts";
import { rejection } from "../../base/index.ts";
import type { Runtime, RuntimeThread } from "../../runtime/index.ts";
import { type CliContext, note } from "../cli-context.ts";
import type { ExitCode } from "../exit-codes.ts";
import { withRuntime } from "../open-home.ts";
import { resolveThreadId } from "../resolve-thread-id.ts";

interface ChatOptions {
  readonly id?: string;
  readonly last?: boolean;
  readonly agent: "echo" | "responses";
  readonly model?: string;
  readonly baseUrl?: string;
}

/** Chats until the input ends or the person leaves. */
export async function runChat(context: CliContext, options: ChatOptions): Promise<ExitCode> {
  if (options.id !== undefined && options.last === true) {
    throw rejection("invalid_argument", "give an id, or --last: one of the two");
  }
  const agent = await makeAgent(context, options);
  return withRuntime(context, { agent, mayMakeHome: true }, async (runtime) => {
    const thread = await openThread(context, runtime, options);
    try {
      if (context.stdin.isTTY) {
        const { talkOnTerminal } = await import("../chat/chat-terminal.ts");
        return await talkOnTerminal(context, thread);
      }
      const { talkOnPipe } = await import("../chat/chat-pipe.ts");
      return await talkOnPipe(context, thread);
    } finally {
      await sayWhichThread(context, thread);
    }
  });
}

async function makeAgent(context: CliContext, options: ChatOptions): Promise<Agent> {
  const { model, baseUrl } = options;
  if (options.agent === "echo") {
    if (model !== undefined || baseUrl !== undefined) {
      throw rejection("invalid_argument", "--model and --base-url are for --agent responses");
    }
    return echoAgent({ clock: context.clock });
  }
  const { responsesAgent } = await import("../../actors/index.ts");
  // The key comes from OPENAI_API_KEY alone: an argument would be readable in every process list.
  return responsesAgent({
    clock: context.clock,
    ...(model === undefined ? {} : { model }),
    ...(baseUrl === undefined ? {} : { baseUrl }),
  });
}

async function openThread(context: CliContext, runtime: Runtime, options: ChatOptions): Promise<RuntimeThread> {
  if (options.last === true) {
    const { data } = await runtime.listThreads({ sortKey: "updated_at", limit: 1 });
    const [newest] = data;
    if (newest === undefined) throw rejection("thread_not_found", "there is no thread yet to go on with");
    return runtime.resumeThread(newest.id);
  }
  if (options.id === undefined) return runtime.startThread();
  return runtime.resumeThread(await resolveThreadId(context, runtime.store, options.id));
}

async function sayWhichThread(context: CliContext, thread: RuntimeThread): Promise<void> {
  const { turns } = thread.snapshot().thread;
  const isKept = turns.length > 0;
  await note(context, isKept ? `thread ${thread.id}` : "nothing was said, so no thread was kept");
}
