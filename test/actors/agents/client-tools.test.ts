/**
 * Tools that a client answers, through responsesAgent against a server on loopback: how they are offered, shown,
 * asked and answered, and that what goes wrong with them is told to the model.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { type DynamicTool, type FunctionTool, responsesAgent, type ThreadHandle } from "../../../src/actors/index.ts";
import { LIMITS } from "../../../src/base/index.ts";
import type { Json, Turn } from "../../../src/events/index.ts";
import { type MockResponsesServer, startMockResponsesServer } from "../../support/mock-responses-server.ts";
import { type ActorFixture, openFixture, until } from "../actor-fixture.ts";

let server: MockResponsesServer;
let fixture: ActorFixture;
beforeEach(async () => {
  server = await startMockResponsesServer();
  await open();
});
afterEach(async () => {
  await fixture.close();
  await server.close();
});

async function open(tools: readonly FunctionTool[] = []): Promise<void> {
  const options = { apiKey: "k-test", baseUrl: server.url, model: "m-1", retries: 0, tools };
  fixture = await openFixture({ agent: (clock) => responsesAgent({ ...options, clock }) });
}

const SCHEMA = { type: "object", properties: { id: { type: "string" } } };
const LOOKUP: DynamicTool = { name: "lookup", description: "looks up", inputSchema: SCHEMA };
const OWN: FunctionTool = { name: "own", description: "the agent's", parameters: SCHEMA, run: () => "own output" };

/** Plays a turn and answers its question as `settle` does. */
async function playCall(thread: ThreadHandle, text: string, settle: (questionId: string) => void): Promise<Turn> {
  const turn = await thread.startTurn(text);
  await until(() => thread.snapshot().questions.length === 1);
  settle(thread.snapshot().questions[0]?.questionId ?? "");
  return await turn.completed;
}

function calls(threadId: string): readonly object[] {
  return fixture.signals(threadId).flatMap((signal) => {
    if (signal.type !== "item_started" && signal.type !== "item_completed") return [];
    return signal.item.type === "dynamicToolCall" ? [signal.item] : [];
  });
}

/** What the model got for its calls. */
function outputs(): readonly unknown[] {
  const last = server.requests.at(-1)?.body.input ?? [];
  return last.flatMap((item) => (item.type === "function_call_output" ? [item.output] : []));
}

describe("a tool of the client", () => {
  test("is offered beside the agent's own, asked when it is called, and answered to the model", async () => {
    await fixture.close();
    await open([OWN]);
    const thread = await fixture.manager.start({ tools: [LOOKUP] });
    let asked: Json | undefined;
    const turn = await playCall(thread, '[[tool:lookup {"id":"7"}]]', (questionId) => {
      const { question } = thread.snapshot().questions[0] ?? {};
      asked = { ...question } as unknown as Json;
      fixture.clock.advance(30);
      const contentItems = [{ type: "inputText", text: "seven" }];
      expect(thread.answer(questionId, { contentItems, success: true })).toBe(true);
    });
    expect(turn.status).toBe("completed");
    expect(server.requests[0]?.body["tools"]).toEqual([
      { type: "function", name: "own", description: "the agent's", parameters: SCHEMA, strict: false },
      { type: "function", name: "lookup", description: "looks up", parameters: SCHEMA, strict: false },
    ]);
    const call = { type: "dynamicToolCall", namespace: null, tool: "lookup", arguments: { id: "7" } };
    const [started, completed] = calls(thread.id);
    const { id } = started as { readonly id: string };
    expect(started).toEqual({ ...call, id, status: "inProgress", contentItems: null, success: null, durationMs: null });
    expect(completed).toMatchObject({
      ...call,
      id,
      status: "completed",
      contentItems: [{ type: "inputText", text: "seven" }],
      success: true,
      durationMs: 30,
    });
    expect(asked).toEqual({
      kind: "toolCall",
      itemId: id,
      details: { callId: id, tool: "lookup", namespace: null, arguments: { id: "7" } },
    });
    expect(outputs()).toEqual(["seven"]);
  });

  test("of a namespace is offered in its group and found by both names", async () => {
    const tools = [LOOKUP, { ...LOOKUP, namespace: "crm" }, { ...LOOKUP, name: "list", namespace: "crm" }];
    const thread = await fixture.manager.start({ tools });
    await playCall(thread, "[[tool:crm/list]]", (questionId) => {
      thread.answer(questionId, { contentItems: [], success: true });
    });
    const named = (name: string): object => ({ type: "function", name, parameters: SCHEMA });
    expect(server.requests[0]?.body["tools"]).toMatchObject([
      named("lookup"),
      { type: "namespace", name: "crm", tools: [named("lookup"), named("list")] },
    ]);
    expect(calls(thread.id)[0]).toMatchObject({ tool: "list", namespace: "crm" });
    const records = await fixture.records(thread.id);
    expect(JSON.stringify(records)).toContain('"name":"list","namespace":"crm"');
  });

  test("answers with images and several parts as content", async () => {
    const thread = await fixture.manager.start({ tools: [LOOKUP] });
    await playCall(thread, "[[tool:lookup]]", (questionId) => {
      const contentItems = [
        { type: "inputText", text: "look" },
        { type: "inputImage", imageUrl: "data:image/png;base64,AA==" },
      ];
      thread.answer(questionId, { contentItems, success: true });
    });
    expect(outputs()).toEqual([
      [
        { type: "input_text", text: "look" },
        { type: "input_image", image_url: "data:image/png;base64,AA==" },
      ],
    ]);
  });

  test.each<[string, Json, string]>([
    ["no content", {}, "error: the client's answer has no contentItems"],
    ["nothing", null, "error: the client's answer has no contentItems"],
    ["a part that is none", { contentItems: [{ type: "video" }] }, "error: the client's answer has a content item"],
    [
      "a failure of its own",
      { contentItems: [{ type: "inputText", text: "no such id" }], success: false },
      "no such id",
    ],
  ])("that answers %s has failed, and the model is told", async (_title, answer, output) => {
    const thread = await fixture.manager.start({ tools: [LOOKUP] });
    const turn = await playCall(thread, "[[tool:lookup]]", (questionId) => void thread.answer(questionId, answer));
    expect(turn.status).toBe("completed");
    expect(calls(thread.id).at(-1)).toMatchObject({ status: "failed", success: false });
    expect(outputs()).toEqual([expect.stringContaining(output)]);
  });

  test("that is refused has failed, and the model is told why", async () => {
    const thread = await fixture.manager.start({ tools: [LOOKUP] });
    const turn = await playCall(thread, "[[tool:lookup]]", (questionId) => void thread.refuse(questionId, "not today"));
    expect(turn.status).toBe("completed");
    expect(calls(thread.id).at(-1)).toMatchObject({ status: "failed", contentItems: null });
    expect(outputs()).toEqual(["error: the question was refused: not today"]);
  });

  test("that is never answered doesn't hold up an interrupt", async () => {
    const thread = await fixture.manager.start({ tools: [LOOKUP] });
    const turn = await thread.startTurn("[[tool:lookup]]");
    await until(() => thread.snapshot().questions.length === 1);
    expect((await thread.interrupt(turn.turnId)).status).toBe("interrupted");
    expect(server.requests).toHaveLength(1);
  });

  test("called with what is no JSON is not asked", async () => {
    const thread = await fixture.manager.start({ tools: [LOOKUP] });
    await (
      await thread.startTurn("[[tool:lookup {oops]]")
    ).completed;
    expect(outputs()).toEqual([expect.stringContaining("error: the arguments are not JSON")]);
    expect(calls(thread.id)).toEqual([]);
  });

  test("with the name of one of the agent's own fails the turn, which says so", async () => {
    await fixture.close();
    await open([OWN]);
    const thread = await fixture.manager.start({ tools: [{ ...LOOKUP, name: "own" }] });
    const turn = await (await thread.startTurn("hello")).completed;
    expect(turn).toMatchObject({ status: "failed", error: { message: expect.stringContaining("own") as string } });
  });
});

