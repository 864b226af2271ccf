/**
 * Arbitrary homes: whole folders as data, as Skein, Codex, other programs, editors and crashes leave them. Threads
 * and forks of them, live and archived; a session index with names that are stale and lines that are torn; a
 * config; and odd files among all of it. A home says which threads a reader must find, and with what.
 */
import fc from "fast-check";

import { type HomeContent, type HomeThread, printedHome } from "./home-content.ts";
import { arbOddFile, type OddFileDraft } from "./odd-file-arbitraries.ts";
import {
  arbRolloutDraft,
  type RolloutDraft,
  type RolloutFile,
  rolloutFileOf,
  threadAtPlace,
} from "./rollout-file-arbitraries.ts";
import { arbSessionIndex, type SessionIndexFile } from "./session-index-arbitraries.ts";

/** How much is in a home. */
export interface ArbHomeOptions {
  /** Threads at most, 0 or more. Default 4. */
  readonly threadsMax?: number;
  /** Odd files at most, 0 or more. Default 3. */
  readonly oddFilesMax?: number;
}

const CONFIGS = [
  'model_provider = "mock"\n',
  "model = 'x'\n[model_providers.mock]\nmodel_provider = \"not at the top\"\n",
  "= no toml\n\u0000",
  "",
];

/**
 * A home as data; `writeHome` puts it on a disk. It shrinks to fewer threads with less in them, fewer odd files,
 * no index and no config. The ids of its threads are the same in every home, so that counter-examples compare.
 *
 * @example
 * ```ts
 * await fc.assert(
 *   fc.asyncProperty(arbHome(), async (home) => {
 *     const folder = await mkdtemp(join(tmpdir(), "home-"));
 *     await writeHome(home, folder);
 *     const store = await openLocalThreadStore({ home: folder });
 *     const live = await store.listThreads({ limit: 100 });
 *     for (const thread of home.threads.filter(({ archived }) => !archived)) {
 *       ok(live.data.some(({ id }) => id === thread.id));
 *     }
 *     await store.close();
 *   }),
 * );
 * ```
 */
export function arbHome(options: ArbHomeOptions = {}): fc.Arbitrary<HomeContent> {
  const { threadsMax = 4, oddFilesMax = 3 } = options;
  const places = Array.from({ length: threadsMax }, (_, place) => place);
  const drafts = fc.tuple(...places.map((place) => fc.option(arbRolloutDraft(place), { nil: undefined })));
  const oddFiles = fc.uniqueArray(arbOddFile(), { maxLength: oddFilesMax, selector: ({ path }) => path });
  const index = arbSessionIndex(places.map((place) => threadAtPlace(place).id));
  const config = fc.option(fc.constantFrom(...CONFIGS), { nil: undefined });
  return fc
    .tuple(drafts, oddFiles, index, config)
    .map(([drawn, odd, indexFile, toml]) =>
      homeOf({ drafts: drawn.filter((draft) => draft !== undefined), oddFiles: odd, index: indexFile, config: toml }),
    );
}

interface HomeParts {
  readonly drafts: readonly RolloutDraft[];
  readonly oddFiles: readonly OddFileDraft[];
  readonly index: SessionIndexFile;
  readonly config: string | undefined;
}

function homeOf({ drafts, oddFiles, index, config }: HomeParts): HomeContent {
  const files: Record<string, Uint8Array> = {};
  for (const { path, bytes } of oddFiles) files[path] = bytes;
  if (index.bytes !== null) files["session_index.jsonl"] = index.bytes;
  if (config !== undefined) files["config.toml"] = Uint8Array.from(Buffer.from(config));
  const rollouts: RolloutFile[] = [];
  for (const draft of drafts) rollouts.push(rolloutFileOf(draft, rollouts));
  for (const { path, name, bytes, draft } of rollouts) {
    files[path] = bytes;
    if (draft.copyFolder !== null) files[`${draft.copyFolder}/${name}`] = bytes;
  }
  const threads = rollouts.map((rollout) => threadOf(rollout, index));
  return printedHome({ files, threads, oddFiles: oddFiles.map(({ path, kind }) => ({ path, kind })) });
}

function threadOf({ draft, path, name, records, forkedFromId }: RolloutFile, { names }: SessionIndexFile): HomeThread {
  const { id, archived, copyFolder } = draft;
  const hasCopy = copyFolder !== null && `${copyFolder}/${name}` !== path;
  return { id, path, archived, name: names.get(id) ?? null, forkedFromId, records, hasCopy };
}
