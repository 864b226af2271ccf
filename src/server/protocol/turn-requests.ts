/**
 * Requests that begin, steer and end turns, reviews among them. What a turn does comes as notifications; the
 * answers only say that it began, took the input, or ended.
 */
import { z } from "zod";

import { request, setField } from "./definition.ts";
import { userInput } from "./item-objects.ts";
import {
  approvalPolicy,
  approvalsReviewer,
  collaborationMode,
  permissionSelection,
  personality,
  reasoningEffort,
  reasoningSummary,
  sandboxPolicy,
  turnEnvironment,
} from "./setting-objects.ts";
import { turn } from "./thread-objects.ts";
import { dictionary, json, kinds, list, nothing, part, path, struct } from "./wire-schema.ts";

/** Requests about turns. */
export const TURN_REQUESTS = {
  "turn/start": request({
    doc:
      "Begins a turn; a loaded thread is needed, a subscription is not. While a turn runs, the input goes into " +
      "that one. Overrides stay for later turns. The answer's turn has no items; they come as notifications.",
    queue: "thread",
    experimentalFields: [
      setField("turn/start", "responsesapiClientMetadata"),
      setField("turn/start", "environments"),
      setField("turn/start", "permissions"),
      setField("turn/start", "collaborationMode"),
    ],
    params: () =>
      struct("TurnStartParams", "What is said, and what the turn runs with.", {
        threadId: z.string(),
        input: list(userInput()).describe("At least one part; at most 1,048,576 characters."),
        responsesapiClientMetadata: dictionary(z.string()).nullish(),
        environments: list(turnEnvironment()).nullish(),
        cwd: path().nullish(),
        approvalPolicy: approvalPolicy().nullish(),
        approvalsReviewer: approvalsReviewer().nullish(),
        sandboxPolicy: sandboxPolicy().nullish(),
        permissions: permissionSelection().nullish(),
        model: z.string().nullish(),
        serviceTier: z.string().nullish(),
        effort: reasoningEffort().nullish(),
        summary: reasoningSummary().nullish(),
        personality: personality().nullish(),
        outputSchema: json().nullish().describe("A JSON Schema for the last agent message."),
        collaborationMode: collaborationMode().nullish(),
      }),
    result: () => struct("TurnStartResponse", "The turn.", { turn: turn() }),
  }),
  "turn/steer": request({
    doc: "Adds input to the turn that runs.",
    queue: "thread",
    experimentalFields: [setField("turn/steer", "responsesapiClientMetadata")],
    params: () =>
      struct("TurnSteerParams", "What is said, into which turn.", {
        threadId: z.string(),
        input: list(userInput()),
        responsesapiClientMetadata: dictionary(z.string()).nullish(),
        expectedTurnId: z.string().describe("The turn that runs; refused when another one does."),
      }),
    result: () => struct("TurnSteerResponse", "The turn it went into.", { turnId: z.string() }),
  }),
  "turn/interrupt": request({
    doc: "Ends the turn that runs. The answer comes when it has ended; `turn/completed` follows.",
    queue: "thread",
    params: () =>
      struct("TurnInterruptParams", "Which turn.", {
        threadId: z.string(),
        turnId: z.string().describe("The turn that runs."),
      }),
    result: () => nothing("TurnInterruptResponse"),
  }),
  "review/start": request({
    doc: "Begins a review, in a turn of the thread or in a new thread with its history.",
    queue: "thread",
    params: () =>
      struct("ReviewStartParams", "What is reviewed, and where.", {
        threadId: z.string(),
        target: kinds("ReviewTarget", "What is reviewed.", [
          part({ type: z.literal("uncommittedChanges") }),
          part({ type: z.literal("baseBranch"), branch: z.string() }),
          part({ type: z.literal("commit"), sha: z.string(), title: z.string().nullish() }),
          part({ type: z.literal("custom"), instructions: z.string() }),
        ]),
        delivery: z.enum(["inline", "detached"]).nullish().describe("Default `inline`; `detached`: in a new thread."),
      }),
    result: () =>
      struct("ReviewStartResponse", "The review's turn and thread.", { turn: turn(), reviewThreadId: z.string() }),
  }),
} as const;
