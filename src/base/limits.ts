/**
 * Every bound in one place, each with its reason. A queue, page, retry or payload that is not bounded
 * here is a bug. Options may lower or raise some of them; these are the defaults and the hard ends.
 */
export const LIMITS = Object.freeze({
  /** Longest rollout line we read, bytes. Codex writes messages of 1 MiB; images inline reach tens. */
  lineBytesMax: 256 * 1024 * 1024,
  /** Items in one append. Keeps a batch far below the line and memory bounds of any adapter. */
  appendItemsMax: 1_000,
  /** Bytes waiting in one thread's commit queue before appends are refused as retryable. */
  commitQueueBytesMax: 64 * 1024 * 1024,
  /** Idempotency keys a store remembers per thread; the oldest is forgotten first. */
  idempotencyKeysMax: 1_024,
  /** Tail of a rollout read for idempotency keys when a thread is resumed, bytes. */
  idempotencyTailBytesMax: 1024 * 1024,
  /** Characters in a thread's name. */
  nameCharsMax: 4_096,
  /** Page sizes: default and the most an answer holds, also when more are asked for (Codex: 25 and 100). */
  pageSizeDefault: 25,
  pageSizeMax: 1_000,
  /** Calls a memory store's journal keeps: more than a test looks at, little enough for a store that lives on. */
  journalCallsMax: 10_000,
  /** Records in one page of history. */
  historyPageRecordsMax: 10_000,
  /** Bytes read from a file at a time. 64–256 KiB parses fastest (measured). */
  readBlockBytes: 256 * 1024,
  /** Characters in one turn's input, as the peer bounds it. */
  inputCharsMax: 1_048_576,
  /** Commands waiting for one thread before `mailbox_full`. */
  mailboxCommandsMax: 64,
  /** Records a feed buffers per subscriber before it goes back to catch-up from the log. */
  feedBufferRecordsMax: 1_024,
  /** Signals (deltas) a feed buffers per subscriber; the oldest is dropped, they are never promised. */
  feedBufferSignalsMax: 1_024,
  /** Events a feed over all threads buffers per subscriber; past it the subscriber is told how many it missed. */
  feedBufferEventsMax: 1_024,
  /** Loaded threads in one runtime. */
  loadedThreadsMax: 100_000,
  /** Tool-call rounds in one turn of responsesAgent. */
  toolRoundsMax: 64,
  /** Questions of one turn that wait for an answer: more than a person looks at. */
  openQuestionsMax: 64,
  /** Characters of one question, or of one item that is only shown, as JSON: a large patch fits. */
  shownCharsMax: 8_388_608,
  /** Tools of a client in one turn. */
  dynamicToolsMax: 256,
  /** Events an agent may yield in one turn of the event loop: past it, interrupts and timers get theirs first. */
  agentEventsPerLoopTurn: 64,
  /** Reports of usage that wait for a turn's next append before they get one of their own. */
  usageReportsPendingMax: 64,
  /** Characters of the user's own messages that a compaction keeps, newest first: about 20 000 tokens. */
  compactedUserCharsMax: 80_000,
  /** Calls on one thread id (resume, archive, …) waiting for each other in a manager. */
  threadGateWaitersMax: 256,
  /** Records of one thread that wait for their rows in the state DB; past it a sweep brings them from the log. */
  liveRowsRecordsMax: 20_000,
  /** Records of all threads that wait for one transaction of rows: 2,000 stop the event loop for about 12 ms. */
  rowBatchRecordsMax: 2_000,
  /** Characters of those records' lines: texts are what a full-text index is slow with. */
  rowBatchCharsMax: 1024 * 1024,
  /** Restarts of a failed thread from its log before it stays failed. */
  threadRestartsMax: 5,
  /**
   * Longest message of the wire, bytes, either way in. Inputs hold a million characters, which JSON may write in
   * six bytes each; images inline reach tens of MiB; the peer's WebSocket takes 16 MiB in a frame.
   */
  messageBytesMax: 32 * 1024 * 1024,
});
