/**
 * What the child that runs turns says, one JSON object a line, and the check of a home against it: what a
 * caller was told (turn accepted, item completed, turn ended, record fed) stands in the log.
 */
import type { Turn } from "../../src/events/index.ts";
import type { ThreadStore } from "../../src/store/index.ts";

/** One line of the child. A turn without a status was accepted, or told to have started. */
export type TurnReport =
  | { readonly what: "record"; readonly threadId: string; readonly ordinal: number; readonly type: string }
  | { readonly what: "turn"; readonly threadId: string; readonly turnId: string; readonly status: string | null }
  | { readonly what: "item"; readonly threadId: string; readonly turnId: string; readonly text: string };

/** Rejects with the first report that the home doesn't bear out. */
export async function checkTurnReports(store: ThreadStore, reports: readonly TurnReport[]): Promise<void> {
  const threads = Map.groupBy(reports, (report) => report.threadId);
  for (const [threadId, told] of threads) {
    const log = (await store.readThread({ threadId, includeHistory: true })).history ?? [];
    const { data: turns } = await store.listTurns({ threadId, itemsView: "full", limit: 1_000 });
    const byId = new Map(turns.map((turn) => [turn.id, turn]));
    for (const report of told) {
      if (report.what === "record") {
        const type = log[report.ordinal]?.item.type;
        if (type !== report.type) throw missing(report, `record ${report.ordinal} is ${type ?? "missing"}`);
      } else checkTurn(report, byId.get(report.turnId));
    }
  }
}

function checkTurn(report: Exclude<TurnReport, { what: "record" }>, turn: Turn | undefined): void {
  if (turn === undefined) throw missing(report, "the turn is missing");
  if (report.what === "item") {
    const isThere = turn.items.some((item) => item.type === "agentMessage" && item["text"] === report.text);
    if (!isThere) throw missing(report, "the item is missing");
    return;
  }
  if (!turn.items.some((item) => item.type === "userMessage")) throw missing(report, "its input is missing");
  if (report.status !== null && turn.status !== report.status) throw missing(report, `the turn reads ${turn.status}`);
}

function missing(report: TurnReport, why: string): Error {
  return new Error(`${why}, but the child was told ${JSON.stringify(report).slice(0, 200)}`);
}
