/**
 * The command line of `skein`: which commands there are, what they take, and what `--help` says.
 * Nothing runs here: a parsed line gives back a function that loads its command and runs it, so that
 * no command pays for the imports of another.
 */
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";

import { type LogLevel, SKEIN_VERSION } from "../base/index.ts";
import type { CliContext } from "./cli-context.ts";
import { EXIT, EXIT_MEANINGS, type ExitCode } from "./exit-codes.ts";
import { fromEnv } from "./env-option.ts";
import { addMoveCommands } from "./move-commands.ts";
import type { Output } from "./output.ts";
import { addServingCommands } from "./serving-commands.ts";

/** Options every command takes. */
export interface GlobalOptions {
  readonly home?: string;
  readonly store?: string;
  readonly json?: boolean;
  readonly progress?: boolean;
  /** False with `--no-db`. */
  readonly db?: boolean;
  /** Seconds. */
  readonly wait?: number;
  readonly log?: LogLevel;
}

/** What a command line asks for: something to run, or only the exit code when all is said (`--help`). */
export type ParsedLine =
  | { readonly run: undefined; readonly exitCode: ExitCode }
  | { readonly run: (context: CliContext) => Promise<ExitCode>; readonly globals: GlobalOptions };

/** A command's own function: its arguments and options come as one object. */
type CommandRunner<Options> = (context: CliContext, options: Options) => Promise<ExitCode>;

/** Parses the arguments (without node and script). Throws what the line gets wrong; see error-report.ts. */
export async function parseCommandLine(argv: readonly string[], out: Output, err: Output): Promise<ParsedLine> {
  const asked: { line?: ParsedLine } = {};
  const said: Promise<void>[] = [];
  const program = createProgram((line) => {
    asked.line = line;
  });
  for (const command of [program, ...program.commands]) {
    command.exitOverride();
    command.configureOutput({
      writeOut: (text) => said.push(out.write(text)),
      writeErr: (text) => said.push(err.write(text)),
      // The error is thrown as well; error-report.ts says it in our own form.
      outputError: () => {},
    });
  }
  try {
    program.parse([...argv], { from: "user" });
  } catch (error) {
    await Promise.all(said);
    if (!(error instanceof CommanderError)) throw error;
    if (error.code === "commander.help") return { run: undefined, exitCode: EXIT.usage };
    if (error.exitCode === 0) return { run: undefined, exitCode: EXIT.ok };
    throw error;
  }
  return asked.line ?? { run: undefined, exitCode: EXIT.usage };
}

type Ask = (line: ParsedLine) => void;

function createProgram(ask: Ask): Command {
  const program = new Command("skein")
    .description("Durable, forkable, rewindable conversation threads of agents.")
    .version(SKEIN_VERSION, "-V, --version", "print the version")
    .helpOption("-h, --help", "print help for a command")
    .configureHelp({ showGlobalOptions: true })
    .option(
      "--home <folder>",
      "where the threads are (default: $SKEIN_HOME, then ./.skein; a Codex home works)",
      folderName,
    )
    .addOption(
      fromEnv(
        "SKEIN_STORE",
        "--store <url>",
        "threads of another store in place of the home's: remote:http://HOST:PORT (see serve-store) or postgres://…",
      ),
    )
    .option("--json", "print JSON: data on standard output, errors on standard error")
    .option("--no-db", "work on the files alone, without the home's state DB (skein.sqlite)")
    .option("--wait <seconds>", "how long to wait for another process that fills the state DB (default 30)", parseCount)
    .option("--progress", "show progress also where standard error is no terminal")
    .addOption(
      new Option("--log <level>", "write log lines to standard error").choices(["error", "warn", "info", "debug"]),
    )
    .addHelpText("after", closingHelp());
  addTalkingCommands(program, ask);
  addReadingCommands(program, ask);
  addChangingCommands(program, ask);
  addMoveCommands(program, (command, load) => on(command, ask, load));
  addCareCommands(program, ask);
  return program;
}

function closingHelp(): string {
  const codes = EXIT_MEANINGS.map(([code, meaning]) => `  ${String(code).padEnd(4)} ${meaning}`);
  return [
    "",
    "ID is a thread id or the first characters of one; --last means the thread that was changed last.",
    "",
    "Exit codes:",
    ...codes,
    "",
    "Environment: SKEIN_HOME, SKEIN_STORE, SKEIN_STORE_TOKEN (for remote:), OPENAI_API_KEY and OPENAI_BASE_URL (chat, serve), NO_COLOR, SKEIN_DEBUG=1 (stacks);",
    "`skein serve --help` names those of serve.",
  ].join("\n");
}

