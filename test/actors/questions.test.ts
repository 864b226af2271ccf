/**
 * Questions: what an agent asks whoever is with the thread, how it is answered, refused or taken back, and that
 * nothing of it is recorded. An agent that asks badly, or asks and walks away, harms nobody.
 */
import { afterEach, describe, expect, test } from "vitest";

import {
  type Agent,
  type AgentEvent,
  type AgentQuestion,
  type AgentRequest,
  scriptedAgent,
  type Signal,
  type ThreadHandle,
} from "../../src/actors/index.ts";
import { LIMITS } from "../../src/base/index.ts";
import { createMemoryThreadStore } from "../../src/store/memory/index.ts";
import { createManualClock } from "../../src/testing/manual-clock.ts";
import { diskFull, faultyThreadStore } from "../support/faulty-thread-store.ts";
import { type ActorFixture, fixtureOver, openFixture, refusalOf, until } from "./actor-fixture.ts";

let fixture: ActorFixture;
afterEach(async () => await fixture.close());

const APPROVAL: AgentQuestion = {
  kind: "commandApproval",
  itemId: "call_1",
  details: { command: "rm -r build", cwd: "/srv/ws", reason: null },
};

/** An agent whose runs are this generator. */
function agentOf(run: (request: AgentRequest) => AsyncIterable<AgentEvent>): Agent {
  return { name: "asker", provider: null, defaultModel: "m", run };
}

/** An agent that asks one after another and keeps what it was refused with; it yields nothing. */
function askingAgent(...asked: readonly AgentQuestion[]): Agent & { readonly outcomes: unknown[] } {
  const outcomes: unknown[] = [];
  return {
    outcomes,
    ...agentOf(async function* (request) {
      for (const question of asked) outcomes.push(await refusalOf(request.ask(question)));
      yield* [];
    }),
  };
}

async function untilAsked(thread: ThreadHandle, count = 1): Promise<string> {
  await until(() => thread.snapshot().questions.length === count);
  return thread.snapshot().questions.at(-1)?.questionId ?? "";
}

function types(signals: readonly Signal[]): readonly string[] {
  return signals.map((signal) => signal.type);
}

