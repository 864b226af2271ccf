/**
 * What clients ask before they show anything: models, configuration, account, and lists of what isn't there. Each
 * answer has the protocol's shape.
 */
import { afterEach, describe, expect, it } from "vitest";
import type { z } from "zod";

import { echoAgent } from "../../../src/actors/index.ts";
import { REQUESTS, type RequestMethod } from "../../../src/server/protocol/index.ts";
import { closeServers, serve } from "../server-fixture.ts";

afterEach(closeServers);

describe("a client that starts up", () => {
  it("finds the server's models, the default first, page by page", async () => {
    const { connect } = await serve({ models: ["big", "small"] });
    const client = await connect();
    const { data } = await client.call("model/list", { cursor: null, limit: null, includeHidden: true });
    expect(data.map(({ id, model, isDefault }) => [id, model, isDefault])).toEqual([
      ["big", "big", true],
      ["small", "small", false],
    ]);
    expect(data[0]?.supportedReasoningEfforts.map(({ reasoningEffort }) => reasoningEffort)).toContain(
      data[0]?.defaultReasoningEffort,
    );
    const first = await client.call("model/list", { limit: 1 });
    const second = await client.call("model/list", { limit: 1, cursor: first.nextCursor });
    expect([...first.data, ...second.data]).toEqual(data);
    expect(second.nextCursor).toBeNull();
    expect(await client.refusal("model/list", { cursor: "x" })).toEqual([-32_600, "invalid cursor: x"]);
  });

  it("reads the configuration, and needs no account", async () => {
    const { connect } = await serve({ agent: { ...echoAgent(), provider: "mock" } });
    const client = await connect();
    const { config, layers } = await client.call("config/read", { includeLayers: true });
    expect(config).toMatchObject({ model: "echo", model_provider: "mock", mcp_servers: {} });
    expect(layers).toEqual([]);
    expect(await client.call("account/read", { refreshToken: false })).toEqual({
      account: null,
      requiresOpenaiAuth: false,
    });
    expect(await client.call("getAuthStatus", {})).toMatchObject({ authMethod: null, requiresOpenaiAuth: false });
  });

  it("gets one entry a folder for skills and hooks", async () => {
    const { connect } = await serve();
    const client = await connect();
    const { data } = await client.call("skills/list", { cwds: ["/a", "b"], forceReload: true });
    expect(data).toEqual([
      { cwd: "/a", skills: [], errors: [] },
      { cwd: "/srv/ws/b", skills: [], errors: [] },
    ]);
    expect((await client.call("hooks/list", {})).data).toEqual([
      { cwd: "/srv/ws", hooks: [], warnings: [], errors: [] },
    ]);
  });

  it.each([
    "model/list",
    "modelProvider/capabilities/read",
    "config/read",
    "configRequirements/read",
    "account/read",
    "account/rateLimits/read",
    "getAuthStatus",
    "skills/list",
    "hooks/list",
    "plugin/list",
    "app/list",
    "mcpServerStatus/list",
    "experimentalFeature/list",
    "collaborationMode/list",
  ] as const satisfies readonly RequestMethod[])("gets an answer of the protocol's shape to %s", async (method) => {
    const { connect } = await serve();
    const client = await connect();
    const { result } = await client.request(method, {});
    const schema: z.ZodType = REQUESTS[method].result;
    expect(schema.safeParse(result).error).toBeUndefined();
  });

  it.each(["configRequirements/read", "account/rateLimits/read"])("may leave out the params of %s", async (method) => {
    const { connect } = await serve();
    const client = await connect();
    client.send(JSON.stringify({ id: "without", method }));
    const { result } = await client.waitFor(({ id }) => id === "without");
    expect(result).toBeDefined();
    for (const params of [null, {}]) expect((await client.request(method, params)).result).toEqual(result);
  });

  it("is told that a method which isn't about threads is not served here", async () => {
    const { connect } = await serve();
    const client = await connect();
    const [code, words] = await client.refusal("fs/readFile", { path: "/x" });
    expect([code, words]).toEqual([-32_601, expect.stringMatching(/^fs\/readFile is not served here/)]);
  });

  it("finds no goal", async () => {
    const { connect } = await serve();
    const client = await connect();
    const threadId = await client.startThread();
    expect(await client.call("thread/goal/get", { threadId })).toEqual({ goal: null });
    const unknown = "01a2b3c4-0000-7000-8000-000000000001";
    const refusal = await client.refusal("thread/goal/get", { threadId: unknown });
    expect(refusal).toEqual([-32_600, `thread not found: ${unknown}`]);
  });
});
