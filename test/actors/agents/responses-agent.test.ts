/**
 * responsesAgent against a real server on loopback: what it sends, streams, retries, and how its
 * failures reach the turn. The tool loop runs in a thread, as it does for an embedder.
 */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import {
  type AgentEvent,
  type AgentRequest,
  type FunctionTool,
  responsesAgent,
  type ResponsesAgentOptions,
} from "../../../src/actors/index.ts";
import { LIMITS } from "../../../src/base/index.ts";
import type { ResponseItem } from "../../../src/events/index.ts";
import { type MockResponsesServer, startMockResponsesServer } from "../../support/mock-responses-server.ts";
import { type ActorFixture, openFixture, until } from "../actor-fixture.ts";

let server: MockResponsesServer;
let fixture: ActorFixture | undefined;
beforeEach(async () => {
  server = await startMockResponsesServer({ headers: { "retry-after-ms": "1" } });
});
afterEach(async () => {
  await fixture?.close();
  fixture = undefined;
  await server.close();
  vi.unstubAllEnvs();
});

function agentOf(options: ResponsesAgentOptions = {}): ReturnType<typeof responsesAgent> {
  return responsesAgent({ apiKey: "k-test", baseUrl: server.url, model: "m-1", backoffMs: 1, ...options });
}

function userItem(text: string): ResponseItem {
  return { type: "message", role: "user", content: [{ type: "input_text", text }] };
}

function requestOf(text: string, more: Partial<AgentRequest> = {}): AgentRequest {
  return {
    task: "turn",
    threadId: "thread-1",
    turnId: "turn-1",
    context: [userItem(text)],
    input: [{ type: "text", text }],
    settings: { model: "m-1", cwd: "/srv" },
    signal: new AbortController().signal,
    takeSteering: () => [],
    ask: () => Promise.reject(new Error("nobody is there")),
    ...more,
  };
}

async function play(agent: ReturnType<typeof responsesAgent>, request: AgentRequest): Promise<AgentEvent[]> {
  const events: AgentEvent[] = [];
  for await (const event of agent.run(request)) events.push(event);
  return events;
}

function itemsOf(events: readonly AgentEvent[]): ResponseItem[] {
  return events.flatMap((event) => (event.type === "item" ? [event.item] : []));
}

const adder: FunctionTool = {
  name: "add",
  description: "adds",
  parameters: { type: "object", properties: { a: { type: "number" }, b: { type: "number" } } },
  run: (args) => {
    const { a, b } = args as { a: number; b: number };
    return { sum: a + b };
  },
};

describe("an answer", () => {
  test("streams, and hands over items, ids and usage when it is whole", async () => {
    const events = await play(
      agentOf({ contextWindow: 9_000 }),
      requestOf("[[reason:hm]][[say:hello]][[usage:10,1,4,2]]"),
    );
    expect(events.map((event) => event.type)).toEqual([
      "item_started",
      "reasoning_delta",
      "item_started",
      "text_delta",
      "text_delta",
      "item",
      "item",
      "usage",
    ]);
    expect(itemsOf(events)).toEqual([
      {
        type: "reasoning",
        summary: [{ type: "summary_text", text: "hm" }],
        content: null,
        encrypted_content: "c2VjcmV0",
      },
      { type: "message", role: "assistant", content: [{ type: "output_text", text: "hello" }] },
    ]);
    expect(events.at(-1)).toEqual({
      type: "usage",
      usage: {
        input_tokens: 10,
        cached_input_tokens: 1,
        output_tokens: 4,
        reasoning_output_tokens: 2,
        total_tokens: 14,
      },
      contextWindow: 9_000,
    });
    const ids = events.flatMap((event) => ("itemId" in event && event.itemId !== undefined ? [event.itemId] : []));
    expect(new Set(ids).size).toBe(2);
  });

  test("whose items come only with the whole answer is taken from there", async () => {
    const events = await play(agentOf(), requestOf("[[whole]][[say:at once]]"));
    expect(itemsOf(events)).toEqual([
      { type: "message", role: "assistant", content: [{ type: "output_text", text: "at once" }] },
    ]);
    expect(events.at(-1)?.type).toBe("usage");
  });

  test("is asked for without state, with the settings of the turn", async () => {
    const settings = {
      model: "m-9",
      cwd: "/srv",
      effort: "low",
      instructions: "be brief",
      outputSchema: { type: "object" },
    };
    await play(agentOf({ instructions: "unused", tools: [adder] }), requestOf("hi", { settings }));
    const [seen] = server.requests;
    expect(seen?.headers.authorization).toBe("Bearer k-test");
    expect(seen?.body).toMatchObject({
      model: "m-9",
      stream: true,
      store: false,
      instructions: "be brief",
      reasoning: { effort: "low", summary: "auto" },
      include: ["reasoning.encrypted_content"],
      tools: [{ type: "function", name: "add", strict: false }],
      text: { format: { type: "json_schema", schema: { type: "object" } } },
    });
  });

  test("to a history that was cut pairs every call with an output, and drops what no server takes", async () => {
    const context: ResponseItem[] = [
      { type: "reasoning", summary: [], encrypted_content: null },
      { type: "reasoning", summary: [], encrypted_content: "eA==", content: null },
      { type: "function_call", name: "f", arguments: "{}", call_id: "c1" },
      { type: "function_call_output", call_id: "c0", output: "orphan" },
      { type: "web_search_call", status: "completed" },
      userItem("hi"),
    ];
    await play(agentOf(), requestOf("hi", { context }));
    expect(server.requests[0]?.body.input).toEqual([
      { type: "reasoning", summary: [], encrypted_content: "eA==" },
      { type: "function_call", name: "f", arguments: "{}", call_id: "c1" },
      { type: "function_call_output", call_id: "c1", output: "aborted" },
      userItem("hi"),
    ]);
  });

  test("keeps Codex's shell calls with their outputs, and the model's own compaction", async () => {
    const action = { type: "exec", command: ["ls"], env: {} };
    const shell = { type: "local_shell_call", id: "lsh_1", call_id: "c1", status: "completed", action };
    const output = { type: "function_call_output", call_id: "c1", output: "a.txt" };
    const context = [
      { type: "compaction_summary", encrypted_content: "c2VjcmV0" },
      shell,
      output,
      { ...shell, id: null, call_id: "c2" },
      { ...shell, call_id: null },
      userItem("go on"),
    ];
    await play(agentOf(), requestOf("go on", { context }));
    expect(server.requests[0]?.body.input).toEqual([
      { type: "compaction", encrypted_content: "c2VjcmV0" },
      shell,
      output,
      { ...shell, id: "c2", call_id: "c2" },
      { type: "function_call_output", call_id: "c2", output: "aborted" },
      userItem("go on"),
    ]);
  });

  test("a compaction asks for a summary and offers no tools; a review is told what it is", async () => {
    const agent = agentOf({ tools: [adder] });
    await play(agent, requestOf("hi", { task: "compact", input: [] }));
    await play(agent, requestOf("hi", { task: "review" }));
    const [compaction, review] = server.requests;
    expect(compaction?.body["tools"]).toBeUndefined();
    expect(JSON.stringify(compaction?.body.input.at(-1))).toContain("Summarize");
    expect(review?.body["instructions"]).toContain("reviewing");
  });
});

