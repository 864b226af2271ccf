/**
 * The process that faults happen to: it does one operation on a home and says what became of it. What the machine
 * does to it, and when, comes from the layer that it is started with (fault-shim.c).
 *
 * `fault-child.ts HOME OPERATION ARM_PATH [again]`
 */
import { unlinkSync, writeSync } from "node:fs";

import { isSkeinError } from "../../src/index.ts";
import { createInlinePool, openStateDbWith } from "../../src/projections/index.ts";
import { openLocalThreadStore } from "../../src/store/local/index.ts";
import { type FaultOperation, requireOperation, runOperation } from "./fault-operations.ts";
import type { FaultReport } from "./fault-process.ts";
import { DISARM_PATH } from "./fault-shim.ts";

const [home = "", operationId = "", armPath = "", again = ""] = process.argv.slice(2);

/** Straight into the pipe: what was said stays said, however this process ends. */
function say(report: FaultReport): void {
  writeSync(1, `${JSON.stringify(report)}\n`);
}

async function attempt(what: FaultReport["what"], work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    say({ what, error: null });
    return true;
  } catch (error) {
    const { code, retryable } = isSkeinError(error) ? error : { code: "none", retryable: false };
    const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    say({ what, error: { code, retryable, message } });
    return false;
  }
}

/** The operation in a store that is closed under the same faults; then, without them, once more. */
async function inStore(operation: FaultOperation): Promise<void> {
  const stateDb = await openStateDbWith({ home }, createInlinePool());
  const store = await openLocalThreadStore({ home, stateDb });
  unlinkSync(armPath);
  const isDone = await attempt("done", async () => operation.inStore?.(store));
  if (again !== "" && !isDone) {
    unlinkSync(DISARM_PATH);
    await attempt("again", async () => operation.inStore?.(store));
  }
  await attempt("closed", async () => {
    await store.close();
    await stateDb.close();
  });
}

async function onHome(operation: FaultOperation): Promise<void> {
  unlinkSync(armPath);
  const isDone = await attempt("done", async () => operation.onHome?.(home));
  unlinkSync(DISARM_PATH);
  if (again !== "" && !isDone) await attempt("again", () => runOperation(operation, home));
}

const operation = requireOperation(operationId);
await (operation.inStore === undefined ? onHome(operation) : inStore(operation));
