/**
 * A look at the server before anything is stored there, and again with each connection and each renewal of the
 * lease: whether it keeps what it acknowledges, and whether it can carry the schema at all. PostgreSQL's own defaults
 * are durable on one machine; what an operator has switched off is said here, and not after the power went.
 */
import { fault, type Logger } from "../../base/index.ts";
import { type Durability, type StoreDurability, toStoreDurability } from "../durability.ts";
import type { ServerState } from "./postgres-database.ts";
import type { ServerSettings } from "./server-settings.ts";

/** What the server promises for what it acknowledges, and the settings that say so. */
export interface PostgresDurability extends StoreDurability {
  readonly fsync: boolean;
  /** As it is for this handle, which holds it to what it was when the store was opened, or more. */
  readonly synchronousCommit: string;
  readonly fullPageWrites: boolean;
  readonly synchronousStandbyNames: string;
  /** Such as "15.18". */
  readonly serverVersion: string;
  /** Null where the server doesn't tell. */
  readonly timeline: number | null;
  /** A pooler stands between, one that keeps sessions: another one is refused. */
  readonly isPooled: boolean;
  /** What is worth a word. */
  readonly warnings: readonly string[];
}

/** What is looked at with. */
export interface ProbeOptions {
  readonly allowUnsafe: boolean;
  readonly logger: Logger;
}

/** What the database's texts must be kept as: names and keys are of any letters. */
const ENCODING = "UTF8";
/** Commits that wait for a standby's disk, where standbys are named. */
const STANDBY_KEEPS: ReadonlySet<string> = new Set(["on", "remote_apply"]);

/** Follows what the server promises while a handle is open. */
export class DurabilityWatch {
  readonly #options: ProbeOptions;
  #server: ServerState;
  #report: PostgresDurability;

  /** `store_not_durable` unless `allowUnsafe`, `store_unusable`. */
  constructor(server: ServerState, options: ProbeOptions) {
    this.#options = options;
    this.#server = server;
    this.#report = probeDurability(server, options);
  }

  /** As it was seen last. */
  get report(): PostgresDurability {
    return this.#report;
  }

  /** What an append is acknowledged with. */
  get durability(): Durability {
    return this.#report.acknowledged;
  }

  /** A new connection. `store_not_durable`, and it is not to be used, unless `allowUnsafe`. */
  noteServer(server: ServerState): void {
    this.#note(server);
    if (!this.#options.allowUnsafe) refuseUnsafe(this.#report);
  }

  /** The settings as a connection that goes on finds them. */
  noteSettings(settings: ServerSettings): void {
    this.#note({ ...this.#server, settings });
  }

  /** What a statement ran with that was to be kept. `store_not_durable` where it may not be, unless `allowUnsafe`. */
  requireFsync(isOn: boolean): void {
    if (!this.noteFsync(isOn)) refuseUnsafe(this.#report);
  }

  /** What a put was committed with. False: nothing more is to be put by its connection. */
  noteFsync(isOn: boolean): boolean {
    if (isOn !== this.#report.fsync) {
      this.noteSettings({ ...this.#server.settings, fsync: isOn ? "on" : "off" });
    }
    return isOn || this.#options.allowUnsafe;
  }

  #note(server: ServerState): void {
    const known = new Set(this.#report.warnings);
    const timeline = server.timeline ?? this.#server.timeline;
    this.#server = { ...server, timeline };
    this.#report = reportOf(this.#server);
    tell(
      this.#options.logger,
      this.#report,
      this.#report.warnings.filter((warning) => !known.has(warning)),
    );
  }
}

/** Looks at the server. `store_not_durable` unless `allowUnsafe`, `store_unusable`. */
function probeDurability(server: ServerState, { allowUnsafe, logger }: ProbeOptions): PostgresDurability {
  const { version: serverVersion } = server.settings;
  if (server.isStandby) {
    throw fault("store_unusable", "this server is a standby and takes no writes: name the primary, or promote it", {
      retryable: true,
      data: { serverVersion },
    });
  }
  const { encoding } = server.settings;
  if (encoding !== ENCODING) {
    throw fault(
      "store_unusable",
      `this database keeps texts as ${encoding}, which hasn't every letter: make one with createdb -E ${ENCODING} -T template0, and name that`,
      { data: { encoding } },
    );
  }
  const report = reportOf(server);
  if (!allowUnsafe) refuseUnsafe(report);
  tell(logger, report, report.warnings);
  return report;
}

function reportOf(server: ServerState): PostgresDurability {
  const { version, fsync, commit, pages, standbys } = server.settings;
  return {
    ...toStoreDurability(
      acknowledgedWith(server.settings),
      STANDBY_KEEPS.has(commit) ? standbysWaitedFor(standbys) : 0,
    ),
    fsync: fsync === "on",
    synchronousCommit: commit,
    fullPageWrites: pages === "on",
    synchronousStandbyNames: standbys,
    serverVersion: version,
    timeline: server.timeline,
    isPooled: server.isPooled,
    warnings: warningsOf(server),
  };
}

function hasStandbys({ settings }: ServerState): boolean {
  return standbysWaitedFor(settings.standbys) > 0;
}

/** How many a commit waits for: `ANY 2 (a, b, c)`, `FIRST 2 (…)`, `2 (…)`, or a list of names, of which it is the first. */
function standbysWaitedFor(names: string): number {
  if (names.trim() === "") return 0;
  return Number(/^\s*(?:(?:ANY|FIRST)\s+)?(\d+)\s*\(/i.exec(names)?.[1] ?? 1);
}

function tell(logger: Logger, { serverVersion }: PostgresDurability, warnings: readonly string[]): void {
  for (const warning of warnings) logger.warn({ serverVersion }, warning);
}

/** Without fsync the machine keeps it; a commit that isn't waited for may be gone with the server. */
function acknowledgedWith({ fsync, commit }: ServerSettings): Durability {
  if (commit === "off") return "memory";
  return fsync === "on" ? "fsync" : "os";
}

function refuseUnsafe({ fsync, synchronousCommit }: PostgresDurability): void {
  const off = [...(fsync ? [] : ["fsync"]), ...(synchronousCommit === "off" ? ["synchronous_commit"] : [])];
  if (off.length === 0) return;
  const names = off.join(" and ");
  throw fault(
    "store_not_durable",
    `this server has ${names} off and may lose what it acknowledged: turn ${off.length > 1 ? "them" : "it"} on, or open the store with allowUnsafe if that doesn't matter`,
    { data: { fsync, synchronousCommit } },
  );
}

function warningsOf(server: ServerState): readonly string[] {
  const { fsync, commit, pages } = server.settings;
  return [
    ...(fsync === "on" ? [] : ["fsync is off: a power cut may lose what was acknowledged, or the whole database"]),
    ...(commit === "off" ? ["synchronous_commit is off: a crash of the server loses what was acknowledged last"] : []),
    ...(hasStandbys(server) ? standbyWarnings(commit) : []),
    ...(pages === "on"
      ? []
      : ["full_page_writes is off: pages may be torn by a power cut, unless the disk writes them whole"]),
    ...(server.isPooled
      ? ["a pooler stands before the server: it keeps sessions, and has to go on with that (pool_mode = session)"]
      : []),
  ];
}

function standbyWarnings(commit: string): readonly string[] {
  if (commit === "local") return ["synchronous_commit is local: the standbys that are named are not waited for"];
  if (commit !== "remote_write") return [];
  return ["synchronous_commit is remote_write: a standby has what was acknowledged, and may not have it on its disk"];
}
