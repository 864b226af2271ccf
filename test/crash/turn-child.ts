/**
 * The process that is killed while it runs turns: it says every record of its feeds, every turn that was
 * accepted, every item and turn it was told to be completed, as it hears of them. It never ends by itself.
 *
 * `turn-child.ts HOME SEED DURABILITY`
 */
import { writeSync } from "node:fs";

import { openRuntime, type RuntimeThread } from "../../src/runtime/index.ts";
import { createRandom } from "./crash-reports.ts";
import type { TurnReport } from "./turn-reports.ts";

const [home = "", seedText = "0", durability = "fsync"] = process.argv.slice(2);
const random = createRandom(Number(seedText));
const runtime = await openRuntime({ home, durability: durability === "os" ? "os" : "fsync" });
const WORKERS = 3;

function say(report: TurnReport): void {
  writeSync(1, `${JSON.stringify(report)}\n`);
}

/** Tells what the thread's feed tells, until this process dies. */
async function tellFeed(thread: RuntimeThread): Promise<void> {
  const threadId = thread.id;
  for await (const event of thread.events({ signals: true })) {
    if (event.type === "record") {
      say({ what: "record", threadId, ordinal: event.record.ordinal, type: event.record.item.type });
      continue;
    }
    const { signal } = event;
    if (signal.type === "turn_started") say({ what: "turn", threadId, turnId: signal.turnId, status: null });
    else if (signal.type === "turn_completed") {
      say({ what: "turn", threadId, turnId: signal.turn.id, status: signal.turn.status });
    } else if (signal.type === "item_completed" && signal.item.type === "agentMessage") {
      say({ what: "item", threadId, turnId: signal.turnId, text: signal.item.text });
    }
  }
}

async function runTurns(thread: RuntimeThread): Promise<void> {
  const threadId = thread.id;
  for (let n = 0; n < 8; n += 1) {
    const { turnId, completed } = await thread.startTurn(
      `${seedText} ${n} ${"é".repeat(Math.floor(random() * 3_000))}`,
    );
    say({ what: "turn", threadId, turnId, status: null });
    if (random() < 0.2) await thread.interrupt(turnId).catch(() => undefined);
    const turn = await completed;
    say({ what: "turn", threadId, turnId, status: turn.status });
  }
}

async function work(): Promise<void> {
  for (;;) {
    const thread = await runtime.startThread({ cwd: "/crash" });
    void tellFeed(thread);
    await runTurns(thread);
    await thread.close();
    const again = await runtime.resumeThread(thread.id);
    await runTurns(again);
    await again.close();
  }
}

await Promise.all(Array.from({ length: WORKERS }, work));
