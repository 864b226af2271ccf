/**
 * actors: loaded threads and what drives them. LiveThread (one root actor a thread), ThreadManager, the
 * agent port and the agents that ship.
 */
export type * from "./agent.ts";
export { echoAgent, type EchoAgentOptions } from "./agents/echo-agent.ts";
export { responsesAgent, type ResponsesAgentOptions } from "./agents/responses-agent.ts";
export type { FunctionTool } from "./agents/responses-request.ts";
export {
  type AgentScript,
  type RecordedRequest,
  scriptedAgent,
  type ScriptedAgent,
  type ScriptedTurn,
  type ScriptStep,
} from "./agents/scripted-agent.ts";
export type { ForkThreadParams } from "./fork-thread.ts";
export type { ThreadManagerOptions } from "./manager-options.ts";
export type { UnfinishedCall } from "./calls-in-flight.ts";
export { createThreadManager } from "./registry-thread-manager.ts";
export { checkReviewTarget } from "./review-turn.ts";
export { type ShutdownOptions, type ShutdownReport, shutdownTimeoutMs } from "./shutdown-threads.ts";
export type * from "./thread-handle.ts";
export type {
  ResumeOptions,
  ReviewOptions,
  StartedReview,
  StartThreadParams,
  ThreadManager,
} from "./thread-manager.ts";
