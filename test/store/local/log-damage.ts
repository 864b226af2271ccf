/**
 * Damage to a thread's rollout file, as the laws of damage ask for it: a torn last record, a bit that turned over,
 * bytes that are no record. Behind the first record, which says whose file it is.
 */
import { fail } from "node:assert/strict";

import type { FileSystem } from "../../../src/store/local/index.ts";
import type { StoreDamage } from "../../../src/testing/index.ts";

const NEWLINE = 0x0a;

/** Damages bytes. `fraction` counts from the place where damage may begin to the one where it must end. */
function damaged(bytes: Buffer, damage: StoreDamage): Buffer {
  const firstEnd = bytes.indexOf(NEWLINE) + 1;
  switch (damage.kind) {
    case "torn": {
      const lastBegin = bytes.lastIndexOf(NEWLINE, bytes.length - 2) + 1;
      const lost = 1 + Math.floor(damage.fraction * (bytes.length - lastBegin - 2));
      return bytes.subarray(0, bytes.length - lost);
    }
    case "flipped-bit": {
      const bits = (bytes.length - firstEnd) * 8;
      const at = Math.min(bits - 1, Math.floor(damage.fraction * bits));
      const flipped = Buffer.from(bytes);
      const place = firstEnd + (at >> 3);
      flipped.writeUInt8((flipped[place] ?? 0) ^ (1 << (at & 7)), place);
      return flipped;
    }
    case "garbage": {
      const place = firstEnd + Math.floor(damage.fraction * (bytes.length - firstEnd));
      const between = bytes.lastIndexOf(NEWLINE, place - 1) + 1;
      return Buffer.concat([
        bytes.subarray(0, between),
        Buffer.from('\0\xff{"type":]\n', "latin1"),
        bytes.subarray(between),
      ]);
    }
  }
}

/** The paths of all files below a folder. */
async function filesBelow(files: FileSystem, folder: string): Promise<readonly string[]> {
  const entries = await files.readDirectory(folder);
  const nested = await Promise.all(
    entries.map(async ({ name, kind }) => {
      const path = `${folder}/${name}`;
      return kind === "directory" ? await filesBelow(files, path) : [path];
    }),
  );
  return nested.flat();
}

/** Damages the rollout of a thread in a home. */
export async function damageRollout(
  files: FileSystem,
  { home, threadId, damage }: { readonly home: string; readonly threadId: string; readonly damage: StoreDamage },
): Promise<void> {
  const paths = await filesBelow(files, home);
  const path = paths.find((each) => each.endsWith(`${threadId}.jsonl`)) ?? fail(`no rollout of thread ${threadId}`);
  const fd = await files.open(path, "append");
  try {
    const bytes = Buffer.alloc(files.fstat(fd).size);
    for (let at = 0; at < bytes.length;) at += await files.read(fd, bytes.subarray(at), at);
    await files.truncate(fd, 0);
    const after = damaged(bytes, damage);
    for (let at = 0; at < after.length;) at += await files.write(fd, after.subarray(at));
    await files.syncData(fd);
  } finally {
    await files.close(fd);
  }
}
