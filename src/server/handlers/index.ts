/**
 * The handlers, one for each method but `initialize`, which the session answers itself. They are thin: the params
 * are checked, they ask the threads or the store, and shape the answer.
 */
import type { RequestMethod } from "../protocol/index.ts";
import type { HandlersOf } from "../request-call.ts";
import { eventFeedHandlers } from "./event-feed-handlers.ts";
import { startupHandlers } from "./startup-handlers.ts";
import { threadChangeHandlers } from "./thread-change-handlers.ts";
import { threadHistoryHandlers } from "./thread-history-handlers.ts";
import { threadListHandlers } from "./thread-list-handlers.ts";
import { threadLoadHandlers } from "./thread-load-handlers.ts";
import { threadReadHandlers } from "./thread-read-handlers.ts";
import { threadResumeHandlers } from "./thread-resume-handlers.ts";
import { turnHandlers } from "./turn-handlers.ts";

/** Every method that is answered but by the session itself. */
export type HandledMethod = Exclude<RequestMethod, "initialize">;

/** All of them, by method. */
export const handlers: HandlersOf<HandledMethod> = {
  ...threadLoadHandlers,
  ...threadResumeHandlers,
  ...threadChangeHandlers,
  ...threadHistoryHandlers,
  ...threadReadHandlers,
  ...threadListHandlers,
  ...turnHandlers,
  ...eventFeedHandlers,
  ...startupHandlers,
};
