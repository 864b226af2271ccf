/**
 * The lineage fold: where a thread comes from. A fork holds the session_meta lines of all it was forked
 * from, nearest first, so one file tells the whole line of its ancestors.
 */
import type { Fold } from "../fold.ts";
import type { RolloutRecord, SessionMeta } from "../rollout-item.ts";
import { parentOf } from "./thread-metadata-fold.ts";

/** Where a thread comes from. All null and empty before its session_meta. */
export interface Lineage {
  readonly id: string | null;
  readonly forkedFromId: string | null;
  /** Threads whose records were copied here, nearest first, each once. */
  readonly ancestorIds: readonly string[];
  /** The thread that spawned this one as a sub-agent. */
  readonly spawnParentId: string | null;
  /** It reviews another thread's work. */
  readonly isReview: boolean;
}

/** The fold; see the file's head. */
export const lineageFold: Fold<Lineage, Lineage> = Object.freeze({
  name: "lineage",
  version: 1,
  needs: { types: new Set(["session_meta"]), eventKinds: new Set<string>() },
  initial: (): Lineage => ({
    id: null,
    forkedFromId: null,
    ancestorIds: [],
    spawnParentId: null,
    isReview: false,
  }),
  step: (state: Lineage, { item }: RolloutRecord): Lineage =>
    item.type === "session_meta" ? applyMeta(state, item.payload) : state,
  save: (state: Lineage): Lineage => state,
  load: (saved: Lineage): Lineage => saved,
});

function applyMeta(state: Lineage, meta: SessionMeta): Lineage {
  if (state.id === null) {
    const { source = "vscode" } = meta;
    return {
      id: meta.id,
      forkedFromId: typeof meta.forked_from_id === "string" ? meta.forked_from_id : null,
      ancestorIds: [],
      spawnParentId: parentOf(source),
      isReview: typeof source === "object" && source["subagent"] === "review",
    };
  }
  if (meta.id === state.id || state.ancestorIds.includes(meta.id)) return state;
  return { ...state, ancestorIds: [...state.ancestorIds, meta.id] };
}
