/**
 * What `skein export` and `skein import` take, said for the command line: the same arguments and options, in the
 * two directions.
 */
import type { Command } from "commander";

import type { CliContext } from "./cli-context.ts";
import type { ExitCode } from "./exit-codes.ts";

type Runner<Options> = (context: CliContext, options: Options) => Promise<ExitCode>;

/** Gives a declared command its runner. */
export type Register = <Options>(command: Command, load: () => Promise<Runner<Options>>) => void;

const EXPORT_HELP = `
DIR becomes a home that skein and Codex read as it is. The same command goes on where the last one ended, and takes over
what its threads have got since. It has a manifest, export.jsonl, by which an import checks every byte.`;

const IMPORT_HELP = `
DIR is an exported folder, or any home (Codex's too). Threads that are in the home stay as they are: with the same records
they are passed over, with others they are named, and the command ends with 4.`;

/** Declares the commands that move threads. */
export function addMoveCommands(program: Command, register: Register): void {
  const declare = (name: string, description: string, help: string): Command =>
    program
      .command(name)
      .description(description)
      .argument("<dir>", "the folder")
      .argument("[ids...]", "only these threads: their ids or the first characters of them")
      .option("--archived", "only archived ones")
      .option("--live", "only those that are not archived")
      .addHelpText("after", help);
  register(
    declare("export", "write threads into a folder, byte for byte, to be moved or kept", EXPORT_HELP),
    async () => (await import("./commands/export-command.ts")).runExport,
  );
  register(
    declare("import", "take threads from an exported folder or another home, byte for byte", IMPORT_HELP),
    async () => (await import("./commands/import-command.ts")).runImport,
  );
}
