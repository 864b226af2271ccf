/**
 * Progress: quiet for a second, then a line that fits what is known, and gone at the end. The clock is
 * moved by hand, so the seconds cost nothing.
 */
import { PassThrough } from "node:stream";

import { describe, expect, it } from "vitest";

import { createOutput, type Output } from "../../src/cli/output.ts";
import { progressLine, startProgress } from "../../src/cli/progress-bar.ts";
import { createManualClock } from "../../src/testing/manual-clock.ts";

function terminal(isTTY: boolean): { readonly output: Output; said(): string } {
  const stream = Object.assign(new PassThrough(), { isTTY, columns: 100 });
  return { output: createOutput(stream, {}), said: () => drained(stream) };
}

/** All that was written since the last look; a read gives one chunk or all of them, by the version of Node. */
function drained(stream: PassThrough): string {
  let text = "";
  for (let chunk: unknown = stream.read(); chunk !== null; chunk = stream.read()) text += (chunk as Buffer).toString();
  return text;
}

describe("startProgress", () => {
  it("shows nothing for work that ends within a second", () => {
    const clock = createManualClock();
    const { output, said } = terminal(true);
    const progress = startProgress({ output, clock, label: "verify", isForced: false });
    progress.tell({ unit: "files", done: 1, total: 2 });
    clock.advance(999);
    progress.end();
    clock.advance(10_000);
    expect(said()).toBe("");
  });

  it("repaints one line on a terminal and takes it away", () => {
    const clock = createManualClock();
    const { output, said } = terminal(true);
    const progress = startProgress({ output, clock, label: "verify", isForced: false });
    progress.tell({ unit: "files", done: 10, total: 40, bytesDone: 25_000_000, bytesTotal: 100_000_000 });
    clock.advance(1_000);
    expect(said()).toBe("\r\u001b[2Kverify  [#####---------------]  10/40 files  25.0/100.0 MB  25.0 MB/s  3.0 s left");
    progress.end();
    expect(said()).toBe("\r\u001b[2K");
  });

  it("shows nothing where there is no terminal, unless it is asked to", () => {
    for (const isForced of [false, true]) {
      const clock = createManualClock();
      const { output, said } = terminal(false);
      const progress = startProgress({ output, clock, label: "list", isForced });
      clock.advance(2_000);
      progress.end();
      expect(said()).toBe(isForced ? "list  1.0 s\nlist  2.0 s\n" : "");
    }
  });
});

describe("progressLine", () => {
  it("says what is waited for in place of numbers, and goes on counting when there are some", () => {
    const clock = createManualClock();
    const { output, said } = terminal(false);
    const progress = startProgress({ output, clock, label: "fold", isForced: true });
    progress.say("waiting for process 12 on box: 120 of 2000 files");
    clock.advance(1_000);
    progress.tell({ unit: "files", done: 1, total: 2 });
    clock.advance(1_000);
    progress.end();
    const lines = [
      "waiting for process 12 on box: 120 of 2000 files  1.0 s",
      "[##########----------]  1/2 files  2.0 s left",
    ];
    expect(said()).toBe(lines.map((line) => `fold  ${line}\n`).join(""));
  });

  it("takes the rate and the time left from how long the counted work took, not from how long it was waited for", () => {
    const numbers = { unit: "files", done: 1, total: 2, bytesDone: 1_000_000, bytesTotal: 2_000_000, elapsedMs: 500 };
    expect(progressLine("fold", numbers, 30_000)).toBe(
      "fold  [##########----------]  1/2 files  1.0/2.0 MB  2.0 MB/s  500 ms left",
    );
  });

  it("leaves the bar away where no total is known", () => {
    expect(progressLine("show", { unit: "turns", done: 12 }, 1_500)).toBe("show  12 turns  1.5 s");
  });

  it("does not divide by nothing", () => {
    expect(progressLine("verify", { unit: "files", done: 0, total: 0, bytesDone: 0, bytesTotal: 0 }, 0)).toBe(
      "verify  0/0 files  0.0/0.0 MB  0.0 MB/s  0 ms",
    );
  });
});
