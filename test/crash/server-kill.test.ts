/**
 * Two kills of `skein serve` at each thing it tells of a turn: a server started again on the home knows all
 * that the client had been told. The long form, beside the peer, is `npm run server-crash`.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { type InstantModel, startInstantModel } from "./instant-model.ts";
import { KILL_POINTS, runServerKills } from "./server-kills.ts";
import { skeinSide } from "./server-sides.ts";
import { ToldFacts } from "./told-facts.ts";

let model: InstantModel;

beforeAll(async () => {
  model = await startInstantModel();
});
afterAll(async () => {
  await model.close();
});

describe("a server that is killed", () => {
  it.each(KILL_POINTS)(
    "at the line of %s has told nothing that it doesn't know afterwards",
    { timeout: 120_000 },
    async (point) => {
      const counts = await runServerKills({ side: skeinSide("source"), baseUrl: model.shortUrl, point, kills: 2 });
      expect(counts).toMatchObject({ kills: 2, missing: 0, killsWithLoss: 0, threadsGone: 0, examples: [] });
      // Of the turn before, all four; of the two that were killed, the point itself at least.
      expect(counts.told).toBeGreaterThanOrEqual(6);
    },
  );
});

describe("what a client was told", () => {
  const told = new ToldFacts();
  const item = { type: "agentMessage", id: "item-1", text: "an answer" };
  const user = { type: "userMessage", id: "item-0", content: [{ type: "text", text: "a question" }] };
  told.accepted("thread", "turn");
  told.take("turn/started", { threadId: "thread", turn: { id: "turn" } });
  told.take("item/completed", { threadId: "thread", turnId: "turn", item: user });
  told.take("item/completed", { threadId: "thread", turnId: "turn", item });
  told.take("turn/completed", { threadId: "thread", turn: { id: "turn", status: "completed" } });
  const whole = { id: "turn", status: "completed", items: [user, item] };

  it.each([
    ["nothing of it of a whole turn", [whole], []],
    ["an item that isn't there, or is another", [{ ...whole, items: [user, { ...item, text: "other" }] }], ["item"]],
    ["its end, of a turn that has none", [{ ...whole, status: "interrupted" }], ["completed"]],
    ["all of a turn that isn't there", [], ["accepted", "started", "item", "item", "completed"]],
  ])("is missing: %s", (_title, turns, missing) => {
    expect(told.missingIn({ turns }).map(({ what }) => what)).toEqual(missing);
  });

  it("is missing as a whole when the thread is gone", () => {
    expect(told.missingIn(null)).toHaveLength(5);
  });
});