describe("a client's tools", () => {
  const offered = (): unknown[] =>
    server.requests.map(({ body }) => (body["tools"] as unknown[] | undefined)?.length ?? 0);

  test("stay for later turns until others come, go to forks, and are recorded nowhere", async () => {
    const thread = await fixture.manager.start();
    const say = async (handle: ThreadHandle, tools?: readonly DynamicTool[]): Promise<void> => {
      await (
        await handle.startTurn("hello", tools === undefined ? {} : { tools })
      ).completed;
    };
    await say(thread);
    await say(thread, [LOOKUP]);
    await say(thread);
    await say(await fixture.manager.fork(thread.id));
    await say(await fixture.manager.fork(thread.id, { tools: [] }));
    await say(thread, []);
    await say(thread);
    expect(offered()).toEqual([0, 1, 1, 1, 0, 0, 0]);
    expect(JSON.stringify(await fixture.records(thread.id))).not.toContain("looks up");
  });

  test("are not offered to a compaction", async () => {
    const thread = await fixture.manager.start({ tools: [LOOKUP] });
    await (
      await thread.compact()
    ).completed;
    expect(offered()).toEqual([0]);
  });

  test("are copied when they come", async () => {
    const mine = { ...LOOKUP };
    const thread = await fixture.manager.start({ tools: [mine] });
    mine.name = "other";
    await (
      await thread.startTurn("hello")
    ).completed;
    expect(server.requests[0]?.body["tools"]).toMatchObject([{ name: "lookup" }]);
  });

  test.each<[string, unknown, string]>([
    ["no list", "lookup", "tools must be a list"],
    ["no tool", [null], "tools[0] is no tool"],
    ["a blank name", [{ ...LOOKUP, name: " " }], "dynamic tool name must not be empty"],
    ["no description", [{ name: "x", inputSchema: {} }], "dynamic tool x has no description"],
    ["no schema", [{ name: "x", description: "" }], "dynamic tool x has no input schema"],
    ["a schema that is a list", [{ ...LOOKUP, inputSchema: [] }], "dynamic tool lookup has no input schema"],
    ["a blank namespace", [{ ...LOOKUP, namespace: "" }], "dynamic tool lookup has a namespace that is no name"],
    ["one name twice", [LOOKUP, LOOKUP], "duplicate dynamic tool name: lookup"],
    ["too many", Array.from({ length: LIMITS.dynamicToolsMax + 1 }, () => LOOKUP), "256 at most"],
    ["what JSON can't say", [{ ...LOOKUP, inputSchema: { size: 1n } }], "tools must be JSON"],
  ])("with %s are refused", async (_title, tools, message) => {
    const thread = await fixture.manager.start();
    const refusal = { code: "invalid_argument", message: expect.stringContaining(message) as string };
    await expect(thread.startTurn("hello", { tools: tools as never })).rejects.toMatchObject(refusal);
    await expect(fixture.manager.start({ tools: tools as never })).rejects.toMatchObject(refusal);
  });
});
