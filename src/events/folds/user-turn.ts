/**
 * What the model's history counts as a user turn: a message of the user that a person wrote. Messages
 * that clients put there in the user's name (environment, instructions, shell output, abort notes, hook
 * prompts) are context, and are dropped together with the turn they prepare.
 */
import type { ResponseItem } from "../rollout-item.ts";
import { isHookPromptText } from "./hook-prompt.ts";

/** How texts begin and end that stand in a user message and are none. */
const USER_CONTEXT: readonly (readonly [begin: string, end: string])[] = [
  ["# agents.md instructions", "</instructions>"],
  ["<user_instructions>", "</user_instructions>"],
  ["<environment_context>", "</environment_context>"],
  ["<skill>", "</skill>"],
  ["<user_shell_command>", "</user_shell_command>"],
  ["<turn_aborted>", "</turn_aborted>"],
  ["<subagents>", "</subagents>"],
  ["<subagent_notification>", "</subagent_notification>"],
];

/** How parts of developer messages begin that only prepare a turn. */
const DEVELOPER_CONTEXT: readonly string[] = [
  "<permissions instructions>",
  "<model_switch>",
  "<collaboration_mode>",
  "<multi_agent_mode>",
  "<realtime_conversation>",
  "<skills_instructions>",
  "<personality_spec>",
  "<token_budget>",
];

/** Whether an item of the model's history is a user turn's message. */
export function isUserTurnMessage(item: ResponseItem): boolean {
  return isMessageOf(item, "user") && !textsOf(item).some(isUserContext);
}

/** Whether an item only prepares the turn behind it. */
export function isTurnContext(item: ResponseItem): boolean {
  if (isMessageOf(item, "user")) return textsOf(item).some(isUserContext);
  return isMessageOf(item, "developer") && textsOf(item).some(isDeveloperContext);
}

function isMessageOf(item: ResponseItem, role: string): boolean {
  return item.type === "message" && item["role"] === role;
}

function textsOf(item: ResponseItem): readonly string[] {
  const content: unknown = item["content"];
  if (!Array.isArray(content)) return [];
  return (content as readonly unknown[]).flatMap((part) => {
    if (typeof part !== "object" || part === null) return [];
    const { type, text } = part as { type?: unknown; text?: unknown };
    return type === "input_text" && typeof text === "string" ? [text] : [];
  });
}

/** All the text of a message, its parts joined. */
export function messageText(item: ResponseItem): string {
  return textsOf(item).join("");
}

function isUserContext(text: string): boolean {
  const trimmed = text.trim();
  return (
    USER_CONTEXT.some(([begin, end]) => startsWithWord(trimmed, begin) && endsWithWord(trimmed, end)) ||
    isHookPromptText(trimmed)
  );
}

function isDeveloperContext(text: string): boolean {
  const trimmed = text.trimStart();
  return DEVELOPER_CONTEXT.some((begin) => startsWithWord(trimmed, begin));
}

function startsWithWord(text: string, word: string): boolean {
  return text.slice(0, word.length).toLowerCase() === word;
}

function endsWithWord(text: string, word: string): boolean {
  return text.length >= word.length && text.slice(-word.length).toLowerCase() === word;
}
