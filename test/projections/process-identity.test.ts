/**
 * Who a process is, and when another can prove it gone; and which file systems are another machine's too. The
 * kernel's answers are files of the test, where the real ones would be too hard to bring about.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { createIdSource } from "../../src/base/index.ts";
import { networkMountOf } from "../../src/projections/network-mount.ts";
import { createProcessIdentity, isProvenDead, type ProcessIdentity } from "../../src/projections/process-identity.ts";
import { createManualClock } from "../../src/testing/index.ts";
import { createFolder } from "./state-db-fixture.ts";

const STAT_BEHIND_NAME = "0 0 0 0 -1 4194304 100 0 0 0 0 0 0 0 20 0";

/** A /proc as the kernel would show it, where this process has a difficult name. */
function createProc(state: string, threads: number, start: string): string {
  const proc = createFolder();
  mkdirSync(join(proc, "sys/kernel/random"), { recursive: true });
  writeFileSync(join(proc, "sys/kernel/random/boot_id"), "a-boot\n");
  mkdirSync(join(proc, "self/ns"), { recursive: true });
  symlinkSync("pid:[42]", join(proc, "self/ns/pid"));
  const stat = `${process.pid} (a ) b (c) S 1) ${state} ${STAT_BEHIND_NAME} ${threads} 0 ${start} 0 0\n`;
  for (const folder of ["self", String(process.pid)]) {
    mkdirSync(join(proc, folder), { recursive: true });
    writeFileSync(join(proc, folder, "stat"), stat);
  }
  return proc;
}

function identityIn(procRoot: string): ProcessIdentity {
  return createProcessIdentity({ ids: createIdSource(), clock: createManualClock(), procRoot });
}

/** The id of a process that has ended. */
function pidThatIsGone(): number {
  return spawnSync(process.execPath, ["-e", ""]).pid;
}

describe("an identity", () => {
  test("tells the boot, the namespace and the start, whatever the command is called", () => {
    const me = identityIn(createProc("S", 11, "123456"));
    expect(me).toMatchObject({ bootId: "a-boot", pidNamespace: "pid:[42]", processStart: "123456", pid: process.pid });
    expect(me.host).not.toBe("");
  });

  test("has an owner id of its own each time", () => {
    const proc = createProc("S", 1, "1");
    expect(identityIn(proc).ownerId).not.toBe(identityIn(proc).ownerId);
  });

  test("knows nothing where there is no /proc", () => {
    const me = identityIn(join(createFolder(), "missing"));
    expect(me).toMatchObject({ bootId: null, pidNamespace: null, processStart: null });
    expect(isProvenDead({ ...me, pid: pidThatIsGone() }, me)).toBe(false);
  });
});

describe("proof of death", () => {
  const proc = (): string => createProc("S", 11, "123456");

  test("there is none of a process that runs, under this name or another", () => {
    const procRoot = proc();
    const me = identityIn(procRoot);
    expect(isProvenDead(me, me, procRoot)).toBe(false);
    expect(isProvenDead(identityIn(procRoot), me, procRoot)).toBe(false);
  });

  test("a process id that nobody has", () => {
    const procRoot = proc();
    const me = identityIn(procRoot);
    expect(isProvenDead({ ...me, pid: pidThatIsGone() }, me, procRoot)).toBe(true);
  });

  test("a process id that was given out again", () => {
    const procRoot = proc();
    const me = identityIn(procRoot);
    expect(isProvenDead({ ...me, processStart: "99" }, me, procRoot)).toBe(true);
  });

  test.each([
    ["Z", 1, true],
    ["X", 1, true],
    ["Z", 3, false],
    ["T", 1, false],
    ["D", 1, false],
  ])("state %s with %d threads: %s", (state, threads, isDead) => {
    const procRoot = createProc(state, threads, "123456");
    const me = identityIn(procRoot);
    expect(isProvenDead(me, me, procRoot)).toBe(isDead);
  });

  test("there is none across boots, namespaces, and where the start can't be read", () => {
    const procRoot = proc();
    const me = identityIn(procRoot);
    const gone = { ...me, pid: pidThatIsGone() };
    expect(isProvenDead({ ...gone, bootId: "another" }, me, procRoot)).toBe(false);
    expect(isProvenDead({ ...gone, pidNamespace: "pid:[7]" }, me, procRoot)).toBe(false);
    expect(isProvenDead({ ...me, processStart: "99" }, me, createFolder())).toBe(false);
  });

  test.runIf(process.platform === "linux")("the kernel's own /proc proves what it should", () => {
    const me = createProcessIdentity({ ids: createIdSource(), clock: createManualClock() });
    expect(me.processStart).toMatch(/^\d+$/);
    expect(isProvenDead(me, me)).toBe(false);
    expect(isProvenDead({ ...me, pid: pidThatIsGone() }, me)).toBe(true);
    expect(isProvenDead({ ...me, pid: process.ppid }, me)).toBe(true);
  });
});

describe("a network file system", () => {
  /** A list of mounts with one file system at a folder, and the folder. */
  const mounted = (type: string, name = "home"): { folder: string; mounts: string } => {
    const root = createFolder();
    const folder = join(root, name, "sessions");
    mkdirSync(folder, { recursive: true });
    const mounts = join(root, "mounts");
    const point = join(root, name).replaceAll(" ", "\\040");
    writeFileSync(
      mounts,
      `/dev/vda / ext4 rw 0 0\nserver:/x ${point} ${type} rw 0 0\n/dev/vdb ${root}/ho ext4 rw 0 0\n`,
    );
    return { folder, mounts };
  };

  test.each(["nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "ceph"])("%s is one", (type) => {
    const { folder, mounts } = mounted(type);
    expect(networkMountOf(folder, mounts)).toMatchObject({ type });
  });

  test("it is found under a mount point with a space in its name", () => {
    const { folder, mounts } = mounted("nfs", "my home");
    expect(networkMountOf(folder, mounts)?.mountPoint).toMatch(/my home$/);
  });

  test.each(["ext4", "btrfs", "tmpfs", "fuse.ntfs", "overlay"])("%s is none", (type) => {
    const { folder, mounts } = mounted(type);
    expect(networkMountOf(folder, mounts)).toBeUndefined();
  });

  test("a local one mounted over it counts, and so does no list at all", () => {
    const { folder, mounts } = mounted("nfs");
    writeFileSync(mounts, `s:/x ${folder} nfs rw 0 0\n/dev/vdb ${folder} ext4 rw 0 0\n`);
    expect(networkMountOf(folder, mounts)).toBeUndefined();
    expect(networkMountOf(folder, join(folder, "missing"))).toBeUndefined();
  });
});
