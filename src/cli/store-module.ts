/**
 * Finds and imports the module of somebody's thread store: by its path from the working folder, or by the name of
 * its package as seen from there. What can't be found or loaded is said with what to do about it.
 */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { isAbsolute, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { SkeinError, systemCode } from "../base/index.ts";

/** What a module exports, by name. */
export type ModuleExports = Readonly<Record<string, unknown>>;

/** Imports the module. `invalid_argument` where there is none, or it throws. */
export async function importStoreModule(cwd: string, module: string): Promise<ModuleExports> {
  const file = resolve(cwd, module);
  const isPath = module.startsWith(".") || isAbsolute(module) || existsSync(file);
  const found = isPath ? file : packageFile(cwd, module);
  if (!existsSync(found)) {
    const nextStep = "name its file as seen from here, or its package";
    throw unusableModule(`there is no file ${module} here (${file})`, { module, nextStep });
  }
  try {
    const loaded: unknown = await import(pathToFileURL(found).href);
    return isExports(loaded) ? loaded : {};
  } catch (error) {
    const isTypeScript = systemCode(error) === "ERR_UNKNOWN_FILE_EXTENSION";
    const nextStep = isTypeScript
      ? "Node runs TypeScript by itself from 22.18 on, outside of node_modules; else name the JavaScript it is built to"
      : `\`node ${module}\` should load it without an error; SKEIN_DEBUG=1 shows where it comes from`;
    throw unusableModule(`${module} can't be loaded: ${messageOf(error)}`, { module, nextStep }, error);
  }
}

/** `invalid_argument`, with what to do next. */
export function unusableModule(
  message: string,
  data: { readonly module: string; readonly nextStep: string },
  cause?: unknown,
): SkeinError {
  return new SkeinError("invalid_argument", message, {
    kind: "rejection",
    data,
    ...(cause === undefined ? {} : { cause }),
  });
}

/** What went wrong, in its own words, on one line. */
export function messageOf(error: unknown): string {
  try {
    const message = error instanceof Error ? error.message : String(error);
    // What follows is a list of who required whom.
    return message.split("\n")[0] ?? message;
  } catch {
    // An object without a prototype, or a getter that throws: modules of others may throw anything.
    return "what it threw can't be told as text";
  }
}

function packageFile(cwd: string, module: string): string {
  try {
    return createRequire(join(cwd, "package.json")).resolve(module);
  } catch (error) {
    const message = `there is no file ${module} here, and no package that could be loaded: ${messageOf(error)}`;
    throw unusableModule(message, { module, nextStep: "name its file as seen from here: ./my-store.js" }, error);
  }
}

function isExports(value: unknown): value is ModuleExports {
  return typeof value === "object" && value !== null;
}
