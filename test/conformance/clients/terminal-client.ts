/**
 * The peer's own terminal program, connected to our server by WebSocket: it starts a thread, takes two messages and
 * shows the answers; started again it finds the thread, shows it, and goes on. It needs a terminal, which the
 * `script` program makes; its questions to the terminal are answered here.
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import { systemClock } from "../../../src/base/index.ts";
import type { CheckReport } from "../check-report.ts";
import { peerEnvironment, writeCodexConfig } from "../codex-peer.ts";
import { runProgram } from "../run-program.ts";
import type { ClientStage } from "./client-stage.ts";
import { serveAtPort } from "./served-port.ts";

const NAME = "codex --remote";
const SHOWN_MS_MAX = 30_000;
const END_MS_MAX = 10_000;
const VERSION_MS_MAX = 10_000;
const SCREEN_CHARS_MAX = 2_000_000;

/** What the terminal answers when it is asked: where its cursor is, what it is, its colours. */
const TERMINAL_ANSWERS: readonly (readonly [question: string, answer: string])[] = [
  ["\u001B[6n", "\u001B[1;1R"],
  ["\u001B[c", "\u001B[?62;c"],
  ["\u001B]10;?", "\u001B]10;rgb:ffff/ffff/ffff\u001B\\"],
  ["\u001B]11;?", "\u001B]11;rgb:0000/0000/0000\u001B\\"],
];

/** Why there is no terminal here; null when there is. */
export async function missingTerminal(): Promise<string | null> {
  const version = await runProgram("script", ["--version"], { timeoutMs: VERSION_MS_MAX });
  return version.output.includes("util-linux") ? null : "there is no `script` of util-linux to make a terminal";
}

/** Drives the server with it. `program` is the peer's. */
export async function checkTerminalClient(stage: ClientStage, program: string, report: CheckReport): Promise<void> {
  const holds = (claim: string, condition: boolean, shown: string): void =>
    report.holds({ part: "clients", thread: NAME, claim }, condition, shown.slice(-1_500));
  await serveAtPort(stage, async (address) => {
    const ownHome = join(stage.home, "..", "terminal-home");
    await mkdir(ownHome, { recursive: true });
    await writeCodexConfig(ownHome, stage.model.baseUrl);
    const open = (words: readonly string[]): Terminal => {
      const command = ["stty rows 40 cols 120;", "exec", `'${program}'`, ...words, "--remote", address].join(" ");
      return new Terminal(command, { cwd: stage.cwd, env: { ...peerEnvironment(ownHome), TERM: "xterm-256color" } });
    };
    const first = open([]);
    try {
      await first.untilReady();
      holds("it connects", await first.says("hello there", "Echo: hello there"), first.screen);
      holds("it goes on", await first.says("a second message", "Echo: a second message"), first.screen);
    } finally {
      await first.leave();
    }
    const again = open(["resume", "--last"]);
    try {
      const isShown = await again.untilShown("Echo: a second message");
      holds("started again it shows what was said", isShown, again.screen);
      await again.untilReady();
      holds("a resumed thread goes on", await again.says("and a third", "Echo: and a third"), again.screen);
    } finally {
      await again.leave();
    }
  });
}

/** A program in a terminal. */
class Terminal {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #watchers = new Set<() => void>();
  #screen = "";
  #unanswered = "";

  constructor(command: string, place: { readonly cwd: string; readonly env: NodeJS.ProcessEnv }) {
    this.#child = spawn("script", ["-qec", command, "/dev/null"], { ...place, stdio: ["pipe", "pipe", "pipe"] });
    this.#child.stdin.on("error", (error) => (this.#screen += error.message));
    this.#child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.#answer(text);
      this.#screen = (this.#screen + text).slice(-SCREEN_CHARS_MAX);
      for (const look of this.#watchers) look();
    });
  }

  /** What was written to it, without its controls. */
  get screen(): string {
    // The text of a line is written in pieces around controls that move the cursor.
    return this.#screen.replaceAll(/\u001B\[[0-9;?]*[a-zA-Z]/g, "");
  }

  /** Types a message, and waits for what it is answered with. */
  async says(message: string, answer: string): Promise<boolean> {
    this.#child.stdin.write(message);
    if (!(await this.untilShown(message))) return false;
    this.#child.stdin.write("\r");
    return this.untilShown(answer);
  }

  /** Until there is a place to type in. */
  async untilReady(): Promise<void> {
    await this.untilShown("›");
  }

  untilShown(text: string): Promise<boolean> {
    return new Promise((resolve) => {
      const finish = (isShown: boolean): void => {
        timer.cancel();
        this.#watchers.delete(look);
        resolve(isShown);
      };
      const look = (): void => {
        if (this.screen.includes(text)) finish(true);
      };
      const timer = systemClock.setTimer(SHOWN_MS_MAX, () => finish(false));
      this.#watchers.add(look);
      look();
    });
  }

  /** Ends it as a person does. */
  async leave(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once("close", resolve));
    this.#child.stdin.write("\u0003");
    const again = systemClock.setTimer(1_000, () => this.#child.stdin.write("\u0003"));
    const kill = systemClock.setTimer(END_MS_MAX, () => this.#child.kill("SIGKILL"));
    await ended;
    again.cancel();
    kill.cancel();
  }

  #answer(text: string): void {
    this.#unanswered += text;
    for (const [question, answer] of TERMINAL_ANSWERS) {
      if (!this.#unanswered.includes(question)) continue;
      this.#child.stdin.write(answer);
      this.#unanswered = this.#unanswered.replaceAll(question, "");
    }
    this.#unanswered = this.#unanswered.slice(-16);
  }
}
