/**
 * How a person calls this command from here, for texts that say what to type next: by its name where it is
 * installed, through npm where `npm start` ran it, else by its file.
 */
import { basename, relative } from "node:path";

import type { CliContext } from "./cli-context.ts";

/** What comes before a subcommand: "skein", or "node bin/skein.mjs". */
export function commandName({ cwd, script }: Pick<CliContext, "cwd" | "script">): string {
  if (script === undefined || basename(script) === "skein") return "skein";
  return `node ${relative(cwd, script)}`;
}

/** What comes before the options of `serve`: "skein serve", or "npm start --" in a clone. */
export function serveCommandName(context: Pick<CliContext, "cwd" | "script" | "env">): string {
  const { npm_lifecycle_event: npmScript, npm_package_name: npmPackage } = context.env;
  return npmScript === "start" && npmPackage === "skein" ? "npm start --" : `${commandName(context)} serve`;
}
