/**
 * Rollout files with what Codex 0.130 answered for them: Skein derives the same turns, but for the
 * differences that are listed.
 */
import { readdirSync, readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { needsStrictReplay, type Turn, turnsFold, turnsOf } from "../../src/events/index.ts";
import { CODEX_DIFFERENCES, PROBE_DIFFERENCES } from "./codex-differences.ts";
import { foldBytes } from "./log-reading.ts";

interface Answer {
  readonly thread?: { readonly turns: readonly unknown[] };
  readonly data?: readonly unknown[];
  readonly error?: unknown;
}

interface Vector {
  readonly file: string;
  readonly "thread/read": Answer;
  readonly "thread/turns/list"?: Answer;
  readonly "thread/resume"?: Answer;
}

const FOLDER = new URL("../fixtures/codex-0.130/vectors/", import.meta.url);
const VECTORS = new Map<string, Vector>(
  readdirSync(FOLDER).flatMap((name) =>
    Object.entries(JSON.parse(readFileSync(new URL(name, FOLDER), "utf8")) as Record<string, Vector>),
  ),
);

function turnsOfFile(file: string, isStrict: boolean): readonly Turn[] {
  return turnsOf(foldBytes(turnsFold, [new TextEncoder().encode(file)], isStrict).state, { live: false });
}

describe("vectors of Codex 0.130", () => {
  it("holds all 68 of them, and every listed difference is one of theirs", () => {
    expect(VECTORS.size).toBe(68);
    for (const name of Object.keys(CODEX_DIFFERENCES)) expect(VECTORS.has(name), name).toBe(true);
  });

  it.each([...VECTORS.keys()])("derives the turns of %s", (name) => {
    const difference = CODEX_DIFFERENCES[name];
    const vector = VECTORS.get(name);
    const file = VECTORS.get(difference?.answeredFrom ?? name)?.file ?? "";
    const answered = vector?.["thread/read"].thread?.turns;
    const turns = turnsOfFile(file, true);
    if (answered === undefined) {
      expect(difference, "Codex gave no turns: it must be listed").toBeDefined();
      return;
    }
    expect(turns).toEqual(difference?.changed?.(answered) ?? answered);
    expect(difference?.changed === undefined).toBe(JSON.stringify(turns) === JSON.stringify(answered));
  });

  // Which of two files with one id is meant is not a question of folding.
  const ofOneFile = [...VECTORS].filter(([name]) => CODEX_DIFFERENCES[name]?.answeredFrom === undefined);

  it.each(ofOneFile.filter(([, vector]) => vector["thread/turns/list"]?.data !== undefined))(
    "lists the turns of %s newest first",
    (name, vector) => {
      const answered = (vector["thread/turns/list"]?.data ?? []).toReversed();
      expect(turnsOfFile(vector.file, true)).toEqual(CODEX_DIFFERENCES[name]?.changed?.(answered) ?? answered);
    },
  );

  it.each(ofOneFile.filter(([, vector]) => vector["thread/resume"]?.thread !== undefined))(
    "resumes %s with the same turns",
    (name, vector) => {
      const answered = vector["thread/resume"]?.thread?.turns ?? [];
      expect(turnsOfFile(vector.file, true)).toEqual(CODEX_DIFFERENCES[name]?.changed?.(answered) ?? answered);
    },
  );

  it.each([...VECTORS])("comes to the same turns of %s by skipping, or says that it may not", (_name, { file }) => {
    const { state } = foldBytes(turnsFold, [new TextEncoder().encode(file)], false);
    if (!needsStrictReplay(state)) expect(turnsOf(state, { live: false })).toEqual(turnsOfFile(file, true));
  });
});

const PROBES = new Map(
  Object.entries(
    JSON.parse(readFileSync(new URL("../probes.130.json", FOLDER), "utf8")) as Record<
      string,
      { readonly file: string; readonly turns: readonly unknown[] }
    >,
  ),
);

describe("probes of Codex 0.130", () => {
  it("holds every listed difference", () => {
    for (const name of Object.keys(PROBE_DIFFERENCES)) expect(PROBES.has(name), name).toBe(true);
  });

  it.each([...PROBES])("derives the turns of %s, unless it is listed", (name, { file, turns }) => {
    const ours = turnsOfFile(file, true);
    if (PROBE_DIFFERENCES[name] === undefined) expect(ours).toEqual(turns);
    else expect(ours).not.toEqual(turns);
  });
});
