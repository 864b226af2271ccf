/**
 * Ctrl-C for work that can end cleanly. The signal is told by hand; what listens to it is what the command
 * would have.
 */
import { describe, expect, it } from "vitest";

import type { CliContext } from "../../src/cli/cli-context.ts";
import { interruptible } from "../../src/cli/interrupt.ts";

/** A context of which only Ctrl-C is used. */
function contextWithKeys(): { readonly context: CliContext; readonly listeners: Set<() => void> } {
  const listeners = new Set<() => void>();
  const onInterrupt = (run: () => void): (() => void) => {
    listeners.add(run);
    return () => listeners.delete(run);
  };
  return { context: { onInterrupt } as Partial<CliContext> as CliContext, listeners };
}

describe("interruptible", () => {
  it("ends with aborted once the work has ended, whatever that says, and listens no more", async () => {
    const { context, listeners } = contextWithKeys();
    const end = Promise.withResolvers<void>();
    const work = interruptible(context, "nothing was changed", async (signal) => {
      await end.promise;
      expect(signal.aborted).toBe(true);
      throw new TypeError("the database was closed");
    });
    for (const press of listeners) press();
    // A second Ctrl-C is nobody's: it ends the process.
    expect(listeners.size).toBe(0);
    end.resolve();
    await expect(work).rejects.toMatchObject({ code: "aborted", message: "ended by Ctrl-C; nothing was changed" });
  });

  it("gives what the work gives, and its own failures, when nobody presses anything", async () => {
    const { context, listeners } = contextWithKeys();
    expect(await interruptible(context, "", async () => 7)).toBe(7);
    await expect(interruptible(context, "", () => Promise.reject(new TypeError("bad")))).rejects.toThrow("bad");
    expect(listeners.size).toBe(0);
  });

  it("lets work that was done all the same keep its result", async () => {
    const { context, listeners } = contextWithKeys();
    const result = await interruptible(context, "", async () => {
      for (const press of listeners) press();
      return "done";
    });
    expect(result).toBe("done");
  });
});
