/**
 * Requests that the server sends to the clients of a thread when its agent needs something of them: an approval,
 * an answer, a tool call. The first answer counts; the other clients are told by `serverRequest/resolved`.
 */
import { z } from "zod";

import { serverRequest } from "./definition.ts";
import { toolOutput } from "./item-objects.ts";
import { once } from "./once.ts";
import { int } from "./whole-numbers.ts";
import { dictionary, json, list, part, struct } from "./wire-schema.ts";

const place = () => ({ threadId: z.string(), turnId: z.string(), itemId: z.string() });

const commandDecision = once(() =>
  z.union([z.enum(["accept", "acceptForSession", "decline", "cancel"]), z.looseObject({})]).meta({
    id: "CommandExecutionApprovalDecision",
    description: "`cancel` also ends the turn. An object accepts with a change of the rules.",
  }),
);

/** Requests of the server's. */
export const SERVER_REQUESTS = Object.freeze({
  "item/commandExecution/requestApproval": serverRequest({
    doc: "May the agent run this command?",
    params: () =>
      struct("CommandExecutionRequestApprovalParams", "The command.", {
        ...place(),
        startedAtMs: int(),
        approvalId: z.string().nullish(),
        reason: z.string().nullish(),
        networkApprovalContext: json().nullish(),
        command: z.string().nullish(),
        cwd: z.string().nullish(),
        commandActions: list(json()).nullish(),
        additionalPermissions: json().nullish(),
        proposedExecpolicyAmendment: json().nullish(),
        proposedNetworkPolicyAmendments: list(json()).nullish(),
        availableDecisions: list(commandDecision()).nullish(),
      }),
    result: () => struct("CommandExecutionRequestApprovalResponse", "The decision.", { decision: commandDecision() }),
  }),
  "item/fileChange/requestApproval": serverRequest({
    doc: "May the agent change these files?",
    params: () =>
      struct("FileChangeRequestApprovalParams", "The change; its files are in the item.", {
        ...place(),
        startedAtMs: int(),
        reason: z.string().nullish(),
        grantRoot: z.string().nullish(),
      }),
    result: () =>
      struct("FileChangeRequestApprovalResponse", "The decision.", {
        decision: z.enum(["accept", "acceptForSession", "decline", "cancel"]),
      }),
  }),
  "item/tool/requestUserInput": serverRequest({
    doc: "The agent asks the person something.",
    params: () =>
      struct("ToolRequestUserInputParams", "The questions.", {
        ...place(),
        questions: list(
          struct("ToolRequestUserInputQuestion", "A question.", {
            id: z.string(),
            header: z.string(),
            question: z.string(),
            isOther: z.boolean().optional(),
            isSecret: z.boolean().optional(),
            options: list(part({ label: z.string(), description: z.string() })).nullish(),
          }),
        ),
      }),
    result: () =>
      struct("ToolRequestUserInputResponse", "The answers, by the question's id.", {
        answers: dictionary(part({ answers: list(z.string()) })),
      }),
  }),
  "item/tool/call": serverRequest({
    doc: "The agent calls a tool that the client answers.",
    params: () =>
      struct("DynamicToolCallParams", "The call.", {
        threadId: z.string(),
        turnId: z.string(),
        callId: z.string(),
        namespace: z.string().nullish(),
        tool: z.string(),
        arguments: json(),
      }),
    result: () =>
      struct("DynamicToolCallResponse", "What came of it.", {
        contentItems: list(toolOutput()),
        success: z.boolean(),
      }),
  }),
  "item/permissions/requestApproval": serverRequest({
    doc: "May the agent do more than its sandbox lets it?",
    params: () =>
      struct("PermissionsRequestApprovalParams", "The permissions.", {
        ...place(),
        startedAtMs: int(),
        cwd: z.string(),
        reason: z.string().nullable(),
        permissions: json(),
      }),
    result: () =>
      struct("PermissionsRequestApprovalResponse", "What is granted.", {
        permissions: json(),
        scope: z.enum(["turn", "session"]).optional(),
        strictAutoReview: z.boolean().optional(),
      }),
  }),
} as const);
