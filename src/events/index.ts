/**
 * events: RolloutItem, its line codec, what is kept, the scanner of logs, and the folds. Pure: no node,
 * no I/O; who reads a file feeds its bytes in.
 */
export { listAt } from "./append-list.ts";
export { validateAppendable } from "./appendable-check.ts";
export type { Fold, FoldNeeds, SkippedRun } from "./fold.ts";
export {
  createFoldScanner,
  type FoldScannerOptions,
  foldRecords,
  type FoldSet,
  type FoldStates,
} from "./fold-scanner.ts";
export { type Lineage, lineageFold } from "./folds/lineage-fold.ts";
export {
  isContextRead,
  modelContextFold,
  modelContextOf,
  type ModelContextState,
  modelContextStateAt,
} from "./folds/model-context-fold.ts";
export {
  beginsTurn,
  gitOfMeta,
  isTurnBegin,
  previewOf,
  type ThreadMetadata,
  threadMetadataFold,
} from "./folds/thread-metadata-fold.ts";
export {
  emptyUsage,
  stepUsage,
  type ThreadTokenUsage,
  tokenUsageFold,
  tokenUsageOf,
  type TokenUsageState,
  type ToldUsage,
  usageTurnIdOf,
} from "./folds/token-usage-fold.ts";
export {
  activeTurnIdOf,
  itemCountOf,
  type TurnEntry,
  turnEntriesOf,
  turnsFold,
  turnsOf,
  type TurnsState,
} from "./folds/turns-fold.ts";
export {
  emptyTurnsAt,
  needsHiddenItems,
  outlineOf,
  type TurnsPlace,
  turnsStateAt,
  withoutClosedItems,
} from "./folds/turns-window.ts";
export { needsStrictReplay } from "./folds/turn-track.ts";
export { toTypedPayload } from "./typed-payload.ts";
export { checksumAt, checksumIn, withChecksum } from "./line-checksum.ts";
export { decodeLine, decodeLineBytes, encodeLine, isBlankLine, linePieces } from "./line-codec.ts";
export { peekLine, peekMore } from "./line-peek.ts";
export { createLogScanner, type LineSpan, type ScanEnd } from "./log-scanner.ts";
export { isPersisted, PERSISTENCE_POLICY, type PersistenceRule } from "./persistence-policy.ts";
export type * from "./rollout-item.ts";
export type * from "./thread-view.ts";
export { epochMsOf } from "./timestamp.ts";
export { applyItemsView } from "./turn-view.ts";
