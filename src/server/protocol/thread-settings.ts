/**
 * What start, resume and fork share: the overrides that a client may send, and what the answer says that the
 * thread runs with. Settings that the server does not act on are kept as the client sent them.
 */
import { z } from "zod";

import type { Json } from "../../events/index.ts";
import { once } from "./once.ts";
import {
  approvalPolicy,
  approvalsReviewer,
  permissionSelection,
  sandboxMode,
  sandboxPolicy,
} from "./setting-objects.ts";
import { dictionary, json, list } from "./wire-schema.ts";

/** The overrides that start, resume and fork share. */
export const threadOverrides = once(() => ({
  model: z.string().nullish().describe("Default: the server's."),
  modelProvider: z.string().nullish().describe("Default: the server's, or the stored thread's."),
  serviceTier: z.string().nullish(),
  cwd: z.string().nullish().describe("Working folder; a relative path begins at the server's. It need not exist."),
  approvalPolicy: approvalPolicy().nullish(),
  approvalsReviewer: approvalsReviewer().nullish(),
  sandbox: sandboxMode().nullish(),
  permissions: permissionSelection().nullish().describe("Not together with `sandbox`."),
  config: dictionary(json()).nullish(),
  baseInstructions: z.string().nullish(),
  developerInstructions: z.string().nullish(),
}));

/** The answer's members about what the thread runs with; start, resume and fork share them. */
export const runningSettings = once(() => ({
  model: z.string(),
  modelProvider: z.string(),
  serviceTier: z.string().nullable(),
  cwd: z.string(),
  instructionSources: list(z.string()).describe("Files that instructions were read from."),
  approvalPolicy: asJson(approvalPolicy()),
  approvalsReviewer: asJson(approvalsReviewer()),
  sandbox: asJson(sandboxPolicy()),
  permissionProfile: json(),
  activePermissionProfile: json(),
  reasoningEffort: z.string().nullable(),
}));

/** Settings that the server keeps as the client sent them. */
function asJson(schema: z.ZodType<Json>): z.ZodType<Json> {
  return schema;
}
