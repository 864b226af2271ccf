/**
 * Moves a state DB that can't be used out of the way, with its WAL, under a name that says why and when.
 * Nothing is thrown away and no earlier one is overwritten: what was in it can still be looked into. Who
 * calls it is alone at the file, see state-db-guard.ts.
 */
import { lstatSync, renameSync } from "node:fs";

import { systemCode } from "../base/index.ts";

/** What stood where the state DB should be. */
export type AsideReason = "damaged" | "foreign";

/** SQLite's files beside a database. They belong to it: left behind, they would be taken for the new one's. */
const COMPANIONS = ["-wal", "-shm", "-journal"];
/** The main file goes first: a WAL whose database is gone is removed by SQLite, never applied to a new one. */
const PARTS = ["", ...COMPANIONS];
const NAMES_MAX = 1_000;

/** Moves the file away; its new path. */
export function setAsideFile(path: string, reason: AsideReason, nowMs: number): string {
  const stem = `${path}.${reason}-${fileTime(nowMs)}`;
  for (let n = 1; n < NAMES_MAX; n += 1) {
    const target = n === 1 ? stem : `${stem}-${n}`;
    if (PARTS.some((part) => exists(target + part))) continue;
    for (const part of PARTS) {
      if (exists(path + part)) renameSync(path + part, target + part);
    }
    return target;
  }
  return setAsideFile(path, reason, nowMs + 1_000);
}

/** `2026-01-02T03-04-05`, UTC. */
function fileTime(nowMs: number): string {
  return new Date(nowMs).toISOString().slice(0, 19).replaceAll(":", "-");
}

function exists(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return false;
    throw error;
  }
}
