/**
 * Tells the demo's story: a headline for each step, and each event of a thread in plain words as it
 * happens. With `--json` the same as one object a line: `{step, title}`, `{says}` or `{event}`, where an
 * event is what the thread's feed gave.
 */
import type { Signal } from "../../actors/index.ts";
import type { RolloutRecord } from "../../events/index.ts";
import type { RuntimeThread } from "../../runtime/index.ts";
import type { FeedEvent } from "../../streams/index.ts";
import type { CliContext } from "../cli-context.ts";
import { toPlainText } from "../format/plain-text.ts";
import { type Style, toJsonLine } from "../output.ts";

/** Where the story is told. */
export interface Narrator {
  /** A headline; steps are numbered. */
  step(title: string): Promise<void>;
  /** A sentence of the story. */
  say(text: string, style?: Style): Promise<void>;
  /** Runs `work` and shows what happens in the thread; resolves when everything that was recorded is shown. */
  show<Result>(thread: RuntimeThread, work: () => Promise<Result>): Promise<Result>;
}

/** Makes the narrator of one demo. */
export function createNarrator({ out, json }: CliContext): Narrator {
  let steps = 0;
  const tell = async (event: FeedEvent<Signal>): Promise<void> => {
    if (json) {
      await out.write(`${toJsonLine({ event })}\n`);
      return;
    }
    const words = event.type === "record" ? recordWords(event.record) : signalWords(event.signal);
    if (words === undefined) return;
    const place = event.type === "record" ? `#${event.record.ordinal}` : "~";
    await out.write(`   ${out.paint("dim", place.padStart(4))}  ${words}\n`);
  };
  return {
    step: async (title): Promise<void> => {
      steps += 1;
      const headline = json ? toJsonLine({ step: steps, title }) : `\n${out.paint("bold", `${steps}. ${title}`)}`;
      await out.write(`${headline}\n`);
    },
    say: async (text, style): Promise<void> => {
      const line = json ? toJsonLine({ says: text }) : `   ${style === undefined ? text : out.paint(style, text)}`;
      await out.write(`${line}\n`);
    },
    show: (thread, work) => showWhile(thread, work, tell),
  };
}

/** Follows the thread from its end on, until all that `work` recorded was told. */
async function showWhile<Result>(
  thread: RuntimeThread,
  work: () => Promise<Result>,
  tell: (event: FeedEvent<Signal>) => Promise<void>,
): Promise<Result> {
  let told = thread.snapshot().nextOrdinal;
  const end = Promise.withResolvers<number>();
  const feed = thread.events({ from: told, signals: true })[Symbol.asyncIterator]();
  const telling = (async (): Promise<void> => {
    let last: number | undefined;
    void end.promise.then((ordinal) => {
      last = ordinal;
      // All was told before the work said that it is over: there is no event to wake up for.
      return told >= ordinal ? feed.return() : undefined;
    });
    for await (const event of feed) {
      await tell(event);
      if (event.type === "record") told = event.record.ordinal + 1;
      if (last !== undefined && told >= last) return;
    }
  })();
  try {
    return await work();
  } finally {
    end.resolve(thread.snapshot().nextOrdinal);
    await telling;
  }
}

/** A record in plain words; undefined for those that only matter to the machine. */
function recordWords(record: RolloutRecord): string | undefined {
  const { item } = record;
  if (item.type === "session_meta") return "the thread is on the disk now";
  if (item.type === "compacted") return "the model's context was replaced by a summary";
  if (item.type !== "event_msg") return undefined;
  const { payload } = item;
  switch (payload.type) {
    case "task_started":
      return "a turn began";
    case "user_message":
      return `you said: ${quoted(payload["message"])}`;
    case "agent_message":
      return `the agent said: ${quoted(payload["message"])}`;
    case "task_complete":
      return "the turn is complete";
    case "turn_aborted":
      return "the turn was interrupted";
    case "thread_rolled_back":
      return `rolled back by ${String(payload["num_turns"])} turn`;
    default:
      return undefined;
  }
}

function signalWords(signal: Signal): string | undefined {
  return signal.type === "text_delta" ? `words arrive: ${quoted(signal.delta)}` : undefined;
}

function quoted(text: unknown): string {
  return `"${toPlainText(String(text)).replaceAll("\n", " ⏎ ")}"`;
}
