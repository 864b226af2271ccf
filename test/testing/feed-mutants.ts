/**
 * Bugs of feeds: where the log ends and live begins, subscribers that are slow or throw, ends that are not told,
 * and listeners that stay.
 */
import type { SourceMutant } from "./source-mutant.ts";

const SOURCE = "src/streams/thread-feed-source.ts";
const HUB = "src/streams/feed-hub.ts";
const EVENTS = "src/store/store-events.ts";

/** The bugs. */
export const feedMutants: readonly SourceMutant[] = [
  {
    name: "what is appended while the log's last page is read is lost",
    file: SOURCE,
    from: "if (page.isEnd && this.#publishedEnd <= tail) this.#join(tail);",
    to: "if (page.isEnd) { this.#join(tail); this.#tail = Math.max(tail, this.#publishedEnd); }",
    fixture: "local",
    caughtBy: ["feed.archive"],
  },
  {
    name: "a feed joins before it has read what was published meanwhile",
    file: SOURCE,
    from: "if (page.isEnd && this.#publishedEnd <= tail) this.#join(tail);",
    to: "if (page.isEnd) this.#join(tail);",
    fixture: "local",
    caughtBy: ["feed.archive"],
  },
  {
    name: "a feed begins to listen when it is first asked, not when it is made",
    file: SOURCE,
    from: "    if (!this.#isLagging) this.#take(records);\n",
    to: "    if (!this.#isLagging && this.#pagesRead > 0) this.#take(records);\n",
    fixture: "local",
    caughtBy: ["feed.from-end"],
  },
  {
    name: "published records are taken while the log is still read",
    file: SOURCE,
    from: "if (!this.#isLagging) this.#take(records);",
    to: "this.#take(records);",
    fixture: "local",
    caughtBy: ["feed.polled"],
  },
  {
    name: "records that somebody else wrote are passed over",
    file: SOURCE,
    from: "        // Written by somebody this store doesn't hear of: the log has what is missing.\n        this.#isLagging = true;\n        return;",
    to: "        this.#tail = record.ordinal;",
    fixture: "local",
    caughtBy: ["feed.complete"],
  },
  {
    name: "a slow subscriber loses what its buffer has no place for",
    file: SOURCE,
    from: "        this.#isLagging = true;\n        this.#isSlow = true;",
    to: "        this.#tail = record.ordinal + 1;\n        this.#isSlow = true;",
    fixture: "local",
    caughtBy: ["feed.slow"],
  },
  {
    name: "a slow subscriber is told again what it held when its buffer was full",
    file: SOURCE,
    from: "        this.#isLagging = true;\n        this.#isSlow = true;",
    to: "        this.#isLagging = true;\n        this.#tail = Math.max(0, record.ordinal - 1);\n        this.#isSlow = true;",
    fixture: "local",
    caughtBy: ["feed.slow"],
  },
  {
    name: "a feed begins one record behind the one that was asked for",
    file: SOURCE,
    from: 'this.#tail = from === "end" ? null : from;',
    to: 'this.#tail = from === "end" ? null : from + 1;',
    fixture: "local",
    caughtBy: ["feed.complete"],
  },
  {
    name: "a signal overtakes the records that came before it",
    file: SOURCE,
    from: "return signal !== undefined && signal.afterOrdinal <= next;",
    to: "return signal !== undefined && signal.afterOrdinal >= 0 * next;",
    fixture: "local",
    caughtBy: ["feed.signals"],
  },
  {
    name: "the next page of a feed begins at the hint of the page before it",
    file: SOURCE,
    from: "const hint = this.#hint?.ordinal === from ? { hint: this.#hint.text } : {};",
    to: "const hint = {};\n    from += this.#hint === undefined ? 0 : 1;",
    fixture: "local",
    caughtBy: ["feed.slow"],
  },
  {
    name: "a feed goes on when its thread was deleted",
    file: HUB,
    from: "for (const listener of this.#threads.get(threadId) ?? []) listener.onEnd();\n        this.#tellRuntime",
    to: "this.#tellRuntime",
    fixture: "local",
    caughtBy: ["feed.deleted"],
  },
  {
    name: "the first subscriber of a thread is forgotten when the second comes",
    file: HUB,
    from: "this.#threads.set(threadId, listeners.add(listener));",
    to: "this.#threads.set(threadId, new Set([listener]));",
    fixture: "local",
    caughtBy: ["feed.threads"],
  },
  {
    name: "a subscriber that leaves takes the others of its thread along",
    file: HUB,
    from: "if (listeners.size === 0 && this.#threads.get(threadId) === listeners) this.#threads.delete(threadId);",
    to: "this.#threads.delete(threadId);",
    fixture: "local",
    caughtBy: ["feed.threads"],
  },
  {
    name: "the hub leaves its store when any of its feeds ends",
    file: HUB,
    from: "if (this.#threads.size === 0 && this.#runtime.size === 0) this.#letGoOfStore();",
    to: "this.#letGoOfStore();",
    fixture: "local",
    caughtBy: ["feed.deleted"],
  },
  {
    name: "a listener that throws keeps the others from being told",
    file: EVENTS,
    from: 'logger.error({ error, event: event.type, threadId: event.threadId }, "a store listener threw");',
    to: "void logger;\n          void error;\n          return;",
    fixture: "local",
    caughtBy: ["feed.throwing"],
  },
  {
    name: "a listener that throws fails the append",
    file: EVENTS,
    from: 'logger.error({ error, event: event.type, threadId: event.threadId }, "a store listener threw");',
    to: "void logger;\n          throw error;",
    fixture: "memory",
    caughtBy: ["feed.throwing"],
  },
  {
    name: "a listener that left is still told",
    file: EVENTS,
    from: "return () => void listeners.delete(key);",
    to: "return () => void key;",
    fixture: "local",
    caughtBy: ["append.told"],
  },
];
