/**
 * All bugs that are planted from outside, in a memory store's methods. Those that are planted in the code itself
 * are source-mutants.ts.
 */
import type { PlantedBug } from "./planted-bug.ts";
import { crashBugs } from "./planted-crash-bugs.ts";
import { historyBugs } from "./planted-history-bugs.ts";
import { feedBugs } from "./planted-feed-bugs.ts";
import { listAndSearchBugs } from "./planted-list-bugs.ts";
import { modelBugs } from "./planted-model-bugs.ts";
import { readBugs } from "./planted-read-bugs.ts";
import { threadBugs } from "./planted-thread-bugs.ts";
import { windowBugs } from "./planted-window-bugs.ts";
import { writeBugs } from "./planted-write-bugs.ts";

/** Each has a name of its own. */
export const plantedBugs: readonly PlantedBug[] = Object.freeze([
  ...writeBugs,
  ...readBugs,
  ...listAndSearchBugs,
  ...threadBugs,
  ...windowBugs,
  ...feedBugs,
  ...modelBugs,
  ...historyBugs,
  ...crashBugs,
]);