describe("tools", () => {
  test("are run in the order of their calls, and their outputs go back", async () => {
    const order: string[] = [];
    const slow: FunctionTool = {
      name: "slow",
      description: "takes its time",
      parameters: {},
      run: async () => {
        await new Promise((resolve) => setImmediate(resolve));
        order.push("slow");
        return "done";
      },
    };
    const tools = [
      slow,
      {
        ...adder,
        run: (args: unknown) => (
          order.push("add"),
          adder.run(args, { signal: new AbortController().signal, threadId: "" })
        ),
      },
    ];
    fixture = await openFixture({ agent: agentOf({ tools }) });
    const thread = await fixture.manager.start();
    const ended = await (await thread.startTurn('[[tool:slow]][[tool:add {"a":1,"b":2}]]')).completed;
    expect(order).toEqual(["slow", "add"]);
    expect(ended.items.at(-1)).toMatchObject({ type: "agentMessage", text: 'Tools said: done | {"sum":3}' });
    const kinds = (await fixture.records(thread.id)).flatMap(({ item }) =>
      item.type === "response_item" ? [item.payload.type] : [],
    );
    expect(kinds).toEqual([
      "message",
      "function_call",
      "function_call",
      "function_call_output",
      "function_call_output",
      "message",
    ]);
    expect(server.requests).toHaveLength(2);
  });

  test("that throw, don't exist or get no JSON answer the model with the reason", async () => {
    const broken: FunctionTool = {
      name: "broken",
      description: "",
      parameters: {},
      run: () => {
        throw new Error("out of paper");
      },
    };
    const events = await play(
      agentOf({ tools: [broken, adder] }),
      requestOf("[[tool:broken]][[tool:nothing]][[tool:add {no]]"),
    );
    const outputs = itemsOf(events).flatMap((item) => (item.type === "function_call_output" ? [item["output"]] : []));
    expect(outputs).toEqual([
      "error: out of paper",
      "error: there is no tool nothing; there are: broken, add",
      expect.stringContaining("error: the arguments are not JSON"),
    ]);
  });

  test("may be called in so many rounds and no more", async () => {
    const running = play(agentOf({ tools: [adder] }), requestOf('[[forever]][[tool:add {"a":1,"b":2}]]'));
    await expect(running).rejects.toMatchObject({
      code: "agent_failed",
      data: { toolRoundsMax: LIMITS.toolRoundsMax },
    });
    expect(server.requests).toHaveLength(LIMITS.toolRoundsMax + 1);
  });

  test("two of one name are refused at once", () => {
    expect(() => agentOf({ tools: [adder, adder] })).toThrow("two tools are named add");
  });

  test("steered input is asked about before each request, and once more before the end", async () => {
    const steered = [[], [{ input: [], item: userItem("more [[say:second]]") }], []] as const;
    let asked = 0;
    const takeSteering = () => steered[(asked += 1) - 1] ?? [];
    const events = await play(agentOf(), requestOf("[[say:first]]", { takeSteering }));
    expect(itemsOf(events).map((item) => JSON.stringify(item["content"]))).toEqual([
      expect.stringContaining("first"),
      expect.stringContaining("second"),
    ]);
  });
});

