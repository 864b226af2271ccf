/**
 * The handshake, and what real clients ask for before they show anything: models, account, configuration.
 * Skein answers the latter truthfully and shortly: it has no accounts, skills, plugins or MCP servers,
 * and says so instead of refusing, because clients take a refusal here for a broken server.
 */
import { z } from "zod";

import { request } from "./definition.ts";
import { int, u32 } from "./whole-numbers.ts";
import { dictionary, json, list, nothing, part, path, struct, unit } from "./wire-schema.ts";

const page = () => ({ cursor: z.string().nullish(), limit: u32().nullish() });
const emptyPage = () => part({ data: list(json()), nextCursor: z.string().nullable() });

/** initialize, and the startup reads. */
export const SESSION_REQUESTS = {
  initialize: request({
    doc:
      "Opens the conversation between a client and the server; the first request of a connection, once. Requests " +
      "may follow as soon as it is answered.",
    params: () =>
      struct("InitializeParams", "Who connects.", {
        clientInfo: struct("ClientInfo", "The client's name and version.", {
          name: z.string().describe("Must be usable as the value of an HTTP header."),
          title: z.string().nullish(),
          version: z.string(),
        }),
        capabilities: struct("InitializeCapabilities", "What the client wants and can do.", {
          experimentalApi: z.boolean().optional().describe("Opens the experimental methods and members."),
          optOutNotificationMethods: list(z.string())
            .nullish()
            .describe("Notifications, by their exact names, that are not sent to this connection."),
        }).nullish(),
      }),
    result: () =>
      struct("InitializeResponse", "Who answers.", {
        userAgent: z.string(),
        codexHome: z.string().describe("The home: where the threads are."),
        platformFamily: z.string().describe("`unix` or `windows`."),
        platformOs: z.string(),
      }),
  }),
  "model/list": request({
    doc: "The models that a thread can run with: the one that the server was started with.",
    params: () => struct("ModelListParams", "A page of models.", { ...page(), includeHidden: z.boolean().nullish() }),
    result: () =>
      struct("ModelListResponse", "A page of models.", {
        data: list(
          struct("Model", "A model.", {
            id: z.string(),
            model: z.string(),
            upgrade: z.string().nullable(),
            upgradeInfo: json(),
            availabilityNux: json(),
            displayName: z.string(),
            description: z.string(),
            hidden: z.boolean(),
            supportedReasoningEfforts: list(part({ reasoningEffort: z.string(), description: z.string() })),
            defaultReasoningEffort: z.string(),
            inputModalities: list(z.string()),
            supportsPersonality: z.boolean(),
            additionalSpeedTiers: list(z.string()),
            serviceTiers: list(json()),
            isDefault: z.boolean(),
          }),
        ),
        nextCursor: z.string().nullable(),
      }),
  }),
  "modelProvider/capabilities/read": request({
    doc: "What the model provider can do beside text.",
    params: () => nothing("ModelProviderCapabilitiesReadParams"),
    result: () => part({ namespaceTools: z.boolean(), imageGeneration: z.boolean(), webSearch: z.boolean() }),
  }),
  "config/read": request({
    doc: "The configuration that threads begin with: the server's model, provider and policies.",
    params: () =>
      struct("ConfigReadParams", "Which configuration.", {
        includeLayers: z.boolean().optional(),
        cwd: z.string().nullish(),
      }),
    result: () =>
      struct("ConfigReadResponse", "The configuration.", {
        config: dictionary(json()).describe("Names as in config.toml: `model`, `model_provider`, `approval_policy`, …"),
        origins: dictionary(json()),
        layers: list(json()).nullable(),
      }),
  }),
  "configRequirements/read": request({
    doc: "What an administrator demands of configurations: nothing.",
    params: unit,
    result: () => part({ requirements: json() }),
  }),
  "account/read": request({
    doc: "The account: there is none, and none is needed.",
    params: () => struct("GetAccountParams", "How.", { refreshToken: z.boolean().optional() }),
    result: () => struct("GetAccountResponse", "The account.", { account: json(), requiresOpenaiAuth: z.boolean() }),
  }),
  "account/rateLimits/read": request({
    doc: "Limits of the account: none are known.",
    params: unit,
    result: () =>
      struct("GetAccountRateLimitsResponse", "Limits of the account.", {
        rateLimits: part({
          limitId: z.string().nullable(),
          limitName: z.string().nullable(),
          primary: json(),
          secondary: json(),
          credits: json(),
          planType: z.string().nullable(),
          rateLimitReachedType: z.string().nullable(),
        }),
        rateLimitsByLimitId: dictionary(json()).nullable(),
      }),
  }),
  getAuthStatus: request({
    doc: "How the server is logged in: it is not, and needs not be.",
    params: () =>
      struct("GetAuthStatusParams", "How.", {
        includeToken: z.boolean().nullish(),
        refreshToken: z.boolean().nullish(),
      }),
    result: () =>
      struct("GetAuthStatusResponse", "How the server is logged in.", {
        authMethod: z.string().nullable(),
        authToken: z.string().nullable(),
        requiresOpenaiAuth: z.boolean().nullable(),
      }),
  }),
  "skills/list": request({
    doc: "Skills: none.",
    params: () =>
      struct("SkillsListParams", "Where to look.", {
        cwds: list(path()).optional(),
        forceReload: z.boolean().optional(),
      }),
    result: () => part({ data: list(part({ cwd: z.string(), skills: list(json()), errors: list(json()) })) }),
  }),
  "hooks/list": request({
    doc: "Hooks: none.",
    params: () => struct("HooksListParams", "Where to look.", { cwds: list(path()).optional() }),
    result: () => part({ data: list(json()) }),
  }),
  "plugin/list": request({
    doc: "Plugins: none.",
    params: () =>
      struct("PluginListParams", "Where to look.", {
        cwds: list(path()).nullish(),
        marketplaceKinds: list(z.string()).nullish(),
      }),
    result: () =>
      part({
        marketplaces: list(json()),
        marketplaceLoadErrors: list(json()),
        featuredPluginIds: list(z.string()),
      }),
  }),
  "app/list": request({
    doc: "Apps: none.",
    params: () =>
      struct("AppsListParams", "A page of apps.", {
        ...page(),
        threadId: z.string().nullish(),
        forceRefetch: z.boolean().optional(),
      }),
    result: emptyPage,
  }),
  "mcpServerStatus/list": request({
    doc: "MCP servers: none.",
    params: () =>
      struct("ListMcpServerStatusParams", "A page of MCP servers.", {
        ...page(),
        detail: z.enum(["full", "toolsAndAuthOnly"]).nullish(),
      }),
    result: emptyPage,
  }),
  "permissionProfile/list": request({
    doc: "Named permission profiles: none.",
    since: "codex-0.169",
    params: () => struct("PermissionProfileListParams", "A page of profiles.", { ...page(), cwd: path().nullish() }),
    result: emptyPage,
  }),
  "experimentalFeature/list": request({
    doc: "Features that can be switched on: none.",
    params: () => struct("ExperimentalFeatureListParams", "A page of features.", page()),
    result: emptyPage,
  }),
  "collaborationMode/list": request({
    doc: "Presets of mode, model and instructions: none.",
    experimental: true,
    params: () => nothing("CollaborationModeListParams"),
    result: () => part({ data: list(json()) }),
  }),
  "thread/goal/get": request({
    doc: "The goal of a thread: none, for Skein keeps no goals.",
    queue: "thread",
    experimental: true,
    params: () => struct("ThreadGoalGetParams", "Which thread.", { threadId: z.string() }),
    result: () =>
      part({
        goal: part({ threadId: z.string(), objective: z.string(), status: z.string(), tokensUsed: int() }).nullable(),
      }),
  }),
} as const;
