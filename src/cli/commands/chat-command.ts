/**
 * `skein chat`: talk to an agent, in a new thread or in one that is there. A thread appears in the home
 * with its first turn; its id is said on standard error at the end, however the chat ended.
 */
import { echoAgent, responsesAgent, type TurnOptions } from "../../actors/index.ts";
import type { Runtime, RuntimeThread } from "../../runtime/index.ts";
import type { StoredThread } from "../../store/index.ts";
import { type AgentChoice, makeAgent } from "../agent-choice.ts";
import { type CliContext, note } from "../cli-context.ts";
import type { ExitCode } from "../exit-codes.ts";
import { withRuntime } from "../open-home.ts";
import { chooseThread, type ThreadChoice } from "../resolve-thread-id.ts";

interface ChatOptions extends ThreadChoice, AgentChoice {}

/** Chats until the input ends or the person leaves. */
export async function runChat(context: CliContext, options: ChatOptions): Promise<ExitCode> {
  const agent = makeAgent(context, options);
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

async function openThread(context: CliContext, runtime: Runtime, options: ChatOptions): Promise<RuntimeThread> {
  if (options.id === undefined && options.last !== true) return await runtime.startThread();
  const threadId = await chooseThread(context, runtime.store, options);
  return await runtime.resumeThread(threadId, settingsFor(await runtime.store.readThread({ threadId }), options));
}

/** A thread goes on with its own model, unless another one is asked for or its own is no model at all. */
function settingsFor(stored: StoredThread, { agent, model }: ChatOptions): TurnOptions {
  if (model !== undefined) return { model };
  const wasEcho = stored.model === echoAgent().defaultModel;
  return agent === "responses" && wasEcho ? { model: responsesAgent().defaultModel } : {};
}

async function sayWhichThread(context: CliContext, thread: RuntimeThread): Promise<void> {
  const { turns } = thread.snapshot().thread;
  const isKept = turns.length > 0;
  await note(context, isKept ? `thread ${thread.id}` : "nothing was said, so no thread was kept");
}
