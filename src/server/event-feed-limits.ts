/**
 * Bounds of event feeds over the wire, each with its reason. What a client may hold up is counted in records, which
 * it chooses, and in bytes, which it can't.
 */
export const EVENT_FEED_LIMITS = Object.freeze({
  /** Subscriptions one client may have: one for each thread it could look at, some kilobytes each. */
  subscriptionsPerClientMax: 1_024,
  /** Records under way to a subscription that nobody acknowledged, when the client says nothing. */
  windowDefault: 1_024,
  /** Bytes under way to one subscription; one record more is sent, for a record of any size must get through. */
  windowBytesMax: 4 * 1024 * 1024,
  /** The same over all subscriptions of a client, which share it equally: a quarter of what may wait for a client. */
  clientBytesMax: 16 * 1024 * 1024,
  /** Records in one notification, and in what is read from a log at a time. */
  batchRecordsMax: 256,
  /** Bytes of records in one notification, unless a single one is larger: short against the longest message. */
  batchBytesMax: 1024 * 1024,
  /** Bytes of signals sent while the same records wait for their acknowledgement; more are dropped. */
  signalBytesMax: 1024 * 1024,
  /** Signals that wait for a slow subscription; the oldest is dropped. */
  signalsHeldMax: 256,
  /** Milliseconds a full window keeps what was read ahead; then it is let go, and read again when it is wanted. */
  parkMs: 1_000,
  /** Positions that a checkpoint store without files keeps: some tens of megabytes. */
  memoryCheckpointsMax: 100_000,
});
