/**
 * A home that goes back and forth: whoever wrote it, Codex goes on with every thread and changes some,
 * then Skein does, then Codex again. After each visit both must show the same.
 */
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";

import type { ThreadHandle } from "../../src/index.ts";
import { SET_BY_SKEIN, STATE_DB_DIFFERENCES } from "./allowed-differences.ts";
import type { CodexDriver } from "./codex-driver.ts";
import type { ConformanceLab } from "./conformance-lab.ts";
import { codexGoesOn, compareHome, type SharedHome } from "./home-comparison.ts";
import { skeinProblems } from "./skein-command.ts";
import type { SkeinHome } from "./skein-home.ts";

type CodexChange = (codex: CodexDriver, id: string, home: SharedHome) => Promise<unknown>;
type SkeinChange = (thread: ThreadHandle, skein: SkeinHome, home: SharedHome) => Promise<unknown>;

/** What Codex does to threads of these names, after a turn on each. */
const CODEX_CHANGES: Readonly<Record<string, CodexChange>> = {
  rolledBack: (codex, id) => codex.rollback(id, 1),
  renamed: (codex, id) => codex.name(id, "named by Codex"),
  gitPartlyCleared: (codex, id) => codex.setGit(id, { branch: "set-by-codex" }),
  memoryDisabled: (codex, id) => codex.setMemoryMode(id, "enabled"),
  compacted: (codex, id) => codex.compact(id),
  reviewed: (codex, id) => codex.review(id, "look again"),
  failed: (codex, id) => codex.turn(id, "this fails {{status:400}}"),
  interrupted: async (codex, id) => codex.interrupt(id, await codex.hangingTurn(id, "this takes long")),
  tools: (codex, id) => codex.turn(id, "do it {{think:thinking}} {{run:echo hello}}"),
  plain: async (codex, id) => {
    await codex.archive(id);
    await codex.unarchive(id);
  },
  unarchived: (codex, id) => codex.archive(id),
  unicode: async (codex, id, home) => {
    home.threads.set("unicodeForkedByCodex", (await codex.fork(id)).id);
  },
};

/** What Skein does to threads of these names, after a turn on each. */
const SKEIN_CHANGES: Readonly<Record<string, SkeinChange>> = {
  rolledBack: (thread) => thread.rollback(1),
  rolledBackTwice: (thread) => thread.revert(thread.snapshot().thread.turns.at(-1)?.id ?? ""),
  named: (thread) => thread.updateMetadata({ name: SET_BY_SKEIN.name }),
  git: (thread) => thread.updateMetadata({ git: { branch: SET_BY_SKEIN.branch } }),
  compacted: async (thread) => (await thread.compact()).completed,
  reviewed: async (thread) => (await thread.review({ type: "custom", instructions: "look again" })).completed,
  failed: async (thread) => (await thread.startTurn("this fails {{fail}}")).completed,
  interrupted: async (thread) => thread.interrupt((await thread.startTurn("this takes long {{hang}}")).turnId),
  tools: async (thread) => (await thread.startTurn("do it {{think:thinking}} {{call}}")).completed,
  plain: (thread, skein) => skein.archive(thread.id),
  archived: (thread, skein) => skein.unarchive(thread.id),
  unicode: async (thread, skein, home) => {
    const fork = await skein.fork(thread.id);
    await (
      await fork.startTurn("only in Skein's fork")
    ).completed;
    home.threads.set("unicodeForkedBySkein", fork.id);
  },
};

/** The whole way, on a home that `writer` wrote. */
export async function checkBothWays(lab: ConformanceLab, home: SharedHome, writer: string): Promise<void> {
  const part = (step: string): string => `${writer}'s home ${step}`;
  const goesOn = (who: string): void => lab.note(`${who} goes on with ${home.threads.size} threads of ${writer}`);
  await compareHome(lab, home, { part: part("1 as written") });
  goesOn("Codex");
  await codexGoesOn(lab, home, part("2 Codex goes on"));
  await codexChanges(lab, home, part("2 Codex goes on"));
  await compareHome(lab, home, { part: part("3 after Codex") });
  goesOn("Skein");
  await skeinGoesOn(lab, home, part("4 Skein goes on"));
  await compareHome(lab, home, { part: part("5 after Skein"), allowed: STATE_DB_DIFFERENCES });
  goesOn("Codex");
  await codexGoesOn(lab, home, part("6 Codex again"));
  await compareHome(lab, home, { part: part("7 in the end"), allowed: STATE_DB_DIFFERENCES });
  await removeStateDb(home);
  await compareHome(lab, home, { part: part("8 state DB made anew") });
  const subject = { part: part("9 verify"), thread: "(all)", claim: "skein verify finds nothing" };
  await lab.report.attempt(subject, async () => {
    const problems = await skeinProblems(home.path);
    lab.report.holds(subject, problems === "", problems);
  });
}

/** Codex makes it again from the files alone, so that it shows what they say. */
async function removeStateDb(home: SharedHome): Promise<void> {
  const files = await readdir(home.path);
  const found = files.filter((name) => name.startsWith("state_"));
  if (found.length === 0) throw new Error("Codex has no state DB here");
  for (const name of found) await rm(join(home.path, name));
}

async function codexChanges(lab: ConformanceLab, home: SharedHome, part: string): Promise<void> {
  await lab.withCodex(home.path, async (codex) => {
    for (const [name, change] of Object.entries(CODEX_CHANGES)) {
      const id = home.threads.get(name);
      if (id === undefined) throw new Error(`the scenario has no thread ${name}`);
      await lab.report.attempt({ part, thread: name, claim: "Codex changes it" }, async () => {
        await codex.resume(id);
        await change(codex, id, home);
      });
    }
  });
}

async function skeinGoesOn(lab: ConformanceLab, home: SharedHome, part: string): Promise<void> {
  // Taken now: a change may add a fork, which is not to be gone on with in this round.
  const threads = [...home.threads];
  await lab.withSkein(home.path, async (skein) => {
    for (const [name, id] of threads) {
      await lab.report.attempt({ part, thread: name, claim: "Skein goes on with it" }, async () => {
        const thread = await skein.resume(id);
        const turn = await (await thread.startTurn(`Skein goes on with ${name}`)).completed;
        const subject = { part, thread: name, claim: "a turn of Skein runs on it" };
        lab.report.holds(subject, turn.status === "completed", `the turn ended ${turn.status}`);
        await SKEIN_CHANGES[name]?.(thread, skein, home);
      });
    }
  });
}
