/**
 * A home that Codex 0.130 wrote: every rollout of it folds into sensible turns, which are kept as a golden
 * file. A change there is a change of what people see.
 */
import { readdirSync, readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import {
  createFoldScanner,
  lineageFold,
  modelContextFold,
  modelContextOf,
  type ThreadItem,
  threadMetadataFold,
  tokenUsageFold,
  tokenUsageOf,
  turnsFold,
  turnsOf,
  usageTurnIdOf,
} from "../../src/events/index.ts";
import { scanAll } from "./log-reading.ts";

const HOME = new URL("../fixtures/codex-0.130/home/", import.meta.url);
const ROLLOUTS = readdirSync(HOME, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".jsonl") && name.includes("rollout-"))
  .toSorted();

function readRollout(name: string): Uint8Array {
  return readFileSync(new URL(name, HOME));
}

/** What an item says in a few words. */
function brief(item: ThreadItem): string {
  switch (item.type) {
    case "userMessage":
      return `user: ${item.content.map((part) => ("text" in part ? part.text : part.type)).join(" ")}`;
    case "agentMessage":
      return `agent: ${item.text}`;
    case "reasoning":
      return `reasoning: ${item.summary.join(" | ")}`;
    case "enteredReviewMode":
    case "exitedReviewMode":
      return `${item.type}: ${item.review}`;
    default:
      return `${item.type} ${item.id.replace(/^item-\d+$/, "")}`.trim();
  }
}

function describeRollout(name: string): unknown {
  const scanner = createFoldScanner({
    folds: {
      turns: turnsFold,
      metadata: threadMetadataFold,
      usage: tokenUsageFold,
      context: modelContextFold,
      lineage: lineageFold,
    },
    isStrict: true,
  });
  scanner.push(readRollout(name));
  const { states, nextOrdinal, tornBytes } = scanner.end();
  const turns = turnsOf(states.turns, { live: false });
  return {
    records: nextOrdinal,
    tornBytes,
    preview: states.metadata.preview,
    model: states.metadata.model,
    memoryMode: states.metadata.memoryMode,
    git: states.metadata.git,
    forkedFromId: states.metadata.forkedFromId,
    parentThreadId: states.metadata.parentThreadId,
    updatedAt: new Date(states.metadata.updatedAtMs).toISOString(),
    ancestors: states.lineage.ancestorIds,
    isReview: states.lineage.isReview,
    totalTokens: tokenUsageOf(states.usage)?.total.total_tokens ?? null,
    usageTurn: turns.findIndex((turn) => turn.id === usageTurnIdOf(states.usage, turns)),
    context: modelContextOf(states.context).map((item) => [item.type, item["role"]].filter(Boolean).join(":")),
    turns: turns.map(({ id, status, error, durationMs, items }) => ({
      id,
      status,
      ...(error === null ? {} : { error }),
      durationMs,
      items: items.map(brief),
    })),
  };
}

describe("the sample home of Codex 0.130", () => {
  it("holds 17 threads, and none of their lines is unreadable or unknown", () => {
    expect(ROLLOUTS).toHaveLength(17);
    for (const name of ROLLOUTS) {
      const odd = scanAll([readRollout(name)]).records.filter(
        ({ item }) => item.type === "unknown" || item.type === "unreadable",
      );
      expect(odd, name).toEqual([]);
    }
  });

  it("folds into the turns, contexts and metadata of the golden file", async () => {
    const told = Object.fromEntries(ROLLOUTS.map((name) => [name, describeRollout(name)]));
    await expect(`${JSON.stringify(told, null, 2)}\n`).toMatchFileSnapshot("../fixtures/codex-0.130/home-folded.json");
  });
});