function addTalkingCommands(program: Command, ask: Ask): void {
  on(
    program
      .command("demo")
      .description("show what threads can do, in a few seconds, on a home of its own (./.skein-demo or --home)"),
    ask,
    async () => (await import("./commands/demo-command.ts")).runDemo,
  );
  on(
    program
      .command("chat")
      .description("talk to an agent: on a terminal, or one turn a line on a pipe")
      .argument("[id]", "the thread to go on with; without it a new one is started")
      .option("--last", "go on with the thread that was changed last")
      .addOption(new Option("--agent <name>", "who answers").choices(["echo", "responses"]).default("echo"))
      .option("--model <name>", "the model to ask (responses)")
      .option("--base-url <url>", "an OpenAI-compatible endpoint (responses; default: $OPENAI_BASE_URL, then OpenAI)"),
    ask,
    async () => (await import("./commands/chat-command.ts")).runChat,
  );
  addServingCommands(program, (command, load) => on(command, ask, load));
}

function addReadingCommands(program: Command, ask: Ask): void {
  on(
    program
      .command("list")
      .description("list threads, newest first")
      .option("--archived", "only archived ones")
      .option("--limit <n>", "rows at most (1 to 1000, default 25)", parseCount)
      .option("--cursor <text>", "go on where a page ended")
      .addOption(new Option("--sort <key>", "by time of").choices(["created", "updated", "recency"]).default("created"))
      .option("--asc", "oldest first")
      .option("--cwd <folder>", "only of this working folder (may be repeated)", collect)
      .option("--provider <name>", "only of this model provider (may be repeated)", collect)
      .option("--source <word>", "only from this source: cli, vscode, exec, subagent, … (may be repeated)", collect)
      .option("--search <text>", "only with this text in the name or the first message")
      .option("--db-only", "answer at once from the state DB, without looking at the files first")
      .option("--parent <id>", "only threads that this one spawned")
      .option("--ancestor <id>", "only threads below this one, at any depth"),
    ask,
    async () => (await import("./commands/list-command.ts")).runList,
  );
  on(
    program
      .command("search")
      .description("find text in names and messages, newest thread first")
      .argument("<text>", "what to look for, literally; upper and lower case are the same")
      .option("--archived", "only in archived threads")
      .option("--live", "only in threads that are not archived")
      .option("--limit <n>", "threads at most (1 to 1000, default 25)", parseCount)
      .option("--cursor <text>", "go on where a page ended"),
    ask,
    async () => (await import("./commands/search-command.ts")).runSearch,
  );
  on(
    program
      .command("show")
      .description("print a thread's turns")
      .argument("[id]", "the thread")
      .option("--last", "the thread that was changed last")
      .option("--turns <n>", "only the newest turns", parseCount),
    ask,
    async () => (await import("./commands/show-command.ts")).runShow,
  );
  on(
    program
      .command("tail")
      .description("print a thread's records and follow what is added, by whatever process")
      .argument("[id]", "the thread")
      .option("--last", "the thread that was changed last")
      .option("--from <ordinal>", "begin at this record (default: the newest 10)", parseCount)
      .option("--no-follow", "stop at the end"),
    ask,
    async () => (await import("./commands/tail-command.ts")).runTail,
  );
}

function addChangingCommands(program: Command, ask: Ask): void {
  on(
    program
      .command("fork")
      .description("start a new thread with a copy of another's turns")
      .argument("[id]", "the thread to copy from")
      .option("--last", "the thread that was changed last")
      .option("--before <turn>", "leave out this turn and what follows"),
    ask,
    async () => (await import("./commands/fork-command.ts")).runFork,
  );
  on(
    program
      .command("rollback")
      .description("drop the newest turns; the log keeps them")
      .argument("<id>", "the thread")
      .argument("[turns]", "how many", parseCount)
      .option("--before <turn>", "drop this turn and all after it (the same as `revert`)"),
    ask,
    async () => (await import("./commands/rollback-command.ts")).runRollback,
  );
  on(
    program
      .command("revert")
      .description("go back to before a turn; the log keeps what is dropped")
      .argument("<id>", "the thread")
      .argument("<before>", "the turn's id, or the first characters of it"),
    ask,
    async () => (await import("./commands/rollback-command.ts")).runRollback,
  );
  for (const verb of ["archive", "unarchive"] as const) {
    on(
      program
        .command(verb)
        .description(verb === "archive" ? "put a thread away" : "bring an archived thread back")
        .argument("<id>", "the thread"),
      ask,
      async () => (await import("./commands/archive-command.ts"))[verb === "archive" ? "runArchive" : "runUnarchive"],
    );
  }
  on(
    program
      .command("name")
      .description("give a thread a name, or take it away")
      .argument("<id>", "the thread")
      .argument("[name]", "its name")
      .option("--clear", "take the name away"),
    ask,
    async () => (await import("./commands/name-command.ts")).runName,
  );
  on(
    program
      .command("delete")
      .description("remove a thread for good; its forks stay")
      .argument("<id>", "the thread, its whole id")
      .option("--yes", "really"),
    ask,
    async () => (await import("./commands/delete-command.ts")).runDelete,
  );
}

