/**
 * Scripts of commands for a store with given claims: all operations of the port that the claims allow, in any
 * order, on threads and writers that are open, dead, archived or gone.
 */
import fc from "fast-check";

import type { StoreClaims } from "../store-claims.ts";
import { readingCommands } from "./reading-commands.ts";
import type { StoreCommand, StoreSession } from "./store-command.ts";
import type { StoreModel } from "./store-model.ts";
import { writingCommands } from "./writing-commands.ts";

/** Which commands, and how many. */
export interface StoreCommandsOptions {
  /** What the store claims. Default: everything; commands that need more than the model's store claims don't run. */
  readonly claims?: StoreClaims;
  /** Commands of a script at most. Default 80. */
  readonly commandsMax?: number;
  /** Of a failure: with its seed and path, repeats its script. */
  readonly replayPath?: string;
}

const COMMANDS_MAX = 80;

const ALL_CLAIMS: StoreClaims = Object.freeze({
  durability: "fsync",
  fork: "copy",
  search: true,
  itemLists: true,
  paths: true,
  reopen: true,
  archive: true,
  delete: true,
  clock: true,
  multiProcess: true,
  crash: true,
  powerCut: true,
  damage: true,
});

/**
 * Draws scripts, to be run by `fc.asyncModelRun` on a `StoreModel` and a `StoreSession`. Each command rejects when
 * the store's answer isn't the model's; its text is the code of the call.
 */
export function storeCommands(
  options: StoreCommandsOptions = {},
): fc.Arbitrary<Iterable<fc.AsyncCommand<StoreModel, StoreSession>>> {
  const { claims = ALL_CLAIMS, commandsMax = COMMANDS_MAX, replayPath } = options;
  const commands: fc.Arbitrary<StoreCommand>[] = [...writingCommands(claims), ...readingCommands()];
  return fc.commands(commands, {
    maxCommands: commandsMax,
    size: "max",
    ...(replayPath === undefined ? {} : { replayPath }),
  });
}
