/**
 * base: what every room may use. Clock, ids, logger, errors, limits, assertions. It knows nothing of
 * threads.
 */
export { assert, AssertionError } from "./assert.ts";
export { type Clock, sleep, systemClock, type Timer, type TimerOptions } from "./clock.ts";
export {
  type ErrorCode,
  type ErrorData,
  errorKindOf,
  fault,
  type FaultCode,
  faultFromSystem,
  isSkeinError,
  rejection,
  type RejectionCode,
  SkeinError,
  type SkeinErrorOptions,
  systemCode,
} from "./errors.ts";
export { nextLoopTurn } from "./event-loop.ts";
export { canonicalThreadId, createIdSource, type FillRandom, type IdSource, systemRandom } from "./ids.ts";
export { LIMITS } from "./limits.ts";
export { type Logger, silentLogger } from "./logger.ts";
export { requireNode } from "./node-version.ts";
export { checkOptions } from "./option-check.ts";
export { createPinoLogger, type LogLevel, type PinoLoggerOptions } from "./pino-logger.ts";
export { holdProcess } from "./process-hold.ts";
export { toShownValue } from "./shown-value.ts";
export { SKEIN_VERSION } from "./version.ts";
export { withinTime } from "./within-time.ts";
