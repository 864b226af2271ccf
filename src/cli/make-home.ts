/**
 * Makes the home of a command that goes on for long: at once, and not with the first thread, so that a home that
 * can't be made is told before anybody relies on it, and so that it has its state DB from the start.
 */
import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";

import { fault, systemCode } from "../base/index.ts";

/** Makes the folder where it is missing. `home_unusable`. */
export async function makeHome(home: string): Promise<void> {
  try {
    await makeFolder(home);
  } catch (error) {
    throw fault("home_unusable", `could not make the home: ${reasonOf(error)}`, { data: { home }, cause: error });
  }
}

/** The same for a folder that threads are exported to. */
export async function makeExportFolder(folder: string): Promise<void> {
  try {
    await makeFolder(folder);
  } catch (error) {
    throw fault("home_unusable", `could not make the folder: ${reasonOf(error)}`, {
      data: { folder, nextStep: "name one that can be made, or that can be written to" },
      cause: error,
    });
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** With those above it. `mkdir` can do that itself, but goes round for ever below a folder that takes none, like /proc. */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    if (systemCode(error) === "EEXIST") return;
    if (systemCode(error) !== "ENOENT" || dirname(path) === path || (await isThere(dirname(path)))) throw error;
    await makeFolder(dirname(path));
    await mkdir(path);
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return false;
    throw error;
  }
}
