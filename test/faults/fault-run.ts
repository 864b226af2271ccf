/**
 * Runs rows of the fault table one after another, each with books and a folder of its own, and skips with a reason
 * what the machine can't do. `npm test` runs a bounded part of every row, `npm run faults` all of it.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createRandom } from "../crash/crash-reports.ts";
import { FaultBooks, type FaultResult, skippedResult } from "./fault-books.ts";
import { whyUnable } from "./fault-machine.ts";
import type { FaultContext, FaultRow } from "./fault-row.ts";
import type { FaultSession } from "./operation-stage.ts";

/** How a row is run. */
export interface FaultRunOptions {
  /** All that is random follows from it, and from the row's id. */
  readonly seed: number;
  readonly isSmoke: boolean;
  readonly isEvery: boolean;
  /** Cases side by side. */
  readonly lanes: number;
  readonly session: FaultSession;
  onCase?(done: number, total: number): void;
}

/** Runs one row. Never rejects: what goes wrong is in the result. */
export async function runFaultRow(row: FaultRow, options: FaultRunOptions): Promise<FaultResult> {
  const { seed, isSmoke, isEvery, lanes, session } = options;
  const reason = row.needs.map((need) => whyUnable(need, session.shim)).find((why) => why !== null);
  if (reason !== undefined && reason !== null) return skippedResult(row.id, reason);
  const books = new FaultBooks();
  const folder = mkdtempSync(join(tmpdir(), "skein-faults-"));
  const random = createRandom(seed + hashOf(row.id));
  const onCase = options.onCase ?? ((): void => {});
  const context: FaultContext = { books, session, folder, isSmoke, isEvery, lanes, random, onCase };
  try {
    await row.run(context);
    books.expect(books.result(row.id).injected > 0, "nothing was injected");
  } catch (error) {
    books.break(error instanceof Error ? (error.stack ?? error.message) : String(error));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return books.result(row.id);
}

/** A number for a text, so that rows of one seed draw differently. */
function hashOf(text: string): number {
  let hash = 7;
  for (let at = 0; at < text.length; at += 1) hash = (Math.imul(hash, 31) + text.charCodeAt(at)) >>> 0;
  return hash;
}
