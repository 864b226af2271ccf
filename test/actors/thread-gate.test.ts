/**
 * ThreadGate: calls about one thread wait for each other, calls about others don't, and what waits is
 * bounded.
 */
import { describe, expect, test } from "vitest";

import { ThreadGate } from "../../src/actors/thread-gate.ts";
import { LIMITS } from "../../src/base/index.ts";
import { gate, refusalOf } from "./actor-fixture.ts";

describe("ThreadGate", () => {
  test("runs calls of one thread in order, also after one that failed", async () => {
    const lanes = new ThreadGate();
    const held = gate();
    const order: string[] = [];
    const first = lanes.run("a", async () => {
      await held.opened;
      order.push("first");
      throw new Error("first failed");
    });
    const second = lanes.run("a", async () => void order.push("second"));
    await lanes.run("b", async () => void order.push("other"));
    held.open();
    expect(await refusalOf(first)).toMatchObject({ message: "first failed" });
    await second;
    expect(order).toEqual(["other", "first", "second"]);
  });

  test("refuses more than may wait, and takes calls again when they are done", async () => {
    const lanes = new ThreadGate();
    const held = gate();
    const calls = Array.from({ length: LIMITS.threadGateWaitersMax + 1 }, () => lanes.run("a", () => held.opened));
    expect(await refusalOf(lanes.run("a", async () => 1))).toMatchObject({ code: "mailbox_full" });
    held.open();
    await Promise.all(calls);
    expect(await lanes.run("a", async () => 2)).toBe(2);
  });
});
