/**
 * The turn that all stores are given: what a user asks, a thought, an answer, what it cost, and that the turn
 * began and ended. Six records for a store of events, 2.2 KB as lines of a rollout; the same texts as two messages
 * for a store of states, which has no use for the rest. Texts are made-up words from a seed, so that they compress
 * about as well as prose does; no two turns have the same.
 */
import { createIdSource, systemClock } from "../../src/base/index.ts";
import type { AppendableItem } from "../../src/events/index.ts";
import { createPooledSource, createTextPool, type SeededSource } from "../seeded-source.ts";
import { event, message, tokenCount } from "../turn-records.ts";

/** One turn, as texts and as records. */
export interface BenchTurn {
  readonly id: string;
  readonly user: string;
  readonly thought: string;
  readonly answer: string;
  /** task_started, the user's message, the thought, the answer, the token count, task_complete. */
  readonly items: readonly AppendableItem[];
}

/** Records of a turn, for who counts them. */
export const TURN_RECORDS = 6;
/** Where a turn is cut when it is stored as it goes: its begin and question, its answer, its end. */
export const TURN_STEPS = [
  [0, 2],
  [2, 4],
  [4, 6],
] as const;

const USER_CHARS = 200;
const THOUGHT_CHARS = 100;
const ANSWER_CHARS = 450;

/** Makes turns and single records. */
export interface TurnMaker {
  turn(): BenchTurn;
  /** About 1 KB of answer, for who measures single appends. */
  record(): string;
}

const RECORD_CHARS = 880;

/** From a seed, so that each run makes the same texts; the ids are new ones. */
export function createTurnMaker(seed: number): TurnMaker {
  const source: SeededSource = createPooledSource(seed, createTextPool(seed));
  const ids = createIdSource(systemClock);
  return {
    turn: () => {
      const id = ids.next();
      const [user, thought, answer] = [USER_CHARS, THOUGHT_CHARS, ANSWER_CHARS].map((chars) => source.text(chars));
      return turnOf(id, { user: user ?? "", thought: thought ?? "", answer: answer ?? "" });
    },
    record: () => source.text(RECORD_CHARS),
  };
}

/** A single record: an answer that people see. */
export function recordOf(text: string): AppendableItem {
  return event("agent_message", { message: text, phase: null, memory_citation: null });
}

function turnOf(id: string, texts: Pick<BenchTurn, "user" | "thought" | "answer">): BenchTurn {
  const { user, thought, answer } = texts;
  const items = [
    event("task_started", { turn_id: id, model_context_window: 258_400 }),
    message("user", user),
    event("agent_reasoning", { text: thought }),
    message("assistant", answer),
    tokenCount(1_200),
    event("task_complete", { turn_id: id, last_agent_message: null }),
  ];
  return { id, ...texts, items };
}
