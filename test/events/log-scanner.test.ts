/**
 * The scanner by example: appends that aren't complete, torn ends, broken bytes, skipped runs; and the
 * counter-examples that its laws found, as they were shrunk.
 */
import { describe, expect, it } from "vitest";

import {
  createFoldScanner,
  createLogScanner,
  encodeLine,
  withChecksum,
  needsStrictReplay,
  peekLine,
  peekMore,
  type SkippedRun,
  threadMetadataFold,
  tokenUsageFold,
  turnsFold,
  turnsOf,
} from "../../src/events/index.ts";
import { event, message, meta, rollback, turn } from "./item-builders.ts";
import { bytesOf, foldBytes, linesOf, scanAll, timeAt } from "./log-reading.ts";

const ENCODER = new TextEncoder();
const say = (text: string, more = 0): string =>
  encodeLine(event("user_message", { message: text }), timeAt(0), { more });
const bytes = (...lines: readonly string[]): Uint8Array => ENCODER.encode(lines.join(""));

function told(log: Uint8Array): readonly unknown[] {
  return scanAll([log]).records.map(({ item }) => (item.type === "event_msg" ? item.payload["message"] : item.type));
}

describe("appends of several lines", () => {
  it("are held back until they are complete", () => {
    const whole = bytes(say("a"), say("b", 2), say("c", 1), say("d"));
    expect(told(whole)).toEqual(["a", "b", "c", "d"]);
    const cut = bytes(say("a"), say("b", 2), say("c", 1));
    expect(told(cut)).toEqual(["a"]);
    const first = bytes(say("a")).length;
    expect(scanAll([cut]).end).toEqual({
      nextOrdinal: 1,
      endOffset: first,
      tornBytes: cut.length - first,
      heldLines: 2,
    });
  });

  it("are told when a line of another append follows: they are in the other writer's history", () => {
    expect(told(bytes(say("a", 2), say("foreign"), say("b")))).toEqual(["a", "foreign", "b"]);
    expect(told(bytes(say("a", 2), say("b", 1), say("c", 1), say("d")))).toEqual(["a", "b", "c", "d"]);
  });

  it("that was given up is told also when another one is open at the end", () => {
    const log = bytes(say("a", 2), say("b", 5), say("c", 4));
    expect(told(log)).toEqual(["a"]);
    expect(scanAll([log]).end).toMatchObject({ nextOrdinal: 1, heldLines: 2 });
  });

  it("are not in a fold's state while they aren't complete, and are when they are", () => {
    const scanner = createFoldScanner({ folds: { turns: turnsFold } });
    scanner.push(bytes(say("a"), say("b", 1)));
    expect(turnsOf(scanner.end().states.turns, { live: true })).toHaveLength(1);
    scanner.push(bytes(say("c")));
    expect(turnsOf(scanner.end().states.turns, { live: true })).toHaveLength(3);
  });

  it("are seen by the end of the line alone, also with a Windows line end", () => {
    const peek = (line: string): number => peekMore(ENCODER.encode(line), 0, ENCODER.encode(line).length);
    const sealed = (line: string): string => withChecksum(line.slice(0, -2), "00c0ffee");
    expect(peek(say("a", 12).trimEnd())).toBe(12);
    expect(peek(say("a", 999).replace("\n", "\r"))).toBe(999);
    expect(peek(say("a", 1_000).trimEnd())).toBe(0);
    expect(peek(say("a").trimEnd())).toBe(0);
    expect(peek(sealed(say("a", 12)).trimEnd())).toBe(12);
    expect(peek(sealed(say("a", 7)).replace("\n", "\r"))).toBe(7);
    expect(peek(sealed(say("a")).trimEnd())).toBe(0);
    const inside = encodeLine(event("x", { skein: { more: 3 } }), timeAt(0)).trimEnd();
    const quoted = encodeLine(event("x", { text: '},"skein":{"more":3}}' }), timeAt(0)).trimEnd();
    expect([inside, quoted].map(peek)).toEqual([0, 0]);
  });
});

describe("the end of a log", () => {
  it("is behind its last newline: what follows is torn, even when it is whole JSON", () => {
    const log = bytes(say("a"), say("b").trimEnd());
    expect(told(log)).toEqual(["a"]);
    expect(scanAll([log]).end).toMatchObject({ nextOrdinal: 1, tornBytes: say("b").length - 1, heldLines: 0 });
  });

  it("is 0 for an empty log and for blank lines, which have no ordinal", () => {
    expect(scanAll([]).end).toEqual({ nextOrdinal: 0, endOffset: 0, tornBytes: 0, heldLines: 0 });
    expect(scanAll([linesOf("", " ", "\r")]).end).toMatchObject({ nextOrdinal: 0, endOffset: 5 });
  });
});

