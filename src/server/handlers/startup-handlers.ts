/**
 * What clients ask before they show anything: models, configuration, account, and lists of what Skein doesn't have.
 * Each answer is true, and short: one agent answers here, nobody has to log in, and there are no skills, hooks,
 * plugins, apps or MCP servers.
 */
import { resolve } from "node:path";

import type { RequestMethod, RequestResult } from "../protocol/index.ts";
import type { Answer, Handler, HandlersOf } from "../request-call.ts";
import { invalidRequest } from "../rpc-error.ts";
import { requireWireThreadId } from "../wire-thread-id.ts";

const EFFORTS = Object.freeze([
  { reasoningEffort: "low", description: "Answers soon" },
  { reasoningEffort: "medium", description: "Thinks for a while" },
  { reasoningEffort: "high", description: "Thinks for long" },
]);

const listModels: Handler<"model/list"> = async (params, { server }) => {
  const { models } = server.settings;
  const begin = cursorIndex(params.cursor, models.length);
  const end = begin + Math.max(1, params.limit ?? models.length);
  const data = models.slice(begin, end).map((model, index) => modelOf(model, begin + index === 0));
  return { result: { data, nextCursor: end < models.length ? String(end) : null } };
};

function modelOf(model: string, isDefault: boolean): RequestResult<"model/list">["data"][number] {
  return {
    id: model,
    model,
    upgrade: null,
    upgradeInfo: null,
    availabilityNux: null,
    displayName: model,
    description: isDefault ? "What this server answers with" : "",
    hidden: false,
    supportedReasoningEfforts: [...EFFORTS],
    defaultReasoningEffort: "medium",
    inputModalities: ["text", "image"],
    supportsPersonality: false,
    additionalSpeedTiers: [],
    serviceTiers: [],
    isDefault,
  };
}

/** A page of models begins at a number. */
function cursorIndex(cursor: string | null | undefined, count: number): number {
  if (cursor === null || cursor === undefined) return 0;
  const index = Number(cursor);
  if (/^\d+$/.test(cursor) && index <= count) return index;
  throw invalidRequest(`invalid cursor: ${cursor}`);
}

const readConfig: Handler<"config/read"> = async (params, { server }) => {
  const { models, modelProvider } = server.settings;
  const config = {
    model: models[0] ?? null,
    model_provider: modelProvider,
    approval_policy: "never",
    sandbox_mode: "danger-full-access",
    mcp_servers: {},
  };
  return { result: { config, origins: {}, layers: params.includeLayers === true ? [] : null } };
};

const listSkills: Handler<"skills/list"> = async (params, { server }) => {
  const { cwd } = server.settings;
  const data = foldersOf(params.cwds, cwd).map((folder) => ({ cwd: folder, skills: [], errors: [] }));
  return { result: { data } };
};

const listHooks: Handler<"hooks/list"> = async (params, { server }) => {
  const { cwd } = server.settings;
  const data = foldersOf(params.cwds, cwd).map((folder) => ({ cwd: folder, hooks: [], warnings: [], errors: [] }));
  return { result: { data } };
};

/** The folders asked about; the server's own where none is named. */
function foldersOf(cwds: readonly string[] | undefined, cwd: string): readonly string[] {
  return cwds === undefined || cwds.length === 0 ? [cwd] : cwds.map((folder) => resolve(cwd, folder));
}

const readGoal: Handler<"thread/goal/get"> = async (params, { server }) => {
  const threadId = requireWireThreadId(params.threadId);
  if (server.threads.find(threadId) === undefined) await server.threads.kept.store.readThread({ threadId });
  return { result: { goal: null } };
};

const RATE_LIMITS = Object.freeze({
  limitId: null,
  limitName: null,
  primary: null,
  secondary: null,
  credits: null,
  planType: null,
  rateLimitReachedType: null,
});

/** Always the same answer. */
function always<Method extends RequestMethod>(result: RequestResult<Method>): () => Promise<Answer<typeof result>> {
  return async () => ({ result });
}

/** Methods that clients begin with. */
export const startupHandlers: HandlersOf<
  | "model/list"
  | "modelProvider/capabilities/read"
  | "config/read"
  | "configRequirements/read"
  | "account/read"
  | "account/rateLimits/read"
  | "getAuthStatus"
  | "skills/list"
  | "hooks/list"
  | "plugin/list"
  | "app/list"
  | "mcpServerStatus/list"
  | "permissionProfile/list"
  | "experimentalFeature/list"
  | "collaborationMode/list"
  | "thread/goal/get"
> = {
  "model/list": listModels,
  "modelProvider/capabilities/read": always<"modelProvider/capabilities/read">({
    namespaceTools: true,
    imageGeneration: false,
    webSearch: false,
  }),
  "config/read": readConfig,
  "configRequirements/read": always<"configRequirements/read">({ requirements: null }),
  "account/read": always<"account/read">({ account: null, requiresOpenaiAuth: false }),
  "account/rateLimits/read": always<"account/rateLimits/read">({
    rateLimits: RATE_LIMITS,
    rateLimitsByLimitId: null,
  }),
  getAuthStatus: always<"getAuthStatus">({ authMethod: null, authToken: null, requiresOpenaiAuth: false }),
  "skills/list": listSkills,
  "hooks/list": listHooks,
  "plugin/list": always<"plugin/list">({ marketplaces: [], marketplaceLoadErrors: [], featuredPluginIds: [] }),
  "app/list": always<"app/list">({ data: [], nextCursor: null }),
  "mcpServerStatus/list": always<"mcpServerStatus/list">({ data: [], nextCursor: null }),
  "permissionProfile/list": always<"permissionProfile/list">({ data: [], nextCursor: null }),
  "experimentalFeature/list": always<"experimentalFeature/list">({ data: [], nextCursor: null }),
  "collaborationMode/list": always<"collaborationMode/list">({ data: [] }),
  "thread/goal/get": readGoal,
};
