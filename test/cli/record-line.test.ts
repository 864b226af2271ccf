/**
 * Records as lines: one line each whatever they hold, exact for programs, harmless for terminals. The laws
 * hold for any payload, also one of the wrong shape.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { recordJson, recordLine } from "../../src/cli/format/record-line.ts";
import { widthOf } from "../../src/cli/format/plain-text.ts";
import type { RolloutItem, RolloutRecord } from "../../src/events/index.ts";
import { scriptedOutput } from "../support/scripted-output.ts";

const TIMESTAMP = "2026-11-22T06:57:06.664Z";
const record = (item: RolloutItem, timestamp: string | null = TIMESTAMP): RolloutRecord => ({
  ordinal: 7,
  timestamp,
  item,
});

const anyText = fc.string({ unit: "binary" });
const anyItem: fc.Arbitrary<RolloutItem> = fc.oneof(
  fc.record({ type: fc.constant("event_msg" as const), payload: fc.record({ type: anyText, message: anyText }) }),
  fc.record({
    type: fc.constant("response_item" as const),
    payload: fc.record({ type: fc.constantFrom("message", "reasoning"), content: fc.anything() }),
  }),
  fc.record({ type: fc.constant("compacted" as const), payload: fc.record({ message: anyText }) }),
  fc.record({ type: fc.constant("unknown" as const), recordType: anyText, payload: fc.jsonValue() }),
  fc.record({ type: fc.constant("unreadable" as const), reason: anyText }),
);

describe("recordJson", () => {
  it("is the file's line with its ordinal", () => {
    const payload = { type: "user_message", message: "hi" };
    expect(JSON.parse(recordJson(record({ type: "event_msg", payload })))).toEqual({
      ordinal: 7,
      timestamp: TIMESTAMP,
      type: "event_msg",
      payload,
    });
  });

  it("gives an unknown type back under its own name", () => {
    const line = recordJson(record({ type: "unknown", recordType: "world_state", payload: { a: 1 } }));
    expect(JSON.parse(line)).toMatchObject({ type: "world_state", payload: { a: 1 } });
  });

  it("is one line without a control character, and says the text exactly", () => {
    fc.assert(
      fc.property(anyText, (message) => {
        const line = recordJson(record({ type: "compacted", payload: { message } }));
        expect(line.slice(0, -1)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
        expect((JSON.parse(line) as { payload: { message: string } }).payload.message).toBe(message);
      }),
    );
  });
});

describe("recordLine", () => {
  it("says ordinal, local time, kind and gist", () => {
    const { output } = scriptedOutput();
    const item: RolloutItem = { type: "event_msg", payload: { type: "user_message", message: "two\nlines" } };
    expect(recordLine(record(item, null), output)).toBe(
      `     7  ${" ".repeat(12)}  user_message          two ⏎ lines\n`,
    );
  });

  it("shows who said a message", () => {
    const { output } = scriptedOutput();
    const payload = { type: "message", role: "user", content: [{ type: "input_text", text: "hi" }] };
    expect(recordLine(record({ type: "response_item", payload }), output)).toContain(
      "response_item         user: hi\n",
    );
  });

  it("is one line for every record, and fits the terminal", () => {
    fc.assert(
      fc.property(anyItem, fc.integer({ min: 40, max: 120 }), (item, columns) => {
        const line = recordLine(record(item), scriptedOutput(columns).output);
        expect(line.indexOf("\n")).toBe(line.length - 1);
        expect(widthOf(line.slice(0, -1))).toBeLessThanOrEqual(columns);
      }),
    );
  });
});