describe("broken lines", () => {
  it("keep their ordinal, and the log goes on behind them", () => {
    const invalid = ENCODER.encode(say("x"));
    invalid[80] = 0xff;
    const log = new Uint8Array([...bytes(say("a")), ...invalid, ...bytes("[]\n", say("b"))]);
    expect(told(log)).toEqual(["a", "unreadable", "unreadable", "b"]);
    expect(scanAll([log]).records.map(({ ordinal }) => ordinal)).toEqual([0, 1, 2, 3]);
    expect(scanAll([log]).records[1]?.item).toEqual({ type: "unreadable", reason: "not valid UTF-8" });
  });

  it("with a byte order mark are unreadable, as they are for Codex", () => {
    expect(told(bytes(`\ufeff${say("a")}`, say("b")))).toEqual(["unreadable", "b"]);
  });

  it("that were skipped make the turns ask for a strict replay once they name a turn by its index", () => {
    const head = `{"timestamp":"${timeAt(0)}","type":"event_msg","payload":{"type":"token_count",`;
    const explicit = bytes(`${head}oops\n`, ...turn("t1", "a").map((item) => encodeLine(item, timeAt(0))));
    expect(needsStrictReplay(foldBytes(turnsFold, [explicit], false).state)).toBe(false);
    const implicit = (): Uint8Array => bytes(`${head}oops\n`, say("a"));
    expect(needsStrictReplay(foldBytes(turnsFold, [implicit()], false).state)).toBe(true);
    const { state } = foldBytes(turnsFold, [implicit()], true);
    expect(needsStrictReplay(state)).toBe(false);
    expect(turnsOf(state, { live: true })).toMatchObject([{ id: "rollout-0" }]);
  });
});

describe("skipping", () => {
  it("sums neighbouring lines up, and says what of them the turns must know", () => {
    const runs: SkippedRun[] = [];
    const items = [
      meta("t"),
      event("token_count", { info: null }),
      message("assistant", "re"),
      message("developer", "note"),
      message("user", "words"),
      event("exec_command_end"),
    ];
    const scanner = createLogScanner({
      needs: [turnsFold.needs],
      sink: { record: () => undefined, skipped: (run) => runs.push(run) },
    });
    scanner.push(bytesOf(items));
    expect(runs).toEqual([{ from: 0, to: 6, counted: 5, breaksInput: true, inputFrom: 3, timestamp: null }]);
  });

  it("counts lines before the first wanted ordinal, and tells them to nobody", () => {
    const records: number[] = [];
    const scanner = createLogScanner({ fromOrdinal: 2, sink: { record: ({ ordinal }) => records.push(ordinal) } });
    scanner.push(bytes("oops\n", say("a"), say("b"), "\n", say("c")));
    expect(records).toEqual([2, 3]);
  });

  it("parses what it can't tell by the first bytes", () => {
    const heads = [
      say("a").replace('{"timestamp"', '{ "timestamp"'),
      say("a").replace("T10:00:00.000Z", "T10:00:00Z"),
      say("a").replace("user_message", "user_m\\u0065ssage"),
      '{"timestamp":"2026-05-05T10:00:00.000Z","type":"response_item","payload":{"type":"message","id":"x"}}',
      "{",
    ].map((line) => peekLine(ENCODER.encode(line), 0, ENCODER.encode(line).length));
    expect(heads).toEqual([null, null, null, null, null]);
  });

  it("regression: a skipped line at the end of an append comes behind what was held before it", () => {
    const order: number[] = [];
    const scanner = createLogScanner({
      needs: [{ types: new Set(["event_msg"]), eventKinds: new Set() }],
      sink: { record: ({ ordinal }) => order.push(ordinal), skipped: ({ from }) => order.push(from) },
    });
    scanner.push(bytesOf([meta("t"), event("context_compacted"), message("user", "a")], [3]));
    expect(order).toEqual([0, 1, 2]);
  });

  it("regression: usage of a rolled back turn without a start event asks for a strict replay too", () => {
    const broken = `{"timestamp":"${timeAt(0)}","type":"turn_context","payload":{oops}}\n`;
    const items = [event("user_message", { message: "a" }), event("token_count", { info: null }), rollback(1)];
    const log = bytes(broken, ...items.map((item) => encodeLine(item, timeAt(0))));
    expect(needsStrictReplay(foldBytes(tokenUsageFold, [log], false).state)).toBe(true);
  });

  it("regression: the newest time is looked for among skipped lines when the last record has none", () => {
    const count = encodeLine(event("token_count", { info: null }), timeAt(5));
    const log = bytes(encodeLine(meta("t"), timeAt(0)), count, '{"type":"event_msg"}\n');
    expect(foldBytes(threadMetadataFold, [log], false).state.updatedAtMs).toBe(Date.parse(timeAt(5)));
  });
});
