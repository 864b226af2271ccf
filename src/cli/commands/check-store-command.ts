/**
 * `skein check-store`: holds anybody's thread store to the laws of the port, and prints what it keeps, breaks and
 * doesn't claim. It ends with 1 when a law is broken, and with 2 when there is nothing to check.
 *
 * The one part of the product that sees the kit (docs/decisions/0020). It loads it when it runs, because fast-check
 * is there only where somebody tests a store.
 */
import { basename, extname } from "node:path";

import { fault, rejection, systemClock, withinTime } from "../../base/index.ts";
import type {
  checkThreadStore,
  StoreClaims,
  StoreFixture,
  StoreLaw,
  storeLaws,
  StoreReport,
  storeReportJson,
  storeReportText,
} from "../../testing/index.ts";
import { type CliContext, withProgress } from "../cli-context.ts";
import { commandName } from "../command-name.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { toJsonLine } from "../output.ts";
import { shellWord } from "../shell-word.ts";
import { importStoreModule, messageOf, type ModuleExports, unusableModule } from "../store-module.ts";

interface CheckStoreOptions {
  readonly module?: string;
  readonly export?: string;
  readonly law?: readonly string[];
  readonly seed?: number;
  readonly runs?: number;
  readonly path?: string;
  readonly replayPath?: string;
  readonly failFast?: boolean;
  readonly list?: boolean;
}

/** What the command takes of the kit. */
interface Kit {
  readonly checkThreadStore: typeof checkThreadStore;
  readonly storeLaws: typeof storeLaws;
  readonly storeReportJson: typeof storeReportJson;
  readonly storeReportText: typeof storeReportText;
}

/** A store to be checked, as `checkThreadStore` takes it. */
interface StoreSubject {
  readonly name: string;
  readonly fixture: StoreFixture;
  readonly capabilities?: Partial<StoreClaims>;
}

const FORM =
  "`export const fixture = async () => ({ place, open, dispose })`: docs/TESTING.md shows one in eleven lines";

/** After the report or an error, what the store left open may not hold the process for longer. */
const ENDING_MS = 1_000;

/** Longest that each step of trying the fixture may take: a store that starts a server first is slow. */
const TRYING_MS = 30_000;

/** Checks the store of a module, or lists the laws. */
export async function runCheckStore(context: CliContext, options: CheckStoreOptions): Promise<ExitCode> {
  const kit = await loadKit();
  const laws = chosenLaws(kit.storeLaws, options.law ?? []);
  if (options.list === true) return await listLaws(context, laws);
  const { module, runs } = options;
  if (module === undefined) {
    throw rejection("invalid_argument", "no module is named: which store is to be checked?", {
      nextStep: `\`${commandName(context)} check-store ./my-store.ts\`: a module that exports a fixture; --list shows the laws`,
    });
  }
  if (runs === 0) throw rejection("invalid_argument", "--runs is 0: no example would be tried");
  if (options.path !== undefined && laws.length > 1) {
    throw rejection("invalid_argument", "--path leads to an example of one law: name that law with --law ID");
  }
  let report: StoreReport;
  try {
    const subject = await subjectOf(await importStoreModule(context.cwd, module), module, options.export);
    report = await check(context, kit, { subject, laws, options });
  } finally {
    context.endWithin(ENDING_MS);
  }
  if (context.json) await context.out.write(`${toJsonLine(kit.storeReportJson(report))}\n`);
  else await context.out.write(`${kit.storeReportText(report, { again: again(context, options, report) })}\n`);
  return report.broken > 0 ? EXIT.failed : EXIT.ok;
}

/** The kit, or what is to be installed for it. */
async function loadKit(): Promise<Kit> {
  try {
    return await import("../../testing/index.ts");
  } catch (error) {
    const isMissing = error instanceof Error && /Cannot find (package|module) 'fast-check'/.test(error.message);
    if (!isMissing) throw error;
    throw rejection("unsupported", "check-store needs fast-check, which isn't installed beside skein", {
      nextStep:
        "`npm install --save-dev skein fast-check` in the store's project, then `npx skein check-store …` there",
    });
  }
}

function chosenLaws(laws: readonly StoreLaw[], names: readonly string[]): readonly StoreLaw[] {
  for (const name of names) {
    if (laws.some((law) => isNamed(law, name))) continue;
    const groups = [...new Set(laws.map(({ id }) => id.split(".")[0]))].join(", ");
    throw rejection("invalid_argument", `no law and no group of laws is called ${JSON.stringify(name)}`, {
      nextStep: `the groups are ${groups}; \`skein check-store --list\` shows every law`,
    });
  }
  return names.length === 0 ? laws : laws.filter((law) => names.some((name) => isNamed(law, name)));
}

function isNamed({ id }: StoreLaw, name: string): boolean {
  return id === name || id.startsWith(`${name}.`);
}

async function listLaws({ json, out }: CliContext, laws: readonly StoreLaw[]): Promise<ExitCode> {
  if (json) {
    await out.write(
      `${toJsonLine({ laws: laws.map(({ id, title, needs, lacks, runs }) => ({ id, title, needs, lacks, runs })) })}\n`,
    );
    return EXIT.ok;
  }
  const width = Math.max(...laws.map(({ id }) => id.length));
  for (const { id, title } of laws) await out.write(`${out.paint("bold", id.padEnd(width))}  ${title}\n`);
  return EXIT.ok;
}

