/**
 * Where Skein's turns differ from what Codex 0.130 answered for the same file, vector by vector, each
 * with its reason. docs/CODEX.md says the same in prose. A vector that is not listed gives the same turns.
 */

export interface CodexDifference {
  readonly reason: string;
  /** Codex's turns as Skein has them; absent where Codex gave none at all. */
  readonly changed?: (turns: readonly unknown[]) => readonly unknown[];
  /** The vector whose file Codex answered from. */
  readonly answeredFrom?: string;
}

function failFirst(message: string, codexErrorInfo: string | null) {
  return (turns: readonly unknown[]): readonly unknown[] =>
    turns.map((turn, index) =>
      index === 0
        ? { ...(turn as object), status: "failed", error: { message, codexErrorInfo, additionalDetails: null } }
        : turn,
    );
}

const REFUSED = "Codex refuses the whole file; the fold reads what is there, and the store decides if it is a thread";
const OTHER_FILE = "Codex's database row led it to the other file with this id; a fold is of one file";

/** The list. */
export const CODEX_DIFFERENCES: Readonly<Record<string, CodexDifference>> = {
  error_event: {
    reason: "A failed turn reads back as failed: Codex drops the error event and shows it as completed",
    changed: failFirst("boom", "other"),
  },
  idx_filtered_events_before_implicit: {
    reason: "A failed turn reads back as failed, also one without a start event; its index is not moved by the error",
    changed: failFirst("x", null),
  },
  bad_empty_file: { reason: REFUSED },
  bad_missing_session_meta: { reason: REFUSED },
  bad_session_meta_late: { reason: REFUSED },
  bad_meta_missing_required: { reason: REFUSED },
  arch_and_live_same_id: { reason: OTHER_FILE, answeredFrom: "arch_and_live_same_id_A" },
  arch_and_live_same_id_A: { reason: OTHER_FILE, answeredFrom: "arch_and_live_same_id" },
};
