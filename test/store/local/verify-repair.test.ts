/**
 * verifyHome tells everything that is odd in a home and changes nothing; repairHome does what the next
 * append would do first, and keeps what it cuts.
 */
import { execFileSync } from "node:child_process";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

import { describe, expect, it } from "vitest";

import { sealLine } from "../../../src/store/line-seal.ts";
import { repairHome, verifyHome, type VerifyProgress } from "../../../src/store/local/index.ts";
import { faultyDisk } from "./faulty-disk.ts";
import { homeWith, messageLine, metaLine, ODD_ID, snapshot, writeInto } from "./hand-made-rollouts.ts";
import { collect, makeHome, message, messages, openStore, refusal, seed, textsOf } from "./store-lab.ts";

/** Of the system, as Node makes no pipes with names. */
const PIPE_MAKER = "mkfifo";
const WHOLE = metaLine() + messageLine("a");
const OPEN_BATCH = `${messageLine("b").slice(0, -2)},"skein":{"more":2}}\n`;

async function codesOf(home: string): Promise<string[]> {
  return (await collect(verifyHome(home))).map((finding) => finding.code);
}

describe("verify finds", () => {
  it.each<[string, string | Buffer, string[]]>([
    ["nothing in a whole log", WHOLE, []],
    ["a torn tail", `${WHOLE}{"torn`, ["torn_tail"]],
    ["a missing newline", WHOLE.trimEnd(), ["missing_newline"]],
    ["an append that isn't whole", WHOLE + OPEN_BATCH, ["incomplete_batch"]],
    [
      "an append that isn't whole, and a torn line of it",
      `${WHOLE}${OPEN_BATCH}{"torn`,
      ["torn_tail", "incomplete_batch"],
    ],
    ["an append that another writer went on behind", WHOLE + OPEN_BATCH + messageLine("c"), ["broken_batch"]],
    ["lines that are no records", `${WHOLE}x\n[]\n`, ["unreadable_line", "unreadable_line"]],
    [
      "bytes that are no UTF-8",
      Buffer.concat([Buffer.from(WHOLE), Buffer.from([0x22, 0xff, 0x22, 0x0a])]),
      ["invalid_utf8"],
    ],
    [
      "types nobody knows, once a type",
      WHOLE + messageLine("x").replace("event_msg", "odd").repeat(3),
      ["unknown_type"],
    ],
    ["a byte order mark", `\u{feff}${WHOLE}`, ["unreadable_line", "byte_order_mark", "no_session_meta"]],
    ["an empty file", "", ["empty_file"]],
    ["a log of another id than its name's", metaLine("01900000-0000-7000-8000-00000000000f"), ["id_mismatch"]],
    ["times that are none", metaLine(ODD_ID, { timestamp: "yesterday" }), ["bad_time"]],
  ])("%s", async (_what, bytes, codes) => {
    const { home } = await homeWith(bytes);
    const before = await snapshot(home);
    expect(await codesOf(home)).toEqual(codes);
    expect(await snapshot(home)).toEqual(before);
  });

  it("what stands among the rollouts and is not looked into", async () => {
    const { home, file } = await homeWith(WHOLE);
    const folder = dirname(file);
    await mkdir(join(folder, "rollout-folder.jsonl"));
    await symlink(join(home, "nowhere"), join(folder, "rollout-dangling.jsonl"));
    await symlink(file, join(folder, "rollout-linked.jsonl"));
    await symlink(folder, join(home, "sessions/linked"));
    execFileSync(PIPE_MAKER, [join(folder, "rollout-pipe.jsonl")]);
    await mkdir(join(home, "sessions/1/2/3/4/5/6/7/8/9"), { recursive: true });
    const findings = await collect(verifyHome(home));
    expect(new Set(findings.map(({ code, severity, path }) => `${severity} ${code} ${basename(path)}`))).toEqual(
      new Set(
        [
          "rollout-folder.jsonl",
          "rollout-dangling.jsonl",
          "rollout-linked.jsonl",
          "rollout-pipe.jsonl",
          "linked",
          "9",
        ].map((name) => `warning odd_entry ${name}`),
      ),
    );
    expect(findings).toHaveLength(6);
  });

  it("where it is: file, thread, ordinal and offset", async () => {
    const { home, file } = await homeWith(`${WHOLE}broken\n`);
    expect(await collect(verifyHome(home))).toEqual([
      {
        code: "unreadable_line",
        severity: "warning",
        message: expect.stringContaining("not JSON"),
        path: file,
        threadId: ODD_ID,
        ordinal: 2,
        offset: Buffer.byteLength(WHOLE),
      },
    ]);
  });

  it("a line that is not what was written, though it reads as a record", async () => {
    const home = await makeHome();
    const store = await openStore(home);
    const { id, file } = await seed(store, messages(3, "text"));
    await store.close();
    const bytes = await readFile(file);
    const at = bytes.indexOf("text1");
    bytes.write("test1", at);
    await writeFile(file, bytes);
    expect(await collect(verifyHome(home))).toEqual([
      {
        code: "spoilt_line",
        severity: "error",
        message: expect.stringContaining("checksum"),
        path: file,
        threadId: id,
        ordinal: 2,
        offset: bytes.lastIndexOf("\n", at) + 1,
      },
    ]);
    // Readers go on: what the line says now is all there is.
    expect(await textsOf(await openStore(home), id)).toEqual(["text0", "test1", "text2"]);
  });

  it("nothing in a fork that was cut inside an append", async () => {
    const home = await makeHome();
    const store = await openStore(home);
    const { id } = await seed(store, messages(3, "text"));
    const { writer } = await store.createThread({ metadata: { cwd: "/work" }, fork: { threadId: id, endOrdinal: 3 } });
    expect(await textsOf(store, writer.threadId)).toEqual(["text0", "text1"]);
    await store.close();
    expect(await codesOf(home)).toEqual([]);
  });

  it("two files of one thread, odd names, unfinished forks, and names without a thread", async () => {
    const { home } = await homeWith(WHOLE);
    await writeInto(join(home, "archived_sessions/copy.jsonl"), WHOLE);
    await writeInto(join(home, "sessions/2026/05/05/rollout-x.jsonl.fork-tmp"), "x");
    const nobody = "01900000-0000-7000-8000-0000000000aa";
    const entry = (id: string, name: string): string =>
      `${JSON.stringify({ id, thread_name: name, updated_at: "?" })}\n`;
    const index = `${entry(nobody, "gone")}garbage\n${entry(ODD_ID, "here")}${entry("x", "cleared")}${entry("x", "")}`;
    await writeFile(join(home, "session_index.jsonl"), index);
    expect((await codesOf(home)).toSorted()).toEqual(
      ["bad_index_line", "dangling_index_entry", "duplicate_id", "leftover_fork", "odd_name"].toSorted(),
    );
  });

  it("no more than a bounded number of lines of one file, and how many more there are", async () => {
    const { home } = await homeWith(WHOLE + "x\n".repeat(250));
    const findings = await collect(verifyHome(home));
    expect(findings).toHaveLength(101);
    expect(findings.at(-1)?.message).toContain("150 more");
    const spoilt = sealLine(messageLine("spoilt")).replace("spoilt", "spoiled");
    const { home: other } = await homeWith(WHOLE + spoilt.repeat(250));
    const others = await collect(verifyHome(other));
    expect(others).toHaveLength(101);
    expect(others.at(-1)?.message).toContain("150 more lines are not what was written");
  });

  it("a file that can't be opened, and goes on with the others", async () => {
    const { home } = await homeWith(`${WHOLE}x\n`);
    const disk = faultyDisk();
    disk.open = async (path, mode) => {
      if (path.endsWith("closed.jsonl")) throw Object.assign(new Error("EACCES: not yours"), { code: "EACCES" });
      const { nodeFileSystem } = await import("../../../src/store/local/index.ts");
      return nodeFileSystem.open(path, mode);
    };
    await writeInto(join(home, "sessions/closed.jsonl"), WHOLE);
    const findings = await collect(verifyHome(home, { fileSystem: disk }));
    expect(findings.map((finding) => finding.code).toSorted()).toEqual(["unreadable_file", "unreadable_line"]);
  });
});

