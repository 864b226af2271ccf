/**
 * events: RolloutItem, its line codec, what is kept, and the folds. Pure: no node, no I/O.
 */
export type { Fold, FoldNeeds } from "./fold.ts";
export type * from "./rollout-item.ts";
export type * from "./thread-view.ts";
