/**
 * Review turns: what is asked, and what is recorded of the findings. One turn id stands for the whole
 * review (Codex uses two, and its task_complete names the other one), so the markers, the findings and
 * the end are all in one turn. The reviewer's own steps are not part of the conversation: the model's
 * history gets the request and the findings, as Codex does it.
 */
import { rejection, type SkeinError } from "../base/index.ts";
import type { AppendableItem, Json, JsonObject, ResponseItem } from "../events/index.ts";
import { assistantMessage } from "./agents/message-text.ts";
import type { ReviewTarget } from "./thread-handle.ts";
import { eventItem, responseItem } from "./record-items.ts";
import { agentMessageEvent } from "./turn-records.ts";

/** A checked target: what people see of it and what the agent is asked. */
export interface ReviewRequest {
  readonly target: ReviewTarget;
  /** "current changes", "changes against 'main'", … */
  readonly hint: string;
  readonly prompt: string;
}

/** Findings as recorded: the structure and its text. */
export interface ReviewFindings {
  readonly output: JsonObject;
  /** Explanation and findings: what the model's history and the final message hold. */
  readonly text: string;
}

/** Codex's word for a review without findings. */
export const NO_FINDINGS = "Reviewer failed to output a response.";
const ASK = "Provide prioritized, actionable findings.";

/** Checks a target. `invalid_argument` where its text is blank. */
export function checkReviewTarget(target: ReviewTarget): ReviewRequest {
  const given: unknown = target;
  if (typeof given !== "object" || given === null) throw noTarget();
  switch (target.type) {
    case "uncommittedChanges":
      return {
        target: { type: "uncommittedChanges" },
        hint: "current changes",
        prompt: `Review the current code changes (staged, unstaged and untracked files). ${ASK}`,
      };
    case "baseBranch": {
      const branch = nonBlank(target.branch, "branch");
      return {
        target: { type: "baseBranch", branch },
        hint: `changes against '${branch}'`,
        prompt: `Review the code changes against the base branch '${branch}': what would be merged into it. ${ASK}`,
      };
    }
    case "commit": {
      const sha = nonBlank(target.sha, "sha");
      const title = typeof target.title === "string" ? target.title.trim() : "";
      const name = title === "" ? "" : `: ${title}`;
      const quoted = title === "" ? "" : ` ("${title}")`;
      return {
        target: { type: "commit", sha, ...(title === "" ? {} : { title }) },
        hint: `commit ${sha.slice(0, 7)}${name}`,
        prompt: `Review the code changes introduced by commit ${sha}${quoted}. ${ASK}`,
      };
    }
    case "custom": {
      const instructions = nonBlank(target.instructions, "instructions");
      return { target: { type: "custom", instructions }, hint: instructions, prompt: instructions };
    }
    default:
      throw noTarget();
  }
}

/** What a review's turn begins with, behind its opening. */
export function reviewEntryItems(review: ReviewRequest): readonly AppendableItem[] {
  const { target, hint, prompt } = review;
  return [
    eventItem({ type: "entered_review_mode", target, user_facing_hint: hint }),
    eventItem({ type: "user_message", message: prompt, images: [], local_images: [], text_elements: [] }),
  ];
}

/** What the findings are recorded as: the model's history, the marker, the message. */
export function reviewFindingsItems(findings: ReviewFindings): readonly AppendableItem[] {
  const { output, text } = findings;
  return [
    responseItem({ type: "message", role: "user", content: [{ type: "input_text", text: userAction(text) }] }),
    eventItem({ type: "exited_review_mode", review_output: output }),
    responseItem(assistantMessage(text)),
    eventItem(agentMessageEvent(text, null)),
  ];
}

/** A review that ended without findings (interrupted, failed). */
export function reviewLeftItem(): AppendableItem {
  return eventItem({ type: "exited_review_mode", review_output: null });
}

/** The agent is asked with the review's prompt as last user message, which is not part of the history. */
export function reviewPromptItem(review: ReviewRequest): ResponseItem {
  return { type: "message", role: "user", content: [{ type: "input_text", text: review.prompt }] };
}

/** The findings an answer holds: Codex's review JSON where it is one, else the whole text as explanation. */
export function parseFindings(answer: string): ReviewFindings {
  const output = parseReviewJson(answer) ?? {
    findings: [],
    overall_correctness: "",
    overall_explanation: answer.trim(),
    overall_confidence_score: 0,
  };
  return { output, text: renderFindings(output) };
}

function parseReviewJson(answer: string): JsonObject | undefined {
  const begin = answer.indexOf("{");
  const end = answer.lastIndexOf("}");
  if (begin < 0 || end < begin) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(answer.slice(begin, end + 1));
  } catch {
    // Text with braces in it is an explanation, not broken JSON.
    return undefined;
  }
  const output = membersOf(parsed as Json);
  const { findings } = output;
  return Array.isArray(findings) && (findings as readonly Json[]).every(isFinding) ? output : undefined;
}

function isFinding(finding: Json): boolean {
  const { title, body, code_location } = membersOf(finding);
  return typeof title === "string" && typeof body === "string" && typeof code_location === "object";
}

function renderFindings(output: JsonObject): string {
  const explanation = explanationOf(output);
  const parts = explanation === "" ? [] : [explanation];
  const findings = output["findings"] as readonly JsonObject[];
  if (findings.length > 0) {
    parts.push(findings.length === 1 ? "Review comment:" : "Full review comments:");
    for (const finding of findings) parts.push(renderFinding(finding));
  }
  return parts.length === 0 ? NO_FINDINGS : parts.join("\n\n");
}

function explanationOf(output: JsonObject): string {
  const explanation = output["overall_explanation"];
  return typeof explanation === "string" ? explanation.trim() : "";
}

function renderFinding(finding: JsonObject): string {
  const location = membersOf(finding["code_location"]);
  const range = membersOf(location["line_range"]);
  const place = `${wordOf(location["absolute_file_path"])}:${wordOf(range["start"])}-${wordOf(range["end"])}`;
  const body = wordOf(finding["body"]).split("\n");
  return [`- ${wordOf(finding["title"])} — ${place}`, ...body.map((line) => `  ${line}`)].join("\n");
}

function membersOf(value: Json | undefined): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}

function wordOf(value: Json | undefined): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

function userAction(text: string): string {
  return (
    "<user_action>\n  <context>User initiated a review task. Here is the review output of the reviewer. " +
    "User may select one or more comments to resolve.</context>\n  <action>review</action>\n  <results>\n  " +
    `${text}\n  </results>\n</user_action>\n`
  );
}

function noTarget(): SkeinError {
  return rejection("invalid_argument", "the review target must be uncommittedChanges, baseBranch, commit or custom");
}

function nonBlank(text: unknown, field: string): string {
  const trimmed = typeof text === "string" ? text.trim() : "";
  if (trimmed === "") throw rejection("invalid_argument", `${field} must not be empty`, { field });
  return trimmed;
}