describe("a verification", () => {
  it("tells how far it is, and ends where it said it would", async () => {
    const home = await makeHome();
    const store = await openStore(home);
    for (let n = 0; n < 3; n += 1) await seed(store, messages(4));
    const told: VerifyProgress[] = [];
    await collect(verifyHome(home, { onProgress: (progress) => told.push(progress) }));
    expect(told.map((progress) => progress.filesDone)).toEqual([0, 1, 2, 3]);
    const last = told.at(-1);
    expect(last).toMatchObject({ filesTotal: 3, recordsDone: 15, threadsDone: 3, bytesDone: last?.bytesTotal });
  });

  it("stops when it is told to", async () => {
    const { home } = await homeWith(WHOLE);
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(collect(verifyHome(home, { signal }))).rejects.toThrow("enough");
  });

  it("of a home that is a file is refused, of one that isn't there finds nothing", async () => {
    const { home, file } = await homeWith(WHOLE);
    expect((await refusal(collect(verifyHome(file)))).code).toBe("home_unusable");
    expect(await codesOf(join(home, "nowhere"))).toEqual([]);
  });
});

describe("repair", () => {
  it("cuts torn tails and half appends, adds newlines, and leaves the rest alone", async () => {
    const home = await makeHome();
    const logs: Record<string, string> = {
      whole: WHOLE,
      torn: `${WHOLE}{"torn`,
      batch: `${WHOLE}${OPEN_BATCH}{"to`,
      unended: WHOLE.trimEnd(),
      garbage: "{not a rollout",
      odd: `${WHOLE}x\n`,
    };
    for (const [name, log] of Object.entries(logs)) await writeInto(join(home, "sessions", `${name}.jsonl`), log);
    const before = await snapshot(home);
    const dry = await collect(repairHome({ home, dryRun: true }));
    expect(await snapshot(home), "a dry run changes nothing").toEqual(before);
    const actions = await collect(repairHome({ home }));
    const done = actions.map(({ action, path, bytes }) => `${path.slice(home.length + 10)} ${action} ${bytes}`);
    expect(done.toSorted()).toEqual([
      `batch.jsonl cut_tail ${OPEN_BATCH.length + 4}`,
      "torn.jsonl cut_tail 6",
      "unended.jsonl add_newline 1",
    ]);
    expect(dry.map((action) => ({ ...action, isDone: true }))).toEqual(
      actions.map((action) => ({ ...action, keptAt: null })),
    );
    const after = await snapshot(home);
    for (const name of ["whole", "torn", "batch", "unended"]) expect(after[`sessions/${name}.jsonl`]).toBe(WHOLE);
    for (const name of ["garbage", "odd"]) expect(after[`sessions/${name}.jsonl`]).toBe(logs[name]);
    const paths = actions.flatMap(({ keptAt }) => (keptAt === null ? [] : [keptAt]));
    const kept = await Promise.all(paths.map((path) => readFile(path, "utf8")));
    expect(kept.toSorted()).toEqual([`${OPEN_BATCH}{"to`, '{"torn'].toSorted());
    expect(await collect(repairHome({ home })), "what is repaired needs no repair").toEqual([]);
  });

  it("leaves a thread that goes on where it was", async () => {
    const { home } = await homeWith(`${WHOLE}{"torn`);
    await collect(repairHome({ home }));
    const store = await openStore(home);
    const { writer, tornBytes, nextOrdinal } = await store.resumeThread({ threadId: ODD_ID });
    expect([tornBytes, nextOrdinal]).toEqual([0, 2]);
    await store.appendItems({ writer, items: [message("next")] });
    expect(await textsOf(store, ODD_ID)).toEqual(["a", "next"]);
  });

  it("that fails says why, and leaves the file as it was", async () => {
    const { home, file } = await homeWith(`${WHOLE}{"torn`);
    const disk = faultyDisk();
    disk.faults.bytesLeft = 2;
    const [action] = await collect(repairHome({ home, fileSystem: disk }));
    expect(action).toMatchObject({ isDone: false, failure: expect.stringContaining("ENOSPC") });
    expect(await readFile(file, "utf8")).toBe(`${WHOLE}{"torn`);
  });
});
