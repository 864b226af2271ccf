/**
 * Tells whether a path lies on a file system that another machine may change too. SQLite's locks and its
 * shared memory do not reach over the network, so two machines on one state DB can corrupt it. Known by the
 * kernel's list of mounts (Linux); elsewhere nothing is found, and nothing is said.
 */
import { readFileSync, realpathSync } from "node:fs";

import { systemCode } from "../base/index.ts";

/** A mount that is not this machine's own. */
export interface NetworkMount {
  readonly mountPoint: string;
  readonly type: string;
}

/** The nfs, smb and plan 9 families, clustered file systems, shares of a virtual machine's host, and FUSE over a network. */
const NETWORK_TYPE =
  /^(nfs\d?|cifs|smb\d?|smbfs|9p|afs|ncpfs|ceph|glusterfs|lustre|gpfs|beegfs|drvfs|vboxsf|vmhgfs|prl_fs|virtiofs|fakeowner|fuse\.(sshfs|s3fs|rclone|gcsfuse|glusterfs|ceph|grpcfuse|osxfs|vmhgfs-fuse|goofys|blobfuse2?|smbnetfs|juicefs))$/;

/** The mount that a folder lies on, if it is one over a network. */
export function networkMountOf(folder: string, mountsFile: string = "/proc/mounts"): NetworkMount | undefined {
  try {
    const path = realpathSync(folder);
    const under = parseMounts(readFileSync(mountsFile, "utf8")).filter(({ mountPoint }) => isUnder(path, mountPoint));
    // The longest one holds the path; of two on the same place the later one hides the other.
    const longest = Math.max(...under.map(({ mountPoint }) => mountPoint.length));
    const mount = under.findLast(({ mountPoint }) => mountPoint.length === longest);
    return mount !== undefined && NETWORK_TYPE.test(mount.type) ? mount : undefined;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    // No list of mounts, or no such folder: there is nothing to warn of that is known.
    return undefined;
  }
}

function parseMounts(text: string): NetworkMount[] {
  return text.split("\n").flatMap((line) => {
    const [, mountPoint, type] = line.split(" ");
    return mountPoint === undefined || type === undefined ? [] : [{ mountPoint: unescapeOctal(mountPoint), type }];
  });
}

/** Spaces, tabs, newlines and backslashes in a mount point are written as `\040` and so on. */
function unescapeOctal(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

function isUnder(path: string, mountPoint: string): boolean {
  return path === mountPoint || path.startsWith(mountPoint.endsWith("/") ? mountPoint : `${mountPoint}/`);
}
