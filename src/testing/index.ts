/**
 * skein/testing: the laws every ThreadStore keeps, as data and as a vitest suite, and what it takes to
 * state laws of one's own.
 */
export { anyBatch, anyBatches, anyItem, anyText, anyTurnId, turnEvent } from "./item-arbitraries.ts";
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
