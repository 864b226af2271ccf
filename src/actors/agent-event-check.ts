/**
 * The check at the thread's door: what an agent yields has the shape of the port before anything of it
 * is told or recorded. What is inside of an item or a display event is checked as it is appended.
 */
import { fault, type SkeinError } from "../base/index.ts";
import type { AgentEvent } from "./agent.ts";

type Members = Readonly<Record<string, unknown>>;

const USAGE_MEMBERS = [
  "input_tokens",
  "cached_input_tokens",
  "output_tokens",
  "reasoning_output_tokens",
  "total_tokens",
];

/** The event, as it came. Throws `agent_failed` where it is none; what a member's getter throws passes. */
export function checkAgentEvent(event: AgentEvent): AgentEvent {
  const problem = problemOf(event);
  if (problem !== undefined) throw problem;
  return event;
}

function problemOf(event: Members): SkeinError | undefined {
  const { type, itemId } = event;
  switch (type) {
    case "item_started":
      if (event["kind"] !== "agentMessage" && event["kind"] !== "reasoning") return lacks(type, "a kind it may have");
      return typeof itemId === "string" ? undefined : lacks(type, "an itemId");
    case "text_delta":
    case "reasoning_delta":
      if (typeof event["delta"] !== "string") return lacks(type, "a delta that is text");
      if (!isCountOrNone(event["summaryIndex"])) return lacks(type, "a summaryIndex that is a count");
      return typeof itemId === "string" ? undefined : lacks(type, "an itemId");
    case "item":
      if (typeof itemId !== "string" && itemId !== undefined) return lacks(type, "an itemId that is text");
      if (!hasType(event["item"])) return fault("agent_failed", "the agent yielded an item without a type");
      return undefined;
    case "item_shown":
      return shownProblem(event);
    case "event":
      return hasType(event["event"]) ? undefined : lacks(type, "an event with a type");
    case "usage":
      return usageProblem(event);
    default:
      return fault("agent_failed", `the agent yielded an unknown event: ${wordFor(type)}`);
  }
}

function usageProblem(event: Members): SkeinError | undefined {
  const { usage, contextWindow } = event;
  const members = typeof usage === "object" && usage !== null ? (usage as Members) : {};
  const missing = USAGE_MEMBERS.find((member) => !isCount(members[member]));
  if (missing !== undefined) return lacks("usage", `a count of ${missing}`);
  if (contextWindow === undefined || contextWindow === null || isCount(contextWindow)) return undefined;
  return lacks("usage", "a contextWindow that is a count");
}

function shownProblem({ phase, item }: Members): SkeinError | undefined {
  if (phase !== "started" && phase !== "completed") return lacks("item_shown", "a phase it may have");
  if (!hasType(item)) return lacks("item_shown", "an item with a type");
  const { id } = item as { readonly id?: unknown };
  return typeof id === "string" && id !== "" ? undefined : lacks("item_shown", "an item with an id");
}

function isCountOrNone(value: unknown): boolean {
  return value === undefined || isCount(value);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function hasType(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { type } = value as { readonly type?: unknown };
  return typeof type === "string" && type !== "";
}

function lacks(type: string, what: string): SkeinError {
  return fault("agent_failed", `the agent yielded an event of type ${type} without ${what}`);
}

function wordFor(type: unknown): string {
  return typeof type === "string" ? JSON.stringify(type.slice(0, 200)) : `its type is ${typeof type}`;
}
