/**
 * Arbitraries of what a rollout holds: items, whole turns, histories as threads really have them, and the
 * bytes of a log with everything that can be wrong with it. And of what is around it: whole homes, scripts of
 * agents, changes of metadata.
 */
export {
  type ArbAgentScriptOptions,
  arbAgentScript,
  ENDING_STEP_KINDS,
  type ScriptStepKind,
} from "./agent-script-arbitraries.ts";
export { arbBatch, arbBatches, arbTurnEvents } from "./append-arbitraries.ts";
export { arbCompactedLog } from "./compacted-log-arbitraries.ts";
export { arbHistory, type ArbHistoryOptions } from "./history-arbitraries.ts";
export { arbHome, type ArbHomeOptions } from "./home-arbitraries.ts";
export { type HomeContent, type HomeThread, type OddFile, type OddFileKind, writeHome } from "./home-content.ts";
export { arbLog, arbOddLine, type ArbLogOptions, type LogBytes } from "./log-arbitraries.ts";
export { arbMetadataPatch } from "./metadata-patch-arbitraries.ts";
export { arbText, arbUnknownMembers } from "./payload-arbitraries.ts";
export { arbRolloutItem } from "./rollout-item-arbitraries.ts";
export { arbTurnItems } from "./turn-arbitraries.ts";
