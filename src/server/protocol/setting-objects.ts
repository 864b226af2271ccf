/**
 * What a thread or a turn runs with, as it goes over the wire: policies, sandboxes, effort, tools. The words are
 * Codex's; Skein's agents act on few of them (model, effort, working folder, tools), and the others are kept and
 * answered as they were sent.
 */
import { z } from "zod";

import { once } from "./once.ts";
import { refusalWords } from "./refusal-words.ts";
import { json, kinds, list, part, struct, path, words } from "./wire-schema.ts";

/** When the agent asks before it acts. */
export const approvalPolicy = once(() =>
  z
    .union([
      z.enum(["untrusted", "on-failure", "on-request", "never"]),
      z.object({
        granular: z
          .object({
            sandbox_approval: z.boolean(),
            rules: z.boolean(),
            skill_approval: z.boolean().optional(),
            request_permissions: z.boolean().optional(),
            mcp_elicitations: z.boolean(),
          })
          .register(refusalWords, { name: "variant" }),
      }),
    ])
    .meta({ id: "AskForApproval", description: "When the agent asks before it acts." })
    .register(refusalWords, { variants: ["untrusted", "on-failure", "on-request", "granular", "never"] }),
);

/** Who is asked. */
export const approvalsReviewer = once(() =>
  words("ApprovalsReviewer", "Who answers the agent's requests for approval.", [
    "user",
    "auto_review",
    "guardian_subagent",
  ]),
);

/** A sandbox by its name. */
export const sandboxMode = once(() =>
  words("SandboxMode", "What the agent's commands may touch.", ["read-only", "workspace-write", "danger-full-access"]),
);

/** A sandbox with its details. */
export const sandboxPolicy = once(() =>
  kinds("SandboxPolicy", "What the agent's commands may touch, with details.", [
    part({ type: z.literal("dangerFullAccess") }),
    part({ type: z.literal("readOnly"), networkAccess: z.boolean().optional() }),
    part({ type: z.literal("externalSandbox"), networkAccess: z.enum(["restricted", "enabled"]).optional() }),
    part({
      type: z.literal("workspaceWrite"),
      writableRoots: list(path()).optional(),
      networkAccess: z.boolean().optional(),
      excludeTmpdirEnvVar: z.boolean().optional(),
      excludeSlashTmp: z.boolean().optional(),
    }),
  ]).register(refusalWords, { name: "SandboxPolicyDeserialize" }),
);

/** A named permission profile, as a client selects it. */
export const permissionSelection = once(() =>
  kinds("PermissionProfileSelectionParams", "A named permission profile.", [
    part({ type: z.literal("profile"), id: z.string(), modifications: list(json()).nullish() }),
  ]),
);

/** How hard a model thinks. */
export const reasoningEffort = once(() =>
  words("ReasoningEffort", "How hard the model thinks.", ["none", "minimal", "low", "medium", "high", "xhigh"]),
);

/** How much of its reasoning a model tells. */
export const reasoningSummary = once(() =>
  words("ReasoningSummary", "How much of its reasoning the model tells.", ["auto", "concise", "detailed", "none"]),
);

/** The agent's manner. */
export const personality = once(() => words("Personality", "The agent's manner.", ["none", "friendly", "pragmatic"]));

/** Whom a thread was begun for. */
export const threadSource = once(() =>
  words("ThreadSource", "Whom a thread was begun for.", ["user", "subagent", "memory_consolidation"]),
);

/** A place where an agent's commands run. */
export const turnEnvironment = once(() =>
  struct("TurnEnvironmentParams", "A place where the agent's commands run.", {
    environmentId: z.string(),
    cwd: path(),
  }),
);

/** A tool that the client answers. */
export const dynamicTool = once(() =>
  struct("DynamicToolSpec", "A tool that the client answers, by `item/tool/call`.", {
    namespace: z.string().nullable().exactOptional(),
    name: z.string(),
    description: z.string(),
    inputSchema: json().describe("A JSON Schema of the arguments."),
    deferLoading: z.boolean().exactOptional(),
  }).register(refusalWords, { name: "DynamicToolSpecDe" }),
);

/** A preset of mode, model and instructions. */
export const collaborationMode = once(() =>
  struct("CollaborationMode", "A preset of mode, model and instructions.", {
    mode: words("ModeKind", "The mode.", ["plan", "default"]),
    settings: struct("Settings", "What the mode sets.", {
      model: z.string(),
      reasoning_effort: reasoningEffort().nullish(),
      developer_instructions: z.string().nullish(),
    }),
  }),
);