describe("failures", () => {
  test.each([429, 500, 503, 408])("status %d is retried, and the answer is there once", async (status) => {
    const events = await play(agentOf(), requestOf(`[[status:${status},2]][[say:at last]]`));
    expect(itemsOf(events)).toHaveLength(1);
    expect(server.requests).toHaveLength(3);
  });

  test.each([
    [400, false],
    [401, false],
    [404, false],
    [429, true],
    [500, true],
  ])("status %d that stays fails the turn (retryable: %s)", async (status, retryable) => {
    const running = play(agentOf({ retries: 1 }), requestOf(`[[status:${status}]]`));
    await expect(running).rejects.toMatchObject({ code: "agent_failed", retryable, data: { status } });
    expect(server.requests).toHaveLength(retryable ? 2 : 1);
  });

  test("a stream that is cut is asked again; its half answer is no item", async () => {
    const running = play(agentOf({ retries: 2 }), requestOf("[[reason:half]][[cut]]"));
    await expect(running).rejects.toMatchObject({
      code: "agent_failed",
      retryable: true,
      message: expect.stringContaining("before the answer was complete"),
    });
    expect(server.requests).toHaveLength(3);
    fixture = await openFixture({ agent: agentOf({ retries: 0 }) });
    const thread = await fixture.manager.start();
    const ended = await (await thread.startTurn("[[reason:half]][[cut]]")).completed;
    expect(ended).toMatchObject({ status: "failed", items: [{ type: "userMessage" }] });
  });

  test("an answer that failed or is incomplete fails the turn with the server's reason; whole items stay", async () => {
    fixture = await openFixture({ agent: agentOf({ retries: 0 }) });
    const thread = await fixture.manager.start();
    const failed = await (await thread.startTurn("[[failed:invalid_prompt]]")).completed;
    expect(failed.error?.message).toContain("mock failed: invalid_prompt");
    const incomplete = await (await thread.startTurn("[[say:so far]][[incomplete:max_output_tokens]]")).completed;
    expect(incomplete).toMatchObject({
      status: "failed",
      items: [{ type: "userMessage" }, { type: "agentMessage", text: "so far" }],
      error: { message: expect.stringContaining("max_output_tokens") },
    });
    expect(await fixture.kinds(thread.id)).toContain("event_msg:token_count");
  });

  test("an answer that failed for a reason that may pass is asked again", async () => {
    const running = play(agentOf({ retries: 1 }), requestOf("[[failed:rate_limit_exceeded]]"));
    await expect(running).rejects.toMatchObject({ retryable: true, data: { errorCode: "rate_limit_exceeded" } });
    expect(server.requests).toHaveLength(2);
  });

  test("a stream that goes silent is given up in time", async () => {
    const running = play(agentOf({ retries: 0, idleTimeoutMs: 50 }), requestOf("[[hang]]"));
    await expect(running).rejects.toMatchObject({ code: "agent_failed", retryable: true, data: { idleTimeoutMs: 50 } });
    await until(() => server.aborted === 1);
  });

  test("a server that asks for a longer wait than is allowed fails the turn with that wait", async () => {
    const patient = await startMockResponsesServer({ headers: { "retry-after": "3600" } });
    const running = play(agentOf({ baseUrl: patient.url }), requestOf("[[status:429]]"));
    await expect(running).rejects.toMatchObject({ retryable: true, data: { status: 429, retryAfterMs: 3_600_000 } });
    expect(patient.requests).toHaveLength(1);
    await patient.close();
  });

  test("nobody listening is a retryable failure without a status", async () => {
    const { url } = server;
    await server.close();
    const running = play(agentOf({ baseUrl: url, retries: 1 }), requestOf("hi"));
    await expect(running).rejects.toMatchObject({ code: "agent_failed", retryable: true, data: { status: null } });
    server = await startMockResponsesServer();
  });

  test("an interrupt goes through to the connection", async () => {
    fixture = await openFixture({ agent: agentOf() });
    const thread = await fixture.manager.start();
    const turn = await thread.startTurn("[[hang]]");
    await until(() => fixture?.signals(thread.id).some((signal) => signal.type === "text_delta") ?? false);
    expect((await thread.interrupt(turn.turnId)).status).toBe("interrupted");
    await until(() => server.aborted === 1);
  });

  test("without a key the agent says what to set, and the environment is read", async () => {
    vi.stubEnv("OPENAI_API_KEY", "");
    expect(() => responsesAgent({ baseUrl: server.url })).toThrow(/set OPENAI_API_KEY or pass apiKey/);
    vi.stubEnv("OPENAI_API_KEY", "k-env");
    vi.stubEnv("OPENAI_BASE_URL", server.url);
    await play(responsesAgent(), requestOf("hi"));
    expect(server.requests[0]?.headers.authorization).toBe("Bearer k-env");
  });
});