describe("a question", () => {
  test("is told, shown in the snapshot and the status, and answered once", async () => {
    const agent = scriptedAgent({
      turns: [[{ ask: APPROVAL, answered: (answer) => [{ say: JSON.stringify(answer) }] }]],
    });
    fixture = await openFixture({ agent });
    const thread = await fixture.manager.start();
    const turn = await thread.startTurn("clean up");
    const questionId = await untilAsked(thread);
    const { questions, thread: shown } = thread.snapshot();
    expect(questions).toEqual([{ questionId, turnId: turn.turnId, question: APPROVAL }]);
    expect(shown.status).toEqual({ type: "active", activeFlags: ["waitingOnApproval"] });
    expect(thread.status()).toEqual(shown.status);
    expect(fixture.signals(thread.id).at(-1)).toEqual({
      type: "question_asked",
      turnId: turn.turnId,
      questionId,
      question: APPROVAL,
    });

    expect(thread.answer(questionId, { decision: "accept" })).toBe(true);
    expect(thread.answer(questionId, { decision: "decline" })).toBe(false);
    expect(thread.refuse(questionId, "too late")).toBe(false);
    expect(thread.status()).toEqual({ type: "active", activeFlags: [] });
    expect(fixture.signals(thread.id).at(-1)).toEqual({ type: "question_settled", turnId: turn.turnId, questionId });
    expect((await turn.completed).items.at(-1)).toMatchObject({ text: '{"decision":"accept"}' });
    expect(agent.requests[0]?.answers).toEqual([{ decision: "accept" }]);
    expect(thread.snapshot().questions).toEqual([]);
  });

  test("is recorded nowhere", async () => {
    fixture = await openFixture({ agent: scriptedAgent({ turns: [[{ ask: APPROVAL }]] }) });
    const thread = await fixture.manager.start();
    const turn = await thread.startTurn("clean up");
    thread.answer(await untilAsked(thread), "a-secret-answer");
    await turn.completed;
    expect(JSON.stringify(await fixture.records(thread.id))).not.toMatch(/a-secret-answer|rm -r build/);
  });

  test("of each kind waits as its status says", async () => {
    const kinds = ["userInput", "permissions", "fileChangeApproval", "toolCall"] as const;
    const agent = agentOf(async function* (request) {
      for (const kind of kinds) void request.ask({ ...APPROVAL, kind });
      await request.ask(APPROVAL);
      yield* [];
    });
    fixture = await openFixture({ agent });
    const thread = await fixture.manager.start();
    await thread.startTurn("all");
    await untilAsked(thread, 5);
    const flagsAfter = (): unknown => {
      thread.answer(thread.snapshot().questions[0]?.questionId ?? "", null);
      return thread.status();
    };
    expect(thread.status()).toEqual({ type: "active", activeFlags: ["waitingOnApproval", "waitingOnUserInput"] });
    expect(flagsAfter()).toEqual({ type: "active", activeFlags: ["waitingOnApproval"] });
    expect(flagsAfter()).toEqual({ type: "active", activeFlags: ["waitingOnApproval"] });
  });

  test("only to a tool leaves the status as it is", async () => {
    fixture = await openFixture({ agent: scriptedAgent({ turns: [[{ ask: { ...APPROVAL, kind: "toolCall" } }]] }) });
    const thread = await fixture.manager.start();
    await thread.startTurn("go");
    await untilAsked(thread);
    expect(thread.status()).toEqual({ type: "active", activeFlags: [] });
  });

  test("that is refused fails the turn of an agent that doesn't catch it, and another goes on", async () => {
    const careful = askingAgent(APPROVAL);
    const careless = scriptedAgent({ turns: [[{ ask: APPROVAL }, { say: "never" }]] });
    let runs = 0;
    fixture = await openFixture({ agent: agentOf((request) => ((runs += 1) === 1 ? careful : careless).run(request)) });
    const thread = await fixture.manager.start();
    const first = await thread.startTurn("one");
    expect(thread.refuse(await untilAsked(thread), "nobody is there")).toBe(true);
    expect((await first.completed).status).toBe("completed");
    expect(careful.outcomes).toMatchObject([
      { code: "agent_failed", message: "the question was refused: nobody is there" },
    ]);
    const second = await thread.startTurn("two");
    thread.refuse(await untilAsked(thread), "no");
    expect(await second.completed).toMatchObject({
      status: "failed",
      error: { message: "the question was refused: no" },
    });
  });
});