function addCareCommands(program: Command, ask: Ask): void {
  on(
    program
      .command("verify")
      .description("read every thread and report torn or odd records; changes nothing")
      .option("--projections", "instead: whether the state DB's rows are what the logs give, thread by thread")
      .option("--thread <id>", "with --projections: only this thread, and its digests"),
    ask,
    async () => (await import("./commands/verify-command.ts")).runVerify,
  );
  on(
    program
      .command("repair")
      .description("cut torn tails (they are kept aside), so that nothing is appended to half a line")
      .option("--dry-run", "only say what would be done"),
    ask,
    async () => (await import("./commands/repair-command.ts")).runRepair,
  );
  on(
    program
      .command("rebuild")
      .description("fold the state DB's rows again beside the old ones, and swap them in one step")
      .option("--keep-old", "keep the tables that are replaced, until the next rebuild"),
    ask,
    async () => (await import("./commands/rebuild-command.ts")).runRebuild,
  );
  on(
    program
      .command("doctor")
      .description("tell how the state DB is: who uses it, how far it is behind, what it could not read")
      .option("--check", "look through the whole file for damage too"),
    ask,
    async () => (await import("./commands/doctor-command.ts")).runDoctor,
  );
  addStoreCheck(program, ask);
}

const CHECK_STORE_HELP = `
The module exports (default or \`fixture\`, or what --export names) a fixture, or \`{ name, fixture, capabilities }\`, or a
function that makes that: see docs/TESTING.md. A law is named by its id (append.atomic) or its group (append).`;

function addStoreCheck(program: Command, ask: Ask): void {
  on(
    program
      .command("check-store")
      .description("hold a thread store of your own to the laws that every store keeps (needs fast-check)")
      .argument("[module]", "the file or package that exports its fixture")
      .option("--export <name>", "which of its exports")
      .option("--law <name>", "only this law, or the laws of this group (may be repeated)", collect)
      .option("--seed <n>", "what all examples follow from (default: drawn anew)", parseInteger)
      .option("--runs <n>", "examples a law (default: each law's own number)", parseCount)
      .option("--path <text>", "only this example of one law, as a failure tells it")
      .option("--replay-path <text>", "with --path: the commands of a failure of commands")
      .option("--fail-fast", "end at the first law that is broken")
      .option("--list", "list the laws, and check nothing")
      .addHelpText("after", CHECK_STORE_HELP),
    ask,
    async () => (await import("./commands/check-store-command.ts")).runCheckStore,
  );
}

/** Makes the command ask for its runner, with its arguments under their names among the options. */
function on<Options>(command: Command, ask: Ask, load: () => Promise<CommandRunner<Options>>): void {
  command.action(() => {
    const options: Record<string, unknown> = { ...command.opts() };
    for (const [index, argument] of command.registeredArguments.entries()) {
      options[argument.name()] = command.processedArgs[index];
    }
    ask({
      globals: command.optsWithGlobals<GlobalOptions>(),
      // Commander checked the options against the declarations above; the runner's type names the same ones.
      run: async (context) => (await load())(context, options as Options),
    });
  });
}

function parseCount(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError("It must be a whole number, 0 or more.");
  return Number(text);
}

function parseInteger(text: string): number {
  if (!/^-?\d{1,15}$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(text);
}

function collect(value: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, value];
}

/** An empty one is most often a variable that isn't set; to take the default home then would be a guess. */
function folderName(text: string): string {
  if (text === "") throw new InvalidArgumentError("It must name a folder.");
  return text;
}
