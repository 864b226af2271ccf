/**
 * The names of a simulated disk, twice, as its files are: as programs see them, and as they stand on the disk.
 * Changes of names (made, linked, renamed, removed) stand in a journal until a folder that they touch is
 * synced; then that change and what came before it in the same folders is on the disk. A rename is on the
 * disk whole or not at all. Syncing a file says nothing about its name.
 */
import type { SeededRandom } from "./seeded-random.ts";
import type { SimulatedFile } from "./simulated-file.ts";

/** A folder, by its names. */
export interface SimulatedFolder {
  readonly kind: "folder";
  readonly inode: string;
  readonly seen: Map<string, FolderEntry>;
  readonly stored: Map<string, FolderEntry>;
}

/** What a name leads to. */
export type FolderEntry = SimulatedFolder | { readonly kind: "file"; readonly file: SimulatedFile };

interface NameChange {
  readonly serial: number;
  readonly sets: readonly {
    readonly folder: SimulatedFolder;
    readonly name: string;
    readonly to: FolderEntry | null;
  }[];
  isLied: boolean;
}

/** What a power cut did to the names. */
export interface FoldersCut {
  readonly lostChanges: number;
  /** A folder's sync that said yes had not written some of them. */
  readonly wasLiedAbout: boolean;
}

/** See the file's head. Paths are absolute, with `/`; the root is there from the start. */
export class SimulatedFolders {
  readonly root: SimulatedFolder;
  readonly #newInode: () => string;
  #journal: NameChange[] = [];
  #serial = 0;

  constructor(newInode: () => string) {
    this.#newInode = newInode;
    this.root = this.#folder();
  }

  find(path: string): FolderEntry | undefined {
    let entry: FolderEntry = this.root;
    for (const name of namesOf(path)) {
      if (entry.kind !== "folder") return undefined;
      const next: FolderEntry | undefined = entry.seen.get(name);
      if (next === undefined) return undefined;
      entry = next;
    }
    return entry;
  }

  /** The folder that holds a path's last name, and that name; undefined where there is no such folder. */
  placeOf(path: string): { readonly folder: SimulatedFolder; readonly name: string } | undefined {
    const names = namesOf(path);
    const name = names.pop();
    const folder = this.find(`/${names.join("/")}`);
    return name === undefined || folder?.kind !== "folder" ? undefined : { folder, name };
  }

  /** Makes a folder and all above it, on the disk at once: what was there before the simulation. */
  prepare(path: string): void {
    let folder = this.root;
    for (const name of namesOf(path)) {
      const found = folder.seen.get(name) ?? this.#folder();
      if (found.kind !== "folder") throw new Error(`${path}: a file is in the way`);
      folder.seen.set(name, found);
      folder.stored.set(name, found);
      folder = found;
    }
  }

  makeFolder(path: string): void {
    const place = this.placeOf(path);
    if (place !== undefined) this.change([{ ...place, to: this.#folder() }]);
  }

  /** Changes names as one: all of them reach the disk, or none. */
  change(sets: NameChange["sets"]): void {
    for (const { folder, name, to } of sets) {
      const before = folder.seen.get(name);
      if (before?.kind === "file") before.file.linkCount -= 1;
      if (to?.kind === "file") to.file.linkCount += 1;
      if (to === null) folder.seen.delete(name);
      else folder.seen.set(name, to);
    }
    this.#serial += 1;
    this.#journal.push({ serial: this.#serial, sets, isLied: false });
  }

  /** What a sync that begins now covers; given back when it ends. */
  syncPoint(): number {
    return this.#serial;
  }

  /** A folder's sync that began at `point` said yes; a lying one wrote nothing. */
  synced(folder: SimulatedFolder, point: number, isLie: boolean): void {
    const own = new Set([folder]);
    const chosen = this.#withCauses((change) => change.serial <= point && touches(change, own));
    if (isLie) for (const change of chosen) change.isLied = true;
    else this.#store(chosen);
  }

  /** The power goes: some of the journal is on the disk, what came first in a folder first. */
  powerCut(random: SeededRandom): FoldersCut {
    const wasLiedAbout = this.#journal.some(({ isLied }) => isLied);
    const before = this.#journal.length;
    const cut = random.below(before + 1);
    // In the journal's order, as most file systems do it; or by folder, as one may.
    if (random.chance(0.5)) this.#store(new Set(this.#journal.slice(0, cut)));
    else this.#store(this.#withCauses(() => random.chance(0.3)));
    const lostChanges = this.#journal.length;
    this.#journal = [];
    seeStored(this.root);
    return { lostChanges, wasLiedAbout };
  }

  /** Every file that has a name, with its paths. */
  files(): ReadonlyMap<SimulatedFile, readonly string[]> {
    const found = new Map<SimulatedFile, string[]>();
    collectFiles(this.root, "", found);
    return found;
  }

  #folder(): SimulatedFolder {
    return { kind: "folder", inode: this.#newInode(), seen: new Map(), stored: new Map() };
  }

  /** The chosen changes, and all that happened before in the folders that they touch. */
  #withCauses(isChosen: (change: NameChange) => boolean): ReadonlySet<NameChange> {
    const chosen = new Set<NameChange>();
    const folders = new Set<SimulatedFolder>();
    for (let at = this.#journal.length - 1; at >= 0; at -= 1) {
      const change = this.#journal[at];
      if (change === undefined || !(touches(change, folders) || isChosen(change))) continue;
      chosen.add(change);
      for (const { folder } of change.sets) folders.add(folder);
    }
    return chosen;
  }

  #store(chosen: ReadonlySet<NameChange>): void {
    for (const change of this.#journal) if (chosen.has(change)) storeChange(change);
    this.#journal = this.#journal.filter((change) => !chosen.has(change));
  }
}

function storeChange({ sets }: NameChange): void {
  for (const { folder, name, to } of sets) {
    if (to === null) folder.stored.delete(name);
    else folder.stored.set(name, to);
  }
}

function touches({ sets }: NameChange, folders: ReadonlySet<SimulatedFolder>): boolean {
  return sets.some(({ folder }) => folders.has(folder));
}

/** After a power cut: the names on the disk are all there is. */
function seeStored(folder: SimulatedFolder): void {
  const entries = [...folder.stored];
  folder.seen.clear();
  for (const [name, entry] of entries) {
    folder.seen.set(name, entry);
    if (entry.kind === "folder") seeStored(entry);
  }
}

function collectFiles(folder: SimulatedFolder, path: string, found: Map<SimulatedFile, string[]>): void {
  for (const [name, entry] of folder.seen) {
    const own = `${path}/${name}`;
    if (entry.kind === "folder") collectFiles(entry, own, found);
    else found.set(entry.file, [...(found.get(entry.file) ?? []), own]);
  }
}

function namesOf(path: string): string[] {
  return path.split("/").filter((name) => name !== "");
}
