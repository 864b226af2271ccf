/**
 * skein/testing: the laws every ThreadStore keeps, as data and as a vitest suite, and what it takes to
 * state laws of one's own: arbitraries, and clocks under the test's hand.
 */
export {
  arbBatch,
  arbBatches,
  arbHistory,
  type ArbHistoryOptions,
  arbLog,
  type ArbLogOptions,
  arbOddLine,
  arbRolloutItem,
  arbText,
  arbTurnEvents,
  arbTurnItems,
  arbUnknownMembers,
  type LogBytes,
} from "./arbitraries/index.ts";
export { createManualClock, drainEventLoop, type ManualClock, type ManualClockOptions } from "./manual-clock.ts";
export { createSettableClock, type SettableClock } from "./settable-clock.ts";
export {
  missingNeeds,
  type StoreFixture,
  type StoreLaw,
  type StoreNeed,
  type StoreOpenOptions,
  type StorePlace,
} from "./store-law.ts";
export { storeLaws } from "./store-laws.ts";
export { threadStoreSuite, type ThreadStoreSuiteOptions } from "./thread-store-suite.ts";
