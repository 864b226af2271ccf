/**
 * What the bench asks of every store that it measures: threads that take single records and turns, whole or in
 * steps, each acknowledged when it is on the disk, and a thread read back. Each side says how it is set up.
 */
import type { BenchTurn } from "./bench-turn.ts";

/** One thread of a store, written to by one caller. */
export interface PeerThread {
  readonly id: string;
  /** Stores one record of about 1 KB. */
  append(text: string): Promise<void>;
  /** Stores a whole turn in the cheapest way that the store has, when it is over. */
  turnAtOnce(turn: BenchTurn): Promise<void>;
  /** Stores a turn as it goes, so that a crash in its middle leaves what was before. */
  turnInSteps(turn: BenchTurn): Promise<void>;
}

/** What a side can be asked to do. */
export type PeerWork = "append" | "turnAtOnce" | "turnInSteps";

/** All of it. */
export const PEER_WORKS: readonly PeerWork[] = ["append", "turnAtOnce", "turnInSteps"];

/** A store, opened. */
export interface PeerSide {
  readonly name: string;
  /** How it is used, in a line. */
  readonly settings: string;
  /** What it is measured with: a store that has two ways for a turn is measured with each in what it is for. */
  readonly works: readonly PeerWork[];
  /** False: another side here stores the very same. */
  readonly hasOwnBytes: boolean;
  newThread(): Promise<PeerThread>;
  /** Does what is still to be done for all that was acknowledged; part of its time. */
  settle(): Promise<void>;
  /** Reads a thread of turns from its first record to its last; gives the number of turns. */
  openThread(id: string): Promise<number>;
  /** Bytes of all that it stores. */
  storedBytes(): Promise<number>;
  close(): Promise<void>;
}
