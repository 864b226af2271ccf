/**
 * Arbitraries of what a rollout holds: items, whole turns, histories as threads really have them, and the
 * bytes of a log with everything that can be wrong with it.
 */
export { arbBatch, arbBatches, arbTurnEvents } from "./append-arbitraries.ts";
export { arbCompactedLog } from "./compacted-log-arbitraries.ts";
export { arbHistory, type ArbHistoryOptions } from "./history-arbitraries.ts";
export { arbLog, arbOddLine, type ArbLogOptions, type LogBytes } from "./log-arbitraries.ts";
export { arbText, arbUnknownMembers } from "./payload-arbitraries.ts";
export { arbRolloutItem } from "./rollout-item-arbitraries.ts";
export { arbTurnItems } from "./turn-arbitraries.ts";