describe("open questions are taken back", () => {
  test("when their turn is interrupted, before its end is told", async () => {
    const agent = askingAgent(APPROVAL, APPROVAL);
    fixture = await openFixture({ agent });
    const thread = await fixture.manager.start();
    const turn = await thread.startTurn("clean up");
    const questionId = await untilAsked(thread);
    expect((await thread.interrupt(turn.turnId)).status).toBe("interrupted");
    expect(types(fixture.signals(thread.id)).slice(-4)).toEqual([
      "question_asked",
      "question_settled",
      "status_changed",
      "turn_completed",
    ]);
    expect(thread.answer(questionId, null)).toBe(false);
    // What the agent asks after the interrupt is told why at once, and nobody else hears of it.
    await until(() => agent.outcomes.length === 2);
    expect(agent.outcomes).toMatchObject([
      { message: "the turn was interrupted" },
      { message: "the turn was interrupted" },
    ]);
  });

  test("when their turn ends without them", async () => {
    const late: { ask?: AgentRequest["ask"]; left?: Promise<unknown> } = {};
    const agent = agentOf(async function* (request) {
      late.ask = (question) => request.ask(question);
      late.left = refusalOf(request.ask(APPROVAL));
      // Nobody holds this promise: its rejection must not end the process.
      void request.ask(APPROVAL);
      yield* [];
    });
    fixture = await openFixture({ agent });
    const thread = await fixture.manager.start();
    const turn = await thread.startTurn("clean up");
    expect((await turn.completed).status).toBe("completed");
    const told = types(fixture.signals(thread.id)).filter((type) => type.startsWith("question"));
    expect(told).toEqual(["question_asked", "question_asked", "question_settled", "question_settled"]);
    expect(await late.left).toMatchObject({ code: "no_turn_running" });
    expect(await refusalOf(late.ask?.(APPROVAL) ?? Promise.resolve())).toMatchObject({ code: "no_turn_running" });
    expect(thread.snapshot().questions).toEqual([]);
  });

  test("when the thread is unloaded", async () => {
    const agent = askingAgent(APPROVAL);
    fixture = await openFixture({ agent });
    const thread = await fixture.manager.start();
    await thread.startTurn("clean up");
    await untilAsked(thread);
    await thread.close();
    expect(types(fixture.signals(thread.id))).toContain("question_settled");
    expect(agent.outcomes).toMatchObject([{ code: "thread_closed" }]);
  });

  test("when the store fails under their turn", async () => {
    const clock = createManualClock();
    const store = faultyThreadStore(createMemoryThreadStore({ clock }));
    const outcomes: unknown[] = [];
    const agent = agentOf(async function* (request) {
      const asked = refusalOf(request.ask(APPROVAL)).then((outcome) => outcomes.push(outcome));
      yield { type: "item", item: { type: "message", role: "assistant", content: [] } };
      await asked;
    });
    fixture = fixtureOver({ store, close: () => store.close() }, { agent, restart: { attemptsMax: 0 } }, clock);
    const thread = await fixture.manager.start();
    store.planAppend(2, { type: "before", error: diskFull() });
    const turn = await thread.startTurn("clean up");
    expect((await turn.completed).status).toBe("failed");
    await until(() => outcomes.length === 1);
    expect(outcomes).toMatchObject([{ code: "thread_failed" }]);
    expect(thread.snapshot().questions).toEqual([]);
  });
});

describe("what is asked", () => {
  test("is bounded for each turn", async () => {
    const refusals: unknown[] = [];
    const agent = agentOf(async function* (request) {
      const asked = Array.from({ length: LIMITS.openQuestionsMax }, () => request.ask(APPROVAL));
      refusals.push(await refusalOf(request.ask(APPROVAL)));
      await Promise.all(asked);
      yield* [];
    });
    fixture = await openFixture({ agent });
    const thread = await fixture.manager.start();
    const turn = await thread.startTurn("go");
    await until(() => refusals.length === 1);
    expect(refusals).toMatchObject([{ code: "agent_failed", data: { openMax: LIMITS.openQuestionsMax } }]);
    for (const { questionId } of thread.snapshot().questions) thread.answer(questionId, null);
    expect((await turn.completed).status).toBe("completed");
  });

  test.each<[string, unknown]>([
    ["nothing", undefined],
    ["a kind that is none", { ...APPROVAL, kind: "vibes" }],
    ["a kind of the prototype", { ...APPROVAL, kind: "toString" }],
    ["no item", { kind: "userInput", details: {} }],
    ["details that are a list", { ...APPROVAL, details: [] }],
    ["what JSON can't say", { ...APPROVAL, details: { size: 1n } }],
    ["more than anybody reads", { ...APPROVAL, details: { text: "x".repeat(LIMITS.shownCharsMax) } }],
  ])("with %s is refused to the agent, and nobody is asked", async (_title, question) => {
    const agent = askingAgent(question as AgentQuestion);
    fixture = await openFixture({ agent });
    const thread = await fixture.manager.start();
    await (
      await thread.startTurn("go")
    ).completed;
    expect(agent.outcomes).toMatchObject([{ code: "agent_failed" }]);
    expect(types(fixture.signals(thread.id))).not.toContain("question_asked");
  });

  test("stays as it was asked, whatever the agent does to it", async () => {
    const details = { command: "ls" };
    const agent = agentOf(async function* (request) {
      const asked = request.ask({ ...APPROVAL, details });
      details.command = "rm -r /";
      await asked;
      yield* [];
    });
    fixture = await openFixture({ agent });
    const thread = await fixture.manager.start();
    await thread.startTurn("go");
    await untilAsked(thread);
    expect(thread.snapshot().questions[0]?.question.details).toEqual({ command: "ls" });
  });
});
