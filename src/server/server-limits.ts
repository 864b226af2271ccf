/**
 * Bounds of the app-server, each with its reason. Those of bytes and connections are the transports' own; those of
 * event feeds stand beside them.
 */
export const SERVER_LIMITS = Object.freeze({
  /** Requests one client may have under way or waiting: more than any client pipelines, little memory each. */
  requestsPerClientMax: 1_024,
  /** Characters of messages that are kept for one client until the server is open: two of the longest. */
  keptPerClientMax: 64 * 1024 * 1024,
  /** Clients that wait for the server to open, and those that left meanwhile: more than listeners take at a time. */
  waitingClientsMax: 1_024,
  /** Requests under way over all clients. */
  requestsMax: 8_192,
  /** Milliseconds a stop waits for requests under way before it goes on without them. */
  drainMs: 2_000,
  /** Descendants that are archived with a thread; past it the rest stays, and that is said. */
  archivedDescendantsMax: 10_000,
});
