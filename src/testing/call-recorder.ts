/**
 * Writes down what a law calls while one example is tried, so that the failure can be told as code: handles opened,
 * methods called with what, what they answered, in which order calls began and ended.
 */
import type { StoreFixture } from "./store-place.ts";

/** The calls as code. */
export interface RecordedScript {
  readonly script: string;
}

/** Records what is called on places and handles of the fixtures it wraps. */
export interface CallRecorder {
  /** The fixture, with all that is called on its places and handles written down. */
  recording(fixture: StoreFixture): StoreFixture;
  /** What was called until now; `error` is what the law made of it. */
  script(error?: unknown): RecordedScript;
}

/** Makes one, with nothing written down. */
export function createCallRecorder(): CallRecorder {
  return {
    recording: (fixture) => fixture,
    script: () => ({ script: "" }),
  };
}
