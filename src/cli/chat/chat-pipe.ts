/**
 * chat on a pipe: every line of standard input is a turn, its answer goes to standard output when the
 * turn is recorded as ended. The next line is only read then, so a slow agent holds nothing up but the
 * writer of the pipe. The first turn that does not complete ends it: what follows was meant for its answer.
 */
import type { StartedTurn } from "../../actors/index.ts";
import type { RuntimeThread } from "../../runtime/index.ts";
import type { CliContext } from "../cli-context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { readLines } from "../line-reader.ts";
import { toJsonLine } from "../output.ts";
import { agentFailure, answerText, interruptTurn } from "./turn-answer.ts";

/** Runs a turn for each line, until the input ends or a turn does not complete. */
export async function talkOnPipe(context: CliContext, thread: RuntimeThread): Promise<ExitCode> {
  const interruption = new AbortController();
  let running: StartedTurn | undefined;
  // Settled later, by whoever waits for the turn: a promise that rejects unwatched would end the process.
  let interrupted: Promise<PromiseSettledResult<void>[]> | undefined;
  const release = context.onInterrupt(() => {
    interruption.abort();
    if (running === undefined) context.stdin.destroy();
    else interrupted = Promise.allSettled([interruptTurn(thread, running.turnId)]);
  });
  try {
    for await (const line of readLines(context.stdin)) {
      if (line.trim() === "") continue;
      running = await thread.startTurn(line);
      // The interrupt may have come while the turn was being accepted.
      if (interruption.signal.aborted) await interruptTurn(thread, running.turnId);
      const turn = await running.completed;
      for (const result of (await interrupted) ?? []) {
        if (result.status === "rejected") throw result.reason;
      }
      running = undefined;
      const answer = context.json ? toJsonLine({ threadId: thread.id, turn }) : answerText(turn);
      if (answer !== "") await context.out.write(`${answer}\n`);
      if (turn.status === "failed") throw agentFailure(thread.id, turn);
      if (interruption.signal.aborted) break;
    }
  } finally {
    release();
  }
  return interruption.signal.aborted ? EXIT.interrupted : EXIT.ok;
}
