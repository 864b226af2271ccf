/**
 * What the agent of a simulation does in each turn: a few steps that the seed draws. Every text is said once in a
 * run, so that a record can be told from all others.
 */
import { type AgentRequest, type ScriptStep } from "../../src/actors/index.ts";
import type { SeededRandom } from "../../src/testing/simulation/index.ts";

/** Makes turns. */
export interface TurnWriter {
  /** A text that nothing else says. */
  text(): string;
  steps(request: Pick<AgentRequest, "task">): readonly ScriptStep[];
}

/** Makes a writer of turns. */
export function createTurnWriter(random: SeededRandom): TurnWriter {
  let said = 0;
  const text = (): string => {
    said += 1;
    // Now and then more than a page of the disk.
    return `w${said}w ${"lorem ipsum ".repeat(random.chance(0.08) ? 200 + random.below(1_500) : random.below(8))}`;
  };
  const step = (): ScriptStep => {
    const kind = random.below(12);
    if (kind < 4) return { say: text() };
    if (kind < 5) return { reason: text() };
    if (kind < 6) return { usage: { input_tokens: random.below(1_000), output_tokens: random.below(1_000) } };
    if (kind < 8) return { delayMs: random.unit() * 400 };
    if (kind < 9) return { delayMs: random.unit() * 8_000 };
    if (kind < 10) return { answerSteering: true };
    if (kind < 11) return { untilAborted: true };
    return random.chance(0.5) ? { fail: new Error("the model is out") } : { hang: true };
  };
  return {
    text,
    steps: ({ task }) => {
      const steps = Array.from({ length: random.below(5) }, step);
      if (task === "compact") return [{ delayMs: random.unit() * 200 }, { say: text() }];
      return task === "review" ? [...steps, { say: text() }] : steps;
    },
  };
}
