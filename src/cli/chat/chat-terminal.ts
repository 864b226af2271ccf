/**
 * chat on a terminal: a prompt, answers as they stream, Ctrl-C for the running turn and a second one
 * (or one at the prompt, or Ctrl-D) to leave. What is typed while a turn runs is steered into it; where
 * the turn takes nothing more, it becomes the next turn.
 *
 * The prompt is written to standard error, so that standard output holds the answers and nothing else.
 */
import { createInterface, type Interface } from "node:readline";

import type { StartedTurn } from "../../actors/index.ts";
import { isSkeinError } from "../../base/index.ts";
import type { RuntimeThread } from "../../runtime/index.ts";
import { type CliContext, note } from "../cli-context.ts";
import { reportError } from "../error-report.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { type ChatDisplay, openChatDisplay } from "./chat-display.ts";
import { interruptTurn } from "./turn-answer.ts";

/** Lines typed ahead that are kept; a person types no more than a few. */
const TYPED_AHEAD_MAX = 64;

/** Talks until the person leaves. */
export async function talkOnTerminal(context: CliContext, thread: RuntimeThread): Promise<ExitCode> {
  const display = openChatDisplay(thread, context.out);
  const terminal = createInterface({
    input: context.stdin,
    output: context.promptOutput,
    prompt: "› ",
    terminal: true,
  });
  const talk: Talk = {
    context,
    thread,
    display,
    terminal,
    typed: [],
    running: undefined,
    failure: undefined,
    hasLeft: false,
    wake: () => {},
  };
  const failed = (error: unknown): void => {
    talk.failure ??= { error };
    terminal.close();
  };
  terminal.on("line", (line) => void takeLine(talk, line).catch(failed));
  terminal.on("SIGINT", () => void takeInterrupt(talk).catch(failed));
  terminal.on("close", () => leave(talk));
  try {
    await note(context, "Ctrl-C interrupts a turn, Ctrl-D leaves.");
    for (let line = await nextLine(talk); line !== undefined; line = await nextLine(talk)) {
      await runTurn(talk, line);
    }
    // The prompt stands there without a line end; what is said next begins on a line of its own.
    await note(context, "");
    if (talk.failure !== undefined) throw talk.failure.error;
    return EXIT.ok;
  } finally {
    terminal.close();
    await display.close();
  }
}

/** What the conversation is at. */
interface Talk {
  readonly context: CliContext;
  readonly thread: RuntimeThread;
  readonly display: ChatDisplay;
  readonly terminal: Interface;
  /** Lines that wait to become turns. */
  readonly typed: string[];
  running: { readonly turn: StartedTurn; isInterrupted: boolean } | undefined;
  /** What went wrong while a key was handled; ends the chat. */
  failure: { readonly error: unknown } | undefined;
  hasLeft: boolean;
  /** Tells `nextLine` that there is something new. */
  wake: () => void;
}

async function nextLine(talk: Talk): Promise<string | undefined> {
  if (talk.typed.length === 0 && !talk.hasLeft) {
    talk.terminal.prompt();
    await new Promise<void>((resolve) => {
      talk.wake = resolve;
    });
  }
  // What was typed before Ctrl-D is still answered; Ctrl-C at the prompt drops it.
  return talk.typed.shift();
}

async function runTurn(talk: Talk, line: string): Promise<void> {
  const { context, thread, display } = talk;
  try {
    const turn = await thread.startTurn(line);
    talk.running = { turn, isInterrupted: false };
    await turn.completed;
    await display.shown(turn.turnId);
  } catch (error) {
    // A refused line is said and forgotten: the conversation goes on.
    if (!isSkeinError(error) || error.kind !== "rejection") throw error;
    await context.err.write(reportError(error, { json: false }).text);
  } finally {
    talk.running = undefined;
  }
}

async function takeLine(talk: Talk, line: string): Promise<void> {
  if (line.trim() === "") {
    if (talk.running === undefined) talk.terminal.prompt();
    return;
  }
  if (talk.running !== undefined && (await isSteered(talk, line))) return;
  if (talk.typed.length < TYPED_AHEAD_MAX) talk.typed.push(line);
  talk.wake();
}

/** Whether the running turn took the line. */
async function isSteered(talk: Talk, line: string): Promise<boolean> {
  const turnId = talk.running?.turn.turnId;
  if (turnId === undefined) return false;
  try {
    await talk.thread.steer(turnId, line);
    return true;
  } catch (error) {
    // It ended meanwhile, or takes nothing (a review): the line becomes a turn, where any real fault shows.
    if (isSkeinError(error)) return false;
    throw error;
  }
}

async function takeInterrupt(talk: Talk): Promise<void> {
  const { running } = talk;
  if (running === undefined || running.isInterrupted) {
    talk.typed.length = 0;
    talk.terminal.close();
    return;
  }
  running.isInterrupted = true;
  await interruptTurn(talk.thread, running.turn.turnId);
}

function leave(talk: Talk): void {
  talk.hasLeft = true;
  talk.wake();
}
