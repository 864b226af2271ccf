/**
 * Text from threads on a terminal: nothing a terminal would obey gets through, and lines fit. The laws
 * hold for any text, also one made to break out.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { cutToWidth, toPlainLine, toPlainText, widthOf } from "../../src/cli/format/plain-text.ts";

const HOSTILE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;
const text = fc.string({
  unit: fc.oneof(
    fc.constantFrom("\u001b", "\r", "\n", "\t", "\u009b", "界", "👍", "e\u0301"),
    fc.string({ unit: "binary", maxLength: 2 }),
  ),
});

describe("toPlainText", () => {
  it("shows an escape sequence as signs instead of sending it", () => {
    expect(toPlainText("a\u001b[31mred\u0007\u007f")).toBe("a␛[31mred␇␡");
  });

  it("keeps newlines and tabs and takes CRLF as one newline", () => {
    expect(toPlainText("a\r\n\tb\n")).toBe("a\n\tb\n");
  });

  it("lets nothing through that a terminal obeys, whatever the text", () => {
    fc.assert(fc.property(text, (any) => !HOSTILE.test(toPlainText(any))));
  });
});

describe("toPlainLine", () => {
  it("is always one line", () => {
    fc.assert(fc.property(text, (any) => !/[\n\r\t]/.test(toPlainLine(any))));
  });

  it("marks where lines ended", () => {
    expect(toPlainLine("  one \n\n two\n")).toBe("one ⏎ two");
  });
});

describe("cutToWidth", () => {
  it("leaves what fits as it is", () => {
    expect(cutToWidth("exact", 5)).toBe("exact");
  });

  it("says with … that something was left out", () => {
    expect(cutToWidth("too long", 5)).toBe("too …");
  });

  it("counts wide characters as two columns and never splits one", () => {
    expect(cutToWidth("界界界", 4)).toBe("界…");
    expect(widthOf("界👍e\u0301")).toBe(5);
  });

  it("never gives more than the columns there are", () => {
    fc.assert(fc.property(text, fc.nat(30), (any, columns) => widthOf(cutToWidth(any, columns)) <= columns));
  });
});
