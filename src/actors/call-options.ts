/**
 * Which options the calls of a manager and its handles have. The lists are whole: the compiler refuses
 * one that lacks a member of its interface.
 */
import { checkOptions } from "../base/index.ts";
import type { NewThreadMetadata } from "../store/index.ts";
import type { TurnSettings } from "./agent.ts";
import type { ForkThreadParams } from "./fork-thread.ts";
import type { ResumeOptions, ReviewOptions, StartThreadParams } from "./thread-manager.ts";

type MembersOf<Options> = Readonly<Record<keyof Options, true>>;

const METADATA: MembersOf<NewThreadMetadata> = {
  cwd: true,
  modelProvider: true,
  memoryMode: true,
  source: true,
  threadSource: true,
  originator: true,
  baseInstructions: true,
  git: true,
  agentNickname: true,
  agentRole: true,
};
const START: MembersOf<StartThreadParams> = {
  ...METADATA,
  threadId: true,
  model: true,
  effort: true,
  instructions: true,
  tools: true,
};
const FORK: MembersOf<ForkThreadParams> = { ...START, beforeTurnId: true, excludeTurns: true };
const TURN: MembersOf<TurnSettings> = {
  model: true,
  cwd: true,
  effort: true,
  instructions: true,
  outputSchema: true,
  tools: true,
};
const RESUME: MembersOf<ResumeOptions> = { ...TURN, excludeTurns: true };
const REVIEW: MembersOf<ReviewOptions> = { delivery: true };
const READ = { includeTurns: true } as const;

/** The calls with options, and what they are called where one is refused. */
const CALLS = Object.freeze({
  start: { what: "startThread", members: START },
  fork: { what: "forkThread", members: FORK },
  turn: { what: "a turn", members: TURN },
  resume: { what: "resumeThread", members: RESUME },
  review: { what: "review", members: REVIEW },
  read: { what: "readThread", members: READ },
});

/** `invalid_argument` unless these can be the options of this call. */
export function checkCallOptions(call: keyof typeof CALLS, options: unknown): void {
  const { what, members } = CALLS[call];
  checkOptions(what, options, members);
}
