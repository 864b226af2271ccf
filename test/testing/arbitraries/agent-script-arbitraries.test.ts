/**
 * arbAgentScript: a thread plays every script, the turns end as their steps say, scripts shrink to none and
 * reach every kind of step.
 */
import fc from "fast-check";
import { expect, it } from "vitest";

import { type AgentScript, createThreadManager, type ScriptStep, scriptedAgent } from "../../../src/actors/index.ts";
import { systemClock } from "../../../src/base/index.ts";
import { createMemoryThreadStore } from "../../../src/store/memory/index.ts";
import { arbAgentScript, ENDING_STEP_KINDS, type ScriptStepKind } from "../../../src/testing/index.ts";
import { countWords, shrunk } from "./sampled.ts";

const ALL_KINDS: readonly ScriptStepKind[] = [...ENDING_STEP_KINDS, "ask", "clientTool", "untilAborted", "hang"];

function stepsOf({ turns }: AgentScript): readonly ScriptStep[] {
  return turns.flatMap((turn) => (typeof turn === "function" ? [] : turn));
}

/** Plays every turn of a script, answering what it asks, and gives how the turns ended. */
async function play(script: AgentScript): Promise<readonly string[]> {
  const store = createMemoryThreadStore();
  const manager = createThreadManager({
    store,
    agent: scriptedAgent({
      ...script,
      clock: { ...systemClock, setTimer: (_ms, run) => systemClock.setTimer(0, run) },
    }),
    onEvent: (event) => {
      if (event.type !== "signal" || event.signal.type !== "question_asked") return;
      manager.get(event.threadId)?.answer(event.signal.questionId, { decision: "accept" });
    },
  });
  const thread = await manager.start();
  const ends: string[] = [];
  for (const _turn of script.turns) {
    const { completed } = await thread.startTurn("hello");
    const turn = await completed;
    ends.push(turn.status);
    expect((await store.listTurns({ threadId: thread.id, limit: 1 })).data[0]).toMatchObject({ status: turn.status });
  }
  await manager.shutdown();
  await store.close();
  return ends;
}

it("makes scripts that a thread plays to the end: failed where a step fails, else completed", async () => {
  const kinds: readonly ScriptStepKind[] = [...ENDING_STEP_KINDS, "ask", "clientTool"];
  await fc.assert(
    fc.asyncProperty(arbAgentScript({ kinds }), async (script) => {
      const expected = script.turns.map((turn) => (stepsOf({ turns: [turn] }).some(fails) ? "failed" : "completed"));
      expect(await play(script)).toEqual(expected);
    }),
  );
});

function fails(step: ScriptStep): boolean {
  return "fail" in step || ("events" in step && step.events.some((event) => !isWellMade(event)));
}

function isWellMade(event: object): boolean {
  return "event" in event || "phase" in event;
}

it("shrinks to no turns, and to one step where one is needed", () => {
  const arbitrary = arbAgentScript({ kinds: ALL_KINDS });
  expect(shrunk(arbitrary, () => true)).toEqual({ turns: [] });
  expect(shrunk(arbitrary, (script) => stepsOf(script).length > 0)).toEqual({ turns: [[{ say: "" }]] });
});

it("draws only the kinds it is told, each of them", () => {
  for (const kind of ALL_KINDS) {
    const kinds = new Set(
      fc
        .sample(arbAgentScript({ kinds: [kind] }), 50)
        .flatMap(stepsOf)
        .map(wordOf),
    );
    expect(
      [...kinds].every((word) => WORDS[kind].includes(word)),
      `${kind}: ${[...kinds].join()}`,
    ).toBe(true);
    expect(kinds.size, kind).toBeGreaterThan(0);
  }
  const counts = countWords(arbAgentScript({ kinds: ALL_KINDS }), (script) => stepsOf(script).map(wordOf), 300);
  for (const word of Object.values(WORDS).flat()) expect(counts.get(word) ?? 0, word).toBeGreaterThan(5);
});

/** The members by which each kind's steps are known. */
const WORDS: Readonly<Record<ScriptStepKind, readonly string[]>> = {
  say: ["say"],
  reason: ["reason"],
  item: ["item"],
  tool: ["events"],
  usage: ["usage"],
  delay: ["delayMs"],
  waitFor: ["waitFor"],
  answerSteering: ["answerSteering"],
  fail: ["fail"],
  misbehave: ["events"],
  ask: ["ask"],
  clientTool: ["item", "events", "ask"],
  untilAborted: ["untilAborted"],
  hang: ["hang"],
};

function wordOf(step: ScriptStep): string {
  return Object.keys(step)[0] ?? "";
}

it("prints scripts as code, errors and answers too", () => {
  const printed = fc
    .sample(arbAgentScript({ kinds: ["ask", "fail"], turnsMax: 6 }), 100)
    .map((script) => fc.stringify(script))
    .join("\n");
  expect(printed).toContain('{"fail":new Error("the model said no")}');
  expect(printed).toContain('{"fail":fault("agent_failed"');
  expect(printed).toContain('"answered":(answer) => [{ say: `Answered: ${JSON.stringify(answer)}` }');
});