async function check(
  context: CliContext,
  kit: Kit,
  asked: {
    readonly subject: StoreSubject;
    readonly laws: readonly StoreLaw[];
    readonly options: CheckStoreOptions;
  },
): Promise<StoreReport> {
  const { subject, laws, options } = asked;
  const { seed, runs, path, replayPath, failFast = false } = options;
  const ending = new AbortController();
  // Asked once, it ends between two laws; asked again, at once.
  const release = context.onInterrupt(() => {
    release();
    ending.abort(fault("aborted", "the check was ended between two laws"));
  });
  try {
    return await withProgress(context, "check-store", (progress) =>
      kit.checkThreadStore({
        ...subject,
        laws,
        failFast,
        signal: ending.signal,
        onLaw: (_, done, total) => progress.tell({ unit: "laws", done, total }),
        ...(seed === undefined ? {} : { seed }),
        ...(runs === undefined ? {} : { runs }),
        ...(path === undefined ? {} : { path }),
        ...(replayPath === undefined ? {} : { replayPath }),
      }),
    );
  } finally {
    release();
  }
}

/** The command line that tries the same examples again. */
function again(context: CliContext, options: CheckStoreOptions, { seed }: StoreReport): string {
  const { module = "", law = [], runs, path, replayPath } = options;
  const parts = [
    `${commandName(context)} check-store ${shellWord(module)}`,
    ...(options.export === undefined ? [] : [`--export ${shellWord(options.export)}`]),
    ...law.map((name) => `--law ${name}`),
    `--seed ${seed}`,
    ...(runs === undefined ? [] : [`--runs ${runs}`]),
    ...(path === undefined ? [] : [`--path ${path}`]),
    ...(replayPath === undefined ? [] : [`--replay-path ${shellWord(replayPath)}`]),
  ];
  return parts.join(" ");
}

/** What the module exports, tried once: a place is made, opened, closed and disposed of. */
async function subjectOf(exported: ModuleExports, module: string, exportName?: string): Promise<StoreSubject> {
  const found = exportName ?? ["default", "fixture"].find((key) => exported[key] !== undefined) ?? "";
  const names = Object.keys(exported).join(", ");
  const failed = (message: string, cause?: unknown): Error =>
    unusableModule(message, { module, nextStep: FORM }, cause);
  const value = exported[found];
  if (value === undefined) {
    const wanted = exportName === undefined ? "neither a default export nor `fixture`" : `no \`${exportName}\``;
    throw failed(`${module} has ${wanted}: it exports ${names === "" ? "nothing" : names}`);
  }
  try {
    const { fixture, ...described } = await describedBy(value);
    if (!isFixture(fixture)) throw new TypeError(`it is ${Array.isArray(value) ? "an array" : typeof value}`);
    await tryPlace(await answered("the fixture", async () => fixture()));
    const { name = basename(module, extname(module)), capabilities } = { ...besideOf(exported), ...described };
    if (typeof name !== "string") throw new TypeError("`name` is no text");
    // The kit refuses claims that are none.
    return { name, fixture, ...(capabilities === undefined ? {} : { capabilities: capabilities as StoreClaims }) };
  } catch (error) {
    throw failed(`\`${found}\` of ${module} is no fixture that works: ${messageOf(error)}`, error);
  }
}

/** What a module says of its store beside the fixture. */
function besideOf({ name, capabilities }: ModuleExports): ModuleExports {
  return { ...(name === undefined ? {} : { name }), ...(capabilities === undefined ? {} : { capabilities }) };
}

/** A fixture; or a description that has one; or what a function makes: a place (then it is the fixture) or one of these. */
async function describedBy(value: unknown): Promise<ModuleExports> {
  if (typeof value === "object" && value !== null) return { ...value };
  if (typeof value !== "function") return {};
  const made: unknown = await answered("it", async (): Promise<unknown> => value());
  if (typeof made === "function") return { fixture: made };
  if (typeof made !== "object" || made === null) return {};
  if (!("open" in made)) return { ...made };
  await tryPlace(made);
  return { fixture: value };
}

function isFixture(value: unknown): value is StoreFixture {
  return typeof value === "function";
}

async function tryPlace(place: unknown): Promise<void> {
  if (!hasMethods(place, "open", "dispose")) throw new TypeError("it makes no place with `open` and `dispose`");
  try {
    const store: unknown = await answered("`open`", async () => place.open());
    if (!hasMethods(store, "appendItems", "close")) throw new TypeError("`open` gives no thread store");
    await answered("`close`", async () => store.close());
  } catch (error) {
    // What a place that doesn't work says to its end adds nothing.
    await answered("`dispose`", async () => place.dispose()).catch(() => {});
    throw error;
  }
  await answered("`dispose`", async () => place.dispose());
}

/** What it answers, or an error when that takes longer than an author waits for a store to open. */
async function answered(name: string, call: () => Promise<unknown>): Promise<unknown> {
  const answer = call();
  if (await withinTime(answer, systemClock, TRYING_MS)) return await answer;
  throw fault("timed_out", `${name} didn't settle within ${TRYING_MS / 1_000} seconds`);
}

function hasMethods<Name extends string>(
  value: unknown,
  ...names: readonly Name[]
): value is Readonly<Record<Name, () => unknown>> {
  if (typeof value !== "object" || value === null) return false;
  return names.every((name) => typeof Reflect.get(value, name) === "function");
}
