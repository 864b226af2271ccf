/**
 * Where a client's connection stands: on its way, there, lost and on its way back, or over.
 * It changes by itself; requests and feeds need not look at it, but people want to see it.
 */
import type { SkeinError } from "../base/index.ts";

/** Where a connection stands. It begins with "connecting" and ends with "closed", and comes to that once. */
export type ClientStatus =
  | { readonly state: "connecting" }
  | { readonly state: "connected" }
  /** Lost: attempt `attempt` (from 1 on) is made in `delayMs` milliseconds. `reason` is why the last one failed. */
  | { readonly state: "reconnecting"; readonly attempt: number; readonly delayMs: number; readonly reason: SkeinError }
  /** For good. `failure` is null when the client was closed, else why there are no more attempts. */
  | { readonly state: "closed"; readonly failure: SkeinError | null };
