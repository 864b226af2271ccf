/**
 * One visit of an AI SDK provider to an app-server, in a process of its own, as a program that uses it would be:
 * what came of each step goes to standard output as one line of JSON.
 *
 *   ai-sdk-child.ts FOLDER PACKAGE CODEX CWD [THREAD]
 *
 * Without a thread it starts one, streams, adds a message to a running turn and interrupts; with one it resumes.
 * The model takes its time in all of them: one of the packages listens to a turn only after its start was answered,
 * and never hears what came in the same read.
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** What is used of the packages, which have types of their own elsewhere. */
interface Session {
  readonly threadId: string;
  injectMessage(text: string): Promise<void>;
  interrupt(): Promise<void>;
}

interface StreamPart {
  readonly type: string;
  readonly finishReason?: string;
}

interface Sdk {
  generateText(call: object): Promise<{ readonly text: string; readonly usage: { readonly totalTokens?: number } }>;
  streamText(call: object): { readonly fullStream: AsyncIterable<StreamPart>; readonly text: PromiseLike<string> };
}

interface ProviderPackage {
  createCodexAppServer(options: object): (model: string) => unknown;
}

const [folder = "", packageName = "", codexPath = "", cwd = "", resume] = process.argv.slice(2);
const { generateText, streamText } = (await load("ai")) as Sdk;
const { createCodexAppServer } = (await load(packageName)) as ProviderPackage;

/** Both packages are modules with one face; their own folder is not above this file, so they are found by path. */
async function load(name: string): Promise<unknown> {
  return import(pathToFileURL(join(folder, "node_modules", name, "dist/index.js")).href);
}

const SLOWLY = "[[slow:100]]";
const sessions: Session[] = [];
const provider = createCodexAppServer({
  defaultSettings: {
    codexPath,
    cwd,
    threadMode: "persistent",
    logger: false,
    onSessionCreated: (session: Session) => sessions.push(session),
    ...(packageName.endsWith("-cli") ? { minCodexVersion: "0.130.0" } : {}),
    ...(resume === undefined ? {} : { resume }),
  },
});
const model = provider("mock-model");

function newestSession(): Session {
  const session = sessions.at(-1);
  if (session === undefined) throw new Error("the provider told of no session");
  return session;
}

/** Streams an answer; `during` runs once its first text is there. */
async function stream(prompt: string, during?: (session: Session) => Promise<void>): Promise<object> {
  const answer = streamText({ model, prompt });
  const counts: Record<string, number> = {};
  let finishReason: string | undefined;
  for await (const part of answer.fullStream) {
    counts[part.type] = (counts[part.type] ?? 0) + 1;
    if (part.type === "text-delta" && counts["text-delta"] === 1) await during?.(newestSession());
    if (part.type === "finish") finishReason = part.finishReason;
  }
  return { text: await answer.text, deltas: counts["text-delta"] ?? 0, finishReason };
}

async function visit(): Promise<object> {
  if (resume !== undefined) {
    const { text } = await generateText({ model, prompt: `${SLOWLY} after a resume` });
    return { resumed: text, threadId: newestSession().threadId };
  }
  const first = await generateText({ model, prompt: `${SLOWLY} first` });
  const streamed = await stream(`${SLOWLY} [[say:a streamed answer]]`);
  const injected = await stream("[[slow:300]] [[say:a long answer]]", (session) =>
    session.injectMessage("[[say: and what was added]]"),
  );
  const interrupted = await stream(`${SLOWLY} [[hang]]`, (session) => session.interrupt());
  const threadIds = [...new Set(sessions.map(({ threadId }) => threadId))];
  return { first: first.text, tokens: first.usage.totalTokens, streamed, injected, interrupted, threadIds };
}

process.stdout.write(`${JSON.stringify(await visit())}\n`, () => process.exit(0));
