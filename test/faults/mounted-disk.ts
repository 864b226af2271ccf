/**
 * Small disks of their own, made by root: a tmpfs of some size, or a file with ext4 in it on a loop device. They are
 * always unmounted, and what is below them is gone then.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

function run(program: string, ...args: readonly string[]): void {
  execFileSync(program, args, { stdio: ["ignore", "pipe", "pipe"] });
}

/** Mounts a tmpfs of so many KiB, does the work with its path, unmounts it. */
export async function withSmallDisk<Result>(
  folder: string,
  kib: number,
  work: (disk: string) => Promise<Result>,
): Promise<Result> {
  const disk = join(folder, `disk-${kib}`);
  mkdirSync(disk, { recursive: true });
  run("mount", "-t", "tmpfs", "-o", `size=${kib}k`, "tmpfs", disk);
  try {
    return await work(disk);
  } finally {
    run("umount", disk);
  }
}

/** Makes a mounted disk read-only, or writable again. */
export function remount(disk: string, mode: "ro" | "rw"): void {
  run("mount", "-o", `remount,${mode}`, disk);
}

/** Makes a file with an empty ext4 in it. */
export function makeImage(image: string, mib: number): void {
  run("truncate", "-s", `${mib}M`, image);
  run("mkfs.ext4", "-q", "-F", image);
}

/** Mounts an image on a loop device, does the work with its path, unmounts it and lets the device go. */
export async function withImage<Result>(
  image: string,
  disk: string,
  work: (disk: string) => Promise<Result>,
): Promise<Result> {
  mkdirSync(disk, { recursive: true });
  run("mount", "-o", "loop", image, disk);
  try {
    return await work(disk);
  } finally {
    run("umount", disk);
  }
}

/** Bytes that take up room until they are removed. */
export function fillWithBallast(disk: string, kib: number): string {
  const path = join(disk, "ballast");
  writeFileSync(path, Buffer.alloc(kib * 1024, 0x2e));
  return path;
}
