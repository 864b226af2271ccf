/**
 * The thread of a home's watcher: it watches, and answers each question with what changed since the last.
 * What it promises is folder-watch.ts's; this is only its entry.
 */
import { parentPort, workerData } from "node:worker_threads";

import { FolderWatch } from "./folder-watch.ts";

const { home } = workerData as { readonly home: string };
const folders = new FolderWatch(home);

parentPort?.on("message", (id: number) => {
  void folders.take().then((changed) => parentPort?.postMessage({ id, changed }));
});
parentPort?.postMessage({ id: 0, isSound: folders.isSound });
