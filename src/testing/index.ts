/**
 * skein/testing: the laws every ThreadStore keeps, as data, as a suite for a test runner and as a check that needs
 * none; and what it takes to state laws of one's own: arbitraries, a model with its commands, clocks under the
 * test's hand, a scheduler that a seed replays, and a disk with the faults of real ones.
 */
export {
  arbAgentScript,
  type ArbAgentScriptOptions,
  arbBatch,
  arbBatches,
  arbHistory,
  type ArbHistoryOptions,
  arbHome,
  type ArbHomeOptions,
  arbLog,
  type ArbLogOptions,
  arbMetadataPatch,
  arbOddLine,
  arbRolloutItem,
  arbText,
  arbTurnEvents,
  arbTurnItems,
  arbUnknownMembers,
  ENDING_STEP_KINDS,
  type HomeContent,
  type HomeThread,
  type LogBytes,
  type OddFile,
  type OddFileKind,
  type ScriptStepKind,
  writeHome,
} from "./arbitraries/index.ts";
export { createManualClock, drainEventLoop, type ManualClock, type ManualClockOptions } from "./manual-clock.ts";
export { createStoppableClock, type StoppableClock } from "./stoppable-clock.ts";
export { createSettableClock, type SettableClock } from "./settable-clock.ts";
export {
  checkThreadStore,
  type CheckThreadStoreOptions,
  type LawOutcome,
  type StoreReport,
} from "./check-thread-store.ts";
export { checkLaw, type LawVerdict } from "./law-check.ts";
export type { LawCheckOptions } from "./law-check-options.ts";
export { failureTestText } from "./failure-test.ts";
export { LawBrokenError, type LawFailure, lawFailureText } from "./law-failure.ts";
export { replayLaw, type ReplayLawOptions } from "./replay-law.ts";
export type { StoreClaims, StoreNeed } from "./store-claims.ts";
export { type LawPlace, type StoreLaw, storeLaw, type StoreLawOptions } from "./store-law.ts";
export {
  type ErrorJson,
  type LawOutcomeJson,
  storeReportJson,
  type StoreReportJson,
  storeReportText,
} from "./store-report.ts";
export type { StoreDamage, StoreFixture, StoreOpenOptions, StorePlace } from "./store-place.ts";
export type { TestContext, TestModule, TestRunner } from "./test-runner.ts";
export {
  arbScheduler,
  type CommandRun,
  matchesModel,
  type ModelThread,
  type NamedWriter,
  type Refusal,
  type StoreCommand,
  storeCommands,
  type StoreCommandsOptions,
  StoreModel,
  type StoreSession,
} from "./model/index.ts";
export { storeLaws } from "./store-laws.ts";
export { threadStoreSuite, type ThreadStoreSuiteOptions } from "./thread-store-suite.ts";
export {
  createSeededRandom,
  createSeededScheduler,
  createSimulatedDisk,
  type DiskFault,
  type DiskFaultRates,
  type EventOptions,
  type PowerCut,
  type ScheduledProcess,
  type SeededRandom,
  type SeededScheduler,
  type SeededSchedulerOptions,
  type SimulatedDisk,
  type SimulatedDiskOptions,
} from "./simulation/index.ts";
