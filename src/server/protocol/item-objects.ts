/**
 * UserInput and ThreadItem as they go over the wire. Their types are those of the events room; the schemas say
 * more of the kinds that the events room
 * leaves open, so that a client's author can read what to expect. Nothing here checks what a fold made.
 */
import { z } from "zod";

import type { Json, ThreadItem, UserInput } from "../../events/index.ts";
import { once } from "./once.ts";
import { int, whole } from "./whole-numbers.ts";
import { json, kinds, list, part, path, struct, words } from "./wire-schema.ts";

/** A part of what a user sends. */
export const userInput = once((): z.ZodType<UserInput> =>
  kinds("UserInput", "A part of what a user sends.", [
    part({
      type: z.literal("text"),
      text: z.string(),
      text_elements: list(textElement()).exactOptional().describe("Spans of the text with a meaning for the client."),
    }),
    part({ type: z.literal("image"), url: z.string() }),
    part({ type: z.literal("localImage"), path: path() }),
    part({ type: z.literal("skill"), name: z.string(), path: path() }),
    part({ type: z.literal("mention"), name: z.string(), path: z.string() }),
  ]),
);

const textElement = once((): z.ZodType<Json> =>
  struct("TextElement", "A span of a text that the client shows in its own way.", {
    byteRange: struct("ByteRange", "A range of bytes of the text in UTF-8.", {
      start: whole("uint"),
      end: whole("uint"),
    }),
    placeholder: z.string().nullable().exactOptional(),
  }),
);

/** A content item of a tool's answer. */
export const toolOutput = once(() =>
  kinds("DynamicToolCallOutputContentItem", "A part of a tool's answer.", [
    part({ type: z.literal("inputText"), text: z.string() }),
    part({ type: z.literal("inputImage"), imageUrl: z.string() }),
  ]),
);

const commandItem = once(() =>
  part({
    type: z.literal("commandExecution"),
    id: z.string(),
    command: z.string(),
    cwd: z.string(),
    processId: z.string().nullable(),
    source: z.string(),
    status: words("CommandExecutionStatus", "How a command ended, or that it did not yet.", [
      "inProgress",
      "completed",
      "failed",
      "declined",
    ]),
    commandActions: list(json()),
    aggregatedOutput: z.string().nullable(),
    exitCode: int().nullable(),
    durationMs: int().nullable(),
  }),
);

const fileChangeItem = once(() =>
  part({
    type: z.literal("fileChange"),
    id: z.string(),
    changes: list(
      struct("FileUpdateChange", "A change of one file.", {
        path: z.string(),
        kind: kinds("PatchChangeKind", "What became of the file.", [
          part({ type: z.literal("add") }),
          part({ type: z.literal("delete") }),
          part({ type: z.literal("update"), move_path: z.string().nullable() }),
        ]),
        diff: z.string(),
      }),
    ),
    status: words("PatchApplyStatus", "How a file change ended, or that it did not yet.", [
      "inProgress",
      "completed",
      "failed",
      "declined",
    ]),
  }),
);

const toolStatus = once(() =>
  words("ToolCallStatus", "How a tool call ended, or that it did not yet.", ["inProgress", "completed", "failed"]),
);

const mcpToolItem = once(() =>
  part({
    type: z.literal("mcpToolCall"),
    id: z.string(),
    server: z.string(),
    tool: z.string(),
    status: toolStatus(),
    arguments: json(),
    mcpAppResourceUri: z.string().exactOptional(),
    result: json(),
    error: json(),
    durationMs: int().nullable(),
  }),
);

const dynamicToolItem = once(() =>
  part({
    type: z.literal("dynamicToolCall"),
    id: z.string(),
    namespace: z.string().nullable(),
    tool: z.string(),
    arguments: json(),
    status: toolStatus(),
    contentItems: list(toolOutput()).nullable(),
    success: z.boolean().nullable(),
    durationMs: int().nullable(),
  }),
);

/** One thing in a turn. */
export const threadItem = once((): z.ZodType<ThreadItem> =>
  kinds("ThreadItem", "One thing in a turn.", [
    part({ type: z.literal("userMessage"), id: z.string(), content: list(userInput()) }),
    part({
      type: z.literal("hookPrompt"),
      id: z.string(),
      fragments: list(part({ text: z.string(), hookRunId: z.string() })),
    }),
    part({
      type: z.literal("agentMessage"),
      id: z.string(),
      text: z.string(),
      phase: z.string().nullable().describe("`commentary`, `final_answer` or null."),
      memoryCitation: json(),
    }),
    part({ type: z.literal("plan"), id: z.string(), text: z.string() }),
    part({
      type: z.literal("reasoning"),
      id: z.string(),
      summary: list(z.string()),
      content: list(z.string()),
    }),
    commandItem(),
    fileChangeItem(),
    mcpToolItem(),
    dynamicToolItem(),
    part({ type: z.literal("webSearch"), id: z.string(), query: z.string(), action: json() }),
    part({ type: z.literal("imageView"), id: z.string(), path: z.string() }),
    part({
      type: z.literal("imageGeneration"),
      id: z.string(),
      status: z.string(),
      revisedPrompt: z.string().nullable(),
      result: z.string(),
      savedPath: z.string().exactOptional(),
    }),
    part({ type: z.literal("enteredReviewMode"), id: z.string(), review: z.string() }),
    part({ type: z.literal("exitedReviewMode"), id: z.string(), review: z.string() }),
    part({ type: z.literal("contextCompaction"), id: z.string() }),
  ]),
);
