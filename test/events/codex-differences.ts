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

/**
 * The same for the probes: files made to ask Codex 0.130 about one thing each, most of them what it takes
 * for a record and what not. Skein shows more than Codex in all of them but one.
 */
export const PROBE_DIFFERENCES: Readonly<Record<string, string>> = {
  idx_am_phase: "A phase that 0.130 has no word for is kept: a newer Codex may have written it",
  idx_cp_badrep: "A compaction is shown also when Codex can't read an item it left",
  turns_deep: "JSON nested deeper than 127 is read; Codex's parser ends there, and Skein writes none",
  turns_entered_odd: "A review of a kind that 0.130 has no word for is shown",
  turns_hook_noid: "Codex makes a new random id for the item at every replay; Skein takes the ordinal",
  turns_nonewline:
    "A record counts only with its newline: the line may have been cut, and the next append would be glued to it",
  turns_phase: "A memory citation in underscores, as no version writes it, doesn't cost the message",
  turns_started_kind: "A kind of collaboration that 0.130 has no word for doesn't cost the turn",
  turns_surrogate: "Half a surrogate pair is read; Codex's parser refuses the line, and Skein writes none",
};
