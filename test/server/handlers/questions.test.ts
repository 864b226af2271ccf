/**
 * What an agent asks its clients: approvals, input, tool calls; who is asked, whose answer counts, what is told, and
 * what becomes of a question nobody answers.
 */
import { afterEach, describe, expect, it } from "vitest";

import { scriptedAgent, type AgentQuestion, type ScriptedAgent } from "../../../src/actors/index.ts";
import { closeServers, serve } from "../server-fixture.ts";

afterEach(closeServers);

const APPROVAL: AgentQuestion = {
  kind: "commandApproval",
  itemId: "call_1",
  details: { startedAtMs: 1, command: "ls", cwd: "/srv/ws", reason: null },
};
const METHOD = "item/commandExecution/requestApproval";

function asking(question: AgentQuestion = APPROVAL): ScriptedAgent {
  return scriptedAgent({ turns: [[{ ask: question, answered: () => [{ say: "Thanks." }] }]] });
}

describe("a question", () => {
  it("is asked of the thread's clients, and is settled by the first answer", async () => {
    const agent = asking();
    const { connect } = await serve({ agent });
    const client = await connect();
    const second = await connect();
    const stranger = await connect();
    const threadId = await client.startThread();
    await second.call("thread/resume", { threadId });
    const from = client.messages.length;
    const turnId = await client.startTurn(threadId, "hi");
    const asked = await client.asked(METHOD);
    expect(asked.id).toBe(0);
    expect(asked.params).toMatchObject({ threadId, turnId, itemId: "call_1", command: "ls" });
    expect((await second.asked(METHOD)).id).toBe(0);
    const { thread } = await client.call("thread/read", { threadId });
    expect(thread.status).toEqual({ type: "active", activeFlags: ["waitingOnApproval"] });
    client.answer(asked.id, { decision: "accept" });
    second.answer(asked.id, { decision: "decline" });
    await client.turnEnd(turnId);
    expect(agent.requests[0]?.answers).toEqual([{ decision: "accept" }]);
    expect(client.words(from).filter((word) => !word.startsWith("item/") && !word.startsWith("RESP"))).toEqual([
      "status active",
      "turn/started",
      "status active[waitingOnApproval]",
      `ASK ${METHOD}`,
      "serverRequest/resolved",
      "status active",
      "status idle",
      "turn/completed completed",
    ]);
    expect(await second.told("serverRequest/resolved")).toEqual({ threadId, requestId: 0 });
    expect(stranger.words().some((word) => word.startsWith("ASK"))).toBe(false);
  });

  it("is answered by who can, when another client can't, and by nobody who wasn't asked", async () => {
    const agent = asking();
    const { connect } = await serve({ agent });
    const client = await connect();
    const second = await connect();
    const stranger = await connect();
    const threadId = await client.startThread();
    await second.call("thread/resume", { threadId });
    const turnId = await client.startTurn(threadId, "hi");
    const asked = await client.asked(METHOD);
    await second.asked(METHOD);
    stranger.answer(asked.id, { decision: "accept" });
    second.send(JSON.stringify({ id: asked.id, error: { code: -32_601, message: "not handled here" } }));
    second.answer(asked.id, { decision: "accept" });
    client.answer(asked.id, { decision: "decline" });
    await client.turnEnd(turnId);
    expect(agent.requests[0]?.answers).toEqual([{ decision: "decline" }]);
  });

  it("is asked again of a client that comes later, under the same id", async () => {
    const agent = asking();
    const { connect } = await serve({ agent });
    const client = await connect();
    const threadId = await client.startThread();
    const turnId = await client.startTurn(threadId, "hi");
    await client.asked(METHOD);
    client.disconnect();
    const later = await connect();
    await later.call("thread/resume", { threadId });
    const asked = await later.asked(METHOD);
    expect([asked.id, later.words(1).at(-1)]).toEqual([0, `ASK ${METHOD}`]);
    later.answer(asked.id, { decision: "decline" });
    expect((await later.turnEnd(turnId)).status).toBe("completed");
    expect(agent.requests[0]?.answers).toEqual([{ decision: "decline" }]);
  });

  it("that is refused, or answered with what is no answer, fails for the agent", async () => {
    for (const answer of [{ error: { code: -32_601, message: "no" } }, { result: { decision: "perhaps" } }]) {
      const { connect } = await serve({ agent: asking() });
      const client = await connect();
      const threadId = await client.startThread();
      const turnId = await client.startTurn(threadId, "hi");
      const { id } = await client.asked(METHOD);
      client.send(JSON.stringify({ id, ...answer }));
      expect((await client.turnEnd(turnId)).status).toBe("failed");
    }
  });

  it("is withdrawn when its turn is interrupted", async () => {
    const { connect } = await serve({ agent: asking() });
    const client = await connect();
    const threadId = await client.startThread();
    const turnId = await client.startTurn(threadId, "hi");
    const { id } = await client.asked(METHOD);
    await client.call("turn/interrupt", { threadId, turnId });
    expect(await client.told("serverRequest/resolved")).toEqual({ threadId, requestId: id });
    client.answer(id, { decision: "accept" });
    expect((await client.turnEnd(turnId)).status).toBe("interrupted");
    expect((await client.runTurn(threadId, "again")).status).toBe("completed");
  });

  it.each([
    ["fileChangeApproval", "item/fileChange/requestApproval", { startedAtMs: 1 }, { decision: "accept" }],
    ["userInput", "item/tool/requestUserInput", { questions: [] }, { answers: { q: { answers: ["a"] } } }],
    [
      "toolCall",
      "item/tool/call",
      { callId: "call_1", tool: "t", arguments: { a: 1 } },
      { contentItems: [{ type: "inputText", text: "ok" }], success: true },
    ],
  ] as const)("of kind %s is the protocol's %s", async (kind, method, details, answer) => {
    const agent = asking({ kind, itemId: "call_1", details });
    const { connect } = await serve({ agent });
    const client = await connect();
    const threadId = await client.startThread();
    const turnId = await client.startTurn(threadId, "hi");
    const asked = await client.asked(method);
    client.answer(asked.id, answer);
    await client.turnEnd(turnId);
    expect(agent.requests[0]?.answers).toEqual([answer]);
  });
});
