/**
 * The comparison finds what it is there to find: each test plants one difference in a recorded transcript, and it is
 * the one that is told. Without one it tells none.
 */
import { describe, expect, it } from "vitest";

import { readRecorded } from "./scenario-lab.ts";
import type { Message, TranscriptEntry } from "./transcript.ts";
import { compareTranscripts, type ExplainedDifference, type ListedDifference } from "./transcript-comparison.ts";

const SCENARIO = "fork";

/** The recorded transcript as ours: with the places where the script waited, after every answer. */
async function recorded(): Promise<TranscriptEntry[]> {
  const entries = await readRecorded(SCENARIO);
  const atRequests = entries.flatMap((entry): TranscriptEntry[] =>
    entry.kind === "sent" ? [{ kind: "settled" }, entry] : [entry],
  );
  return [...atRequests, { kind: "settled" }];
}

async function differencesOf(
  change: (entries: TranscriptEntry[]) => readonly TranscriptEntry[],
  listed: readonly ListedDifference[] = [],
): Promise<readonly ExplainedDifference[]> {
  const ours = change(await recorded());
  const theirs = await readRecorded(SCENARIO);
  return compareTranscripts({ scenario: SCENARIO, ours, theirs, listed }).flatMap(({ differences }) => differences);
}

function isReceived(entry: TranscriptEntry, method: string): boolean {
  return entry.kind === "received" && entry.message["method"] === method;
}

function changeMessage(entry: TranscriptEntry, change: (text: string) => string): TranscriptEntry {
  if (entry.kind !== "received") return entry;
  return { ...entry, message: JSON.parse(change(JSON.stringify(entry.message))) as Message };
}

describe("two transcripts of one script", () => {
  it("are the same when they are", async () => {
    expect(await differencesOf((entries) => entries)).toEqual([]);
  });

  it("are the same when every id has another name", async () => {
    const found = await differencesOf((entries) =>
      entries.map((entry) =>
        changeMessage(entry, (text) => text.replaceAll(/<U(\d+)>/g, (_, id: string) => `<U${Number(id) + 700}>`)),
      ),
    );
    expect(found).toEqual([]);
  });

  it("differ where one says an id of another thread", async () => {
    const found = await differencesOf((entries) => {
      const at = entries.findIndex((entry) => isReceived(entry, "turn/completed"));
      return entries.with(
        at,
        changeMessage(entries[at] as TranscriptEntry, (text) => text.replace("<U1>", "<U2>")),
      );
    });
    expect(found).toMatchObject([{ kind: "value", key: "turn/completed", path: "params.threadId" }]);
  });

  it("differ where one lacks a message", async () => {
    const found = await differencesOf((entries) => {
      const at = entries.findIndex((entry) => isReceived(entry, "turn/started"));
      return entries.toSpliced(at, 1);
    });
    expect(found).toMatchObject([{ kind: "missing", key: "turn/started", request: "turn/start" }]);
  });

  it("differ where one says a message twice", async () => {
    const found = await differencesOf((entries) => {
      const at = entries.findIndex((entry) => isReceived(entry, "turn/started"));
      return entries.toSpliced(at, 0, entries[at] as TranscriptEntry);
    });
    expect(found).toMatchObject([{ kind: "extra", key: "turn/started" }]);
  });

  it("differ where two messages come in the other order", async () => {
    const found = await differencesOf((entries) => {
      const at = entries.findIndex((entry) => isReceived(entry, "turn/completed"));
      return entries.toSpliced(at - 1, 2, ...entries.slice(at - 1, at + 1).reverse());
    });
    expect(found.map(({ kind }) => kind)).toEqual(["order"]);
  });

  it("differ where a member has another value", async () => {
    const found = await differencesOf((entries) => {
      const at = entries.findIndex((entry) => isReceived(entry, "item/completed"));
      return entries.with(
        at,
        changeMessage(entries[at] as TranscriptEntry, (text) => text.replace('"alpha"', '"beta"')),
      );
    });
    expect(found).toMatchObject([{ path: "params.item.content.0.text", ours: "beta", theirs: "alpha" }]);
  });

  it("tell of a thread that one list has more as one difference", async () => {
    const isList = (entry: TranscriptEntry): boolean =>
      entry.kind === "received" && Array.isArray((entry.message["result"] as Message | undefined)?.["data"]);
    const found = await differencesOf((entries) =>
      entries.map((entry) => {
        if (!isList(entry) || entry.kind !== "received") return entry;
        const result = entry.message["result"] as { readonly data: readonly Message[] };
        const data = result.data.toSpliced(1, 1);
        return { ...entry, message: { ...entry.message, result: { ...result, data } } };
      }),
    );
    expect(found).toMatchObject([{ kind: "value", path: "result.data.1", ours: undefined }]);
  });

  it("differ as listed where a listed difference covers it", async () => {
    const listed = [{ id: "none", reason: "", covers: ({ key }: { readonly key: string }) => key === "turn/started" }];
    const found = await differencesOf(
      (entries) => entries.filter((entry) => !isReceived(entry, "turn/started")),
      listed,
    );
    expect(new Set(found.map(({ listedAs }) => listedAs))).toEqual(new Set(["none"]));
  });
});
