/**
 * Arbitrary homes as other programs leave them: files in the folder of their day or anywhere else, under names
 * that say their thread, another one or nothing, live and archived; with a session_meta first, second or not
 * at all, without times, with the ends of Windows lines, torn or empty. Few ids, so that several files hold one.
 */
import fc from "fast-check";

import { encodeLine } from "../../src/events/index.ts";
import { arbAnyLog, event, metaItem, turnItems } from "./reaching-logs.ts";

export const FILE_IDS = [
  "01900000-0000-7000-8000-000000000001",
  "01900000-0000-7000-8000-000000000002",
  "0197fe90-0000-7000-8000-00000000000a",
] as const;

export interface HomeFile {
  /** Relative to the home. */
  readonly path: string;
  /** Latin1: a character a byte. */
  readonly content: string;
  /** Time of change, seconds since the epoch. */
  readonly modifiedS: number;
}

/** The dated folder of each id's own day, in any time zone near enough for the lookup. */
function ownDay(id: string): string {
  const madeAt = new Date(Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16));
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${madeAt.getFullYear()}/${two(madeAt.getMonth() + 1)}/${two(madeAt.getDate())}`;
}

const arbId = fc.constantFrom(...FILE_IDS);

function arbPath(id: string): fc.Arbitrary<string> {
  const folder = fc.constantFrom(
    `sessions/${ownDay(id)}`,
    `sessions/${ownDay(id)}`,
    "sessions/2025/01/02",
    "sessions",
    "sessions/a/b/c/d",
    "archived_sessions",
    "archived_sessions/old",
  );
  const name = fc.oneof(
    { weight: 3, arbitrary: fc.constant(`rollout-2025-07-13T08-00-00-${id}.jsonl`) },
    { weight: 1, arbitrary: fc.constant(`rollout-2025-07-13T08-00-01-${id.toUpperCase()}.jsonl`) },
    { weight: 1, arbitrary: arbId.map((other) => `rollout-2025-07-13T08-00-00-${other}.jsonl`) },
    { weight: 1, arbitrary: fc.constantFrom("notes.jsonl", "ä b.jsonl", "rollout-x.jsonl", "rollout.jsonl.bak") },
  );
  return fc.tuple(folder, name).map((parts) => parts.join("/"));
}

/** A session_meta line; some have no time that can be read, some a parent, some an id in capitals. */
function arbMetaLine(id: string): fc.Arbitrary<string> {
  const more = fc.record(
    {
      cwd: fc.constantFrom("/w", "/v"),
      model_provider: fc.constantFrom("mock", "other"),
      source: fc.oneof(
        fc.constantFrom("cli", "vscode", "exec"),
        arbId.map((parent) => ({ subagent: { thread_spawn: { parent_thread_id: parent, depth: 1 } } })),
        fc.constant({ subagent: "review" }),
      ),
      git: fc.constant({ branch: "main" }),
      forked_from_id: arbId,
    },
    { requiredKeys: [] },
  );
  const time = fc.constantFrom(
    "2025-07-13T08:00:00.000Z",
    "2025-07-13T08:00:00.000Z",
    "2025-07-13T08:00:01.000Z",
    "yesterday",
  );
  const said = fc.oneof(
    { weight: 6, arbitrary: fc.constant(id) },
    { weight: 1, arbitrary: fc.constant(id.toUpperCase()) },
  );
  return fc
    .tuple(more, time, said)
    .map(([members, timestamp, saidId]) => encodeLine(metaItem(saidId, { ...members, timestamp }), timestamp));
}

const TIMES = [
  "2025-07-13T08:00:01.000Z",
  "2025-07-13T08:00:02.000Z",
  "2026-01-01T00:00:00.000Z",
  "2099-01-01T00:00:00.000Z",
  "sometime",
] as const;

function arbBody(): fc.Arbitrary<string> {
  const items = fc.oneof(
    fc.constantFrom("turn-1", "turn-2").map((id) => turnItems(id)),
    fc.constantFrom("hello", "ask Hello", "").map((message) => [event("user_message", { message })]),
    fc.constant([event("thread_name_updated", { thread_name: "From the log" })]),
    fc.constant([event("thread_rolled_back", { num_turns: 1 })]),
  );
  const piece = fc
    .tuple(items, fc.constantFrom(...TIMES))
    .map(([some, time]) => some.map((item) => encodeLine(item, time)).join(""));
  return fc.array(piece, { maxLength: 4 }).map((pieces) => pieces.join(""));
}

function arbContent(id: string): fc.Arbitrary<string> {
  const [meta, body] = [arbMetaLine(id), arbBody()];
  const ancestor = arbId.chain((other) => arbMetaLine(other));
  return fc.oneof(
    { weight: 6, arbitrary: fc.tuple(meta, body).map((parts) => parts.join("")) },
    { weight: 1, arbitrary: fc.tuple(body, meta, body).map((parts) => parts.join("")) },
    { weight: 1, arbitrary: fc.tuple(meta, ancestor, body).map((parts) => parts.join("")) },
    { weight: 1, arbitrary: fc.tuple(meta, body).map((parts) => parts.join("").replaceAll("\n", "\r\n")) },
    { weight: 1, arbitrary: fc.tuple(meta, body).map((parts) => parts.join("").trimEnd()) },
    { weight: 1, arbitrary: fc.tuple(meta, body).map((parts) => `${parts.join("")}{"timestamp":"2025-07`) },
    // A byte order mark: the line is unreadable, and the one behind it may be a session_meta.
    { weight: 1, arbitrary: fc.tuple(meta, body, meta).map((parts) => `\u00ef\u00bb\u00bf${parts.join("")}`) },
    { weight: 1, arbitrary: body },
    { weight: 1, arbitrary: fc.constantFrom("", "\n\n", "not json\n", "[]", "{}\n{}\n") },
    { weight: 1, arbitrary: arbAnyLog() },
  );
}

/** Some files, no two at one path. */
export function arbFiles(filesMax = 6): fc.Arbitrary<readonly HomeFile[]> {
  const file = arbId.chain((id) =>
    fc.record({
      path: arbPath(id),
      content: arbContent(id),
      modifiedS: fc.constantFrom(1_752_393_600, 1_752_393_601.5, 1_767_225_600),
    }),
  );
  return fc.uniqueArray(file, { minLength: 1, maxLength: filesMax, selector: ({ path }) => path });
}
