/**
 * The command on a real terminal (a pty that Python opens): the prompt, answers as they stream, Ctrl-C,
 * Ctrl-D, colours and widths. Skipped where there is no Python to open one.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { type MockResponsesServer, startMockResponsesServer } from "../conformance/mock-responses-server.ts";
import { skeinArguments, skeinEnvironment } from "../support/skein-process.ts";
import { makeWorkplace, type SkeinWorkplace, type ThreadAnswer } from "./skein-workplace.ts";

/** Runs its arguments on a new terminal of 24 lines and 79 columns, and ends with their exit code. */
const OPEN_TERMINAL = `
import fcntl, os, pty, struct, sys, termios
def on_terminal(argv):
    pid, fd = pty.fork()
    if pid == 0:
        os.execvp(argv[0], argv)
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 79, 0, 0))
    pty._copy(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
sys.exit(on_terminal(sys.argv[1:]))
`;

const hasPython = spawnSync("python3", ["-c", "import pty"]).status === 0;
const CTRL_C = "\u0003";
const CTRL_D = "\u0004";

let place: SkeinWorkplace;
let model: MockResponsesServer;
beforeAll(async () => {
  place = makeWorkplace();
  model = await startMockResponsesServer();
});
afterAll(async () => {
  await model.close();
  place.remove();
});

/** A command on a terminal, with a hand on its keys. */
interface Terminal {
  /** Waits until the text has come up since the last wait. */
  see(text: string): Promise<string>;
  press(keys: string): void;
  /** What came up since the last wait. */
  rest(): string;
  end(): Promise<number | null>;
}

function onTerminal(args: readonly string[], env: Readonly<Record<string, string>> = {}): Terminal {
  const command = ["-c", OPEN_TERMINAL, process.execPath, ...skeinArguments(args)];
  const child: ChildProcess = spawn("python3", command, {
    cwd: place.cwd,
    env: skeinEnvironment({ TERM: "xterm", OPENAI_API_KEY: "any", ...env }),
    stdio: ["pipe", "pipe", "inherit"],
  });
  let screen = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (screen += text));
  const ended = once(child, "close") as Promise<[number | null]>;
  return {
    see: async (text) => {
      await expect.poll(() => screen, { timeout: 10_000 }).toContain(text);
      const end = screen.indexOf(text) + text.length;
      const seen = screen.slice(0, end);
      screen = screen.slice(end);
      return seen;
    },
    rest: () => screen,
    press: (keys) => void child.stdin?.write(keys),
    end: async () => (await ended)[0],
  };
}

describe.skipIf(!hasPython)("chat on a terminal (needs python3)", () => {
  it("prompts, answers, prompts again, and leaves by Ctrl-D with the thread's id", async () => {
    const terminal = onTerminal(["chat"]);
    await terminal.see("› ");
    terminal.press("hello there\r");
    await terminal.see("Echo: hello there\r\n");
    await terminal.see("› ");
    terminal.press(CTRL_D);
    await terminal.see("thread ");
    expect(await terminal.end()).toBe(0);
  });

  it("shows words before the answer is complete, interrupts the turn at Ctrl-C, and leaves at the next", async () => {
    const terminal = onTerminal(["chat", "--agent", "responses", "--base-url", model.baseUrl, "--model", "mock"]);
    await terminal.see("› ");
    terminal.press("{{hang}}\r");
    await terminal.see("begun ");
    terminal.press(CTRL_C);
    await terminal.see("(interrupted)");
    await terminal.see("› ");
    terminal.press("and now\r");
    await terminal.see("Echo: and now");
    await terminal.see("› ");
    terminal.press(CTRL_C);
    expect(await terminal.end()).toBe(0);
    const id = /\nthread ([0-9a-f-]{36})\r\n/.exec(terminal.rest())?.[1];
    const { thread } = await place.json<ThreadAnswer>(["show", String(id)]);
    expect(thread.turns.map(({ status }) => status)).toEqual(["interrupted", "completed"]);
  });

  it("steers what is typed while a turn runs into that turn", async () => {
    const asked = model.requests.length;
    const terminal = onTerminal(["chat", "--agent", "responses", "--base-url", model.baseUrl, "--model", "mock"]);
    await terminal.see("› ");
    terminal.press("{{pause:700}} first\r");
    await terminal.see("begun ");
    terminal.press("one more thing\r");
    await terminal.see("Echo: one more thing");
    await terminal.see("› ");
    terminal.press(CTRL_D);
    expect(await terminal.end()).toBe(0);
    const id = /\nthread ([0-9a-f-]{36})\r\n/.exec(terminal.rest())?.[1];
    const { thread } = await place.json<ThreadAnswer>(["show", String(id)]);
    expect(thread.turns.map(({ status }) => status)).toEqual(["completed"]);
    expect(model.requests.length - asked).toBe(2);
  });

  it("says why a turn failed and goes on", async () => {
    const terminal = onTerminal(["chat", "--agent", "responses", "--base-url", model.baseUrl, "--model", "mock"]);
    await terminal.see("› ");
    terminal.press("{{status:400}}\r");
    await terminal.see("the mock says 400");
    await terminal.see("› ");
    terminal.press(CTRL_D);
    expect(await terminal.end()).toBe(0);
  });
});

describe.skipIf(!hasPython)("search on a terminal (needs python3)", () => {
  it("shows the text around the match with the match in bold, cut to the width; no bold with NO_COLOR", async () => {
    await place.startThread(`${"before ".repeat(20)}the zebra ${"behind ".repeat(20)}`);
    const coloured = onTerminal(["search", "ZEBRA"]);
    const shown = await coloured.see("…\r\n    …");
    expect(shown).toContain("\u001b[36m");
    expect(await coloured.see("\u001b[22m")).toMatch(/before the \u001b\[1mzebra\u001b\[22m$/);
    await coloured.see("\r\n");
    expect(await coloured.end()).toBe(0);
    const plain = onTerminal(["search", "zebra"], { NO_COLOR: "1" });
    const lines = (await plain.see("the zebra behind")).split("\r\n");
    expect(lines.every((line) => line.length <= 79 && !line.includes("\u001b"))).toBe(true);
    await plain.end();
  });
});

describe.skipIf(!hasPython)("list on a terminal (needs python3)", () => {
  it("has a heading, colours, and rows cut to the width; no colours with NO_COLOR", async () => {
    await place.startThread("a first message that is far too long for a terminal of seventy-nine columns");
    const coloured = onTerminal(["list"]);
    const rows = await coloured.see("…\u001b[22m\r\n");
    expect(rows).toContain("NAME OR");
    expect(rows).toContain("\u001b[");
    expect(await coloured.end()).toBe(0);
    const plain = onTerminal(["list"], { NO_COLOR: "1" });
    expect(await plain.see("…\r\n")).not.toContain("\u001b[");
    expect(await plain.end()).toBe(0);
  });
});
