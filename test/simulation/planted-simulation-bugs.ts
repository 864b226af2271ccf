/**
 * Bugs put into a simulation's disk or store, each with the invariants that must notice it. A simulation that
 * finds nothing is only worth something if it finds these.
 */
import type { ThreadStore } from "../../src/store/index.ts";
import type { DiskFaultRates } from "../../src/testing/simulation/index.ts";
import type { SimulationOptions } from "./simulation-report.ts";

/** One bug. */
export interface PlantedBug {
  readonly title: string;
  readonly options: Pick<SimulationOptions, "wrapDisk" | "wrapStore">;
  /** What the disk has more of than otherwise, where the bug is about that. */
  readonly faults?: Partial<DiskFaultRates>;
  /** Who may notice it first. */
  readonly invariants: readonly string[];
}

/** A store with some of its calls changed. */
function changedStore(inner: ThreadStore, changes: Partial<ThreadStore>): ThreadStore {
  return new Proxy(inner, {
    get(target, key) {
      const own: unknown = Reflect.get(changes, key);
      const value: unknown = own ?? Reflect.get(target, key, target);
      return typeof value === "function" && own === undefined ? value.bind(target) : value;
    },
  });
}

/** All of them. */
export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    title: "a sync of bytes that isn't made",
    options: { wrapDisk: (files) => ({ ...files, syncData: async () => undefined }) },
    invariants: ["sim.acknowledged"],
  },
  {
    title: "a sync of a folder that isn't made",
    options: { wrapDisk: (files) => ({ ...files, syncDirectory: async () => undefined }) },
    invariants: ["sim.acknowledged"],
  },
  {
    title: "a sync that fails and isn't heard",
    options: { wrapDisk: (files) => ({ ...files, syncData: (fd) => files.syncData(fd).catch(() => undefined) }) },
    faults: { syncError: 0.2 },
    invariants: ["sim.acknowledged", "sim.files-valid"],
  },
  {
    title: "a short write that is taken for a whole one",
    options: {
      wrapDisk: (files) => ({
        ...files,
        write: (fd, bytes) => {
          const written = files.write(fd, bytes);
          return typeof written === "number" ? bytes.byteLength : written;
        },
      }),
    },
    invariants: ["sim.files-valid", "sim.acknowledged", "sim.fenced"],
  },
  {
    title: "half a write that isn't cut off again",
    options: { wrapDisk: (files) => ({ ...files, truncate: async () => undefined }) },
    invariants: ["sim.files-valid", "sim.acknowledged", "sim.errors-have-codes", "sim.no-half-batch"],
  },
  {
    title: "an append that is acknowledged although it failed",
    options: {
      wrapStore: (inner) => {
        let next = 0;
        return changedStore(inner, {
          appendItems: async (params) => {
            try {
              const answer = await inner.appendItems(params);
              next = answer.nextOrdinal;
              return answer;
            } catch {
              const firstOrdinal = next;
              next += params.items.length;
              return { firstOrdinal, nextOrdinal: next, durability: "fsync", duplicate: false };
            }
          },
        });
      },
    },
    invariants: ["sim.acknowledged", "sim.fenced", "sim.no-bug", "sim.errors-have-codes"],
  },
  {
    title: "a page of history with a record missing",
    options: {
      wrapStore: (inner) =>
        changedStore(inner, {
          loadHistory: async (params) => {
            const page = await inner.loadHistory(params);
            return { ...page, records: page.records.filter(({ ordinal }) => ordinal !== 3) };
          },
        }),
    },
    invariants: ["sim.feeds", "sim.no-bug", "sim.errors-have-codes", "sim.no-hang"],
  },
  {
    title: "a removal that isn't made",
    options: { wrapDisk: (files) => ({ ...files, unlink: async () => undefined }) },
    invariants: ["sim.acknowledged"],
  },
  {
    title: "a folder whose last name isn't seen",
    options: {
      wrapDisk: (files) => ({
        ...files,
        readDirectory: async (path) => (await files.readDirectory(path)).slice(0, -1),
      }),
    },
    invariants: ["sim.rows-are-folds", "sim.errors-have-codes"],
  },
  {
    title: "a call that is never answered",
    options: { wrapStore: (inner) => changedStore(inner, { unarchiveThread: () => new Promise(() => undefined) }) },
    invariants: ["sim.no-hang"],
  },
  {
    title: "an error without a code",
    options: {
      wrapStore: (inner) => changedStore(inner, { listThreads: () => Promise.reject(new TypeError("not a function")) }),
    },
    invariants: ["sim.errors-have-codes", "sim.no-bug"],
  },
];
