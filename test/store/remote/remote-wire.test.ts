/**
 * What goes over the wire comes out as it was: records of any kind, readable or not, with numbers that JSON is vague
 * about, and lines longer than any message.
 */
import fc from "fast-check";
import { expect, test } from "vitest";

import { decodeLine, type RolloutRecord } from "../../../src/events/index.ts";
import { createRecordJoiner, inMessages, toWireRecords, wireRecordSize } from "../../../src/store/remote/wire-parts.ts";

function sent(records: readonly RolloutRecord[]): readonly RolloutRecord[] {
  const joiner = createRecordJoiner();
  return [...inMessages(records.flatMap(toWireRecords), wireRecordSize)]
    .flat()
    .flatMap((part) => joiner.add(part) ?? []);
}

const arbNumberText = fc.constantFrom("-0", "0", "1e999", "-1e999", "1.5", "12345678901234567890", "-0.0");
const arbLine = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.jsonValue().map((value) => JSON.stringify(value)),
  fc
    .record({
      number: arbNumberText,
      type: fc.constantFrom("event_msg", "a_type_to_come", "response_item"),
      key: fc.string(),
    })
    .map(
      ({ number, type, key }) =>
        `{"timestamp":"2026-05-05T10:00:00.000Z","type":"${type}","payload":{"type":"x","__proto__":[${number}],"deep":{"n":${number}}},"skein":{"key":${JSON.stringify(key)},"more":2}}`,
    ),
  fc.constantFrom(
    '{"timestamp":"yesterday","type":"later","payload":null}',
    '{"timestamp":"2026-05-05T10:00:00.000Z","type":"later"}',
    '{"timestamp":"2026-05-05T10:00:00.000Z","type":"\\ud800","payload":"\\udfff"}',
    "",
    "{",
  ),
);

test("a record of any line, readable or not, comes out as it was", () => {
  fc.assert(
    fc.property(fc.array(arbLine, { maxLength: 5 }), (lines) => {
      const records = lines.map((line, ordinal) => decodeLine(line, ordinal));
      expect(sent(records)).toStrictEqual(records);
    }),
  );
});

test("records whose lines are longer than a message come out as they were, between others", () => {
  const long = (ordinal: number, length: number): RolloutRecord => ({
    ordinal,
    timestamp: "2026-05-05T10:00:00.000Z",
    item: { type: "event_msg", payload: { type: "user_message", message: "ü".repeat(length) } },
  });
  const records = [long(0, 1), long(1, 3_000_000), long(2, 131_072), long(3, 5)];
  const parts = records.flatMap(toWireRecords);
  for (const message of inMessages(parts, wireRecordSize)) {
    expect(message.reduce((sum, part) => sum + wireRecordSize(part), 0)).toBeLessThan(512 * 1024);
  }
  expect(sent(records)).toStrictEqual(records);
});
