/**
 * How a person calls this command from here, for texts that say what to type next: by its name where it is
 * installed, through npm where `npm start` ran it, else by its file.
 */
import { basename, relative } from "node:path";

import type { CliContext } from "./cli-context.ts";
import { storeArgument } from "./open-store.ts";
import { shellWord } from "./shell-word.ts";

/** What comes before a subcommand: "skein", or "node bin/skein.mjs". */
export function commandName({ cwd, script }: Pick<CliContext, "cwd" | "script">): string {
  if (script === undefined || basename(script) === "skein") return "skein";
  return `node ${shellWord(relative(cwd, script))}`;
}

/** What comes before the options of `serve`: "skein serve", or "npm start --" in a clone. */
export function serveCommandName(context: Pick<CliContext, "cwd" | "script" | "env">): string {
  const { npm_lifecycle_event: npmScript, npm_package_name: npmPackage } = context.env;
  return npmScript === "start" && npmPackage === "skein" ? "npm start --" : `${commandName(context)} serve`;
}

/** Commands to be pasted into a shell. */
export interface FurtherCommands {
  /** What comes before a subcommand. */
  readonly command: string;
  /** What comes before the options of `serve`. */
  readonly serveCommand: string;
}

/** The same with what they need to work on the home and the store of this one. No password is in them. */
export function furtherCommands(
  context: Pick<CliContext, "cwd" | "script" | "env" | "home" | "isHomeGiven" | "store">,
): FurtherCommands {
  const { environment, argument } = storeArgument(context);
  const data = `${context.isHomeGiven ? ` --home ${shellWord(context.home)}` : ""}${argument}`;
  return {
    command: `${environment}${commandName(context)}${data}`,
    serveCommand: `${environment}${serveCommandName(context)}${data}`,
  };
}
