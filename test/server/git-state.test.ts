/**
 * What new threads record of the repository they begin in, read from its files: branches loose and packed, commits
 * without a branch, linked work trees, and what only looks like a repository.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { afterEach, describe, expect, it } from "vitest";

import { readGitState } from "../../src/server/git-state.ts";
import { closeServers, serve } from "./server-fixture.ts";

const folders: string[] = [];
afterEach(async () => {
  await closeServers();
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

const SHA = "2240452ec4bd8174d73d45f72474055dd88202f7";
const CONFIG = `[core]\n\tbare = false\n[remote "up"]\n\turl = no\n[remote "origin"]\n\turl = https://h/o/r.git\n\tfetch = x\n`;

/** A folder with these files. */
async function folderWith(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "skein-git-"));
  folders.push(folder);
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}

describe("readGitState", () => {
  it.each([
    ["a branch", { HEAD: "ref: refs/heads/feat/x\n", "refs/heads/feat/x": `${SHA}\n` }, SHA, "feat/x"],
    [
      "a branch whose ref is packed",
      {
        HEAD: "ref: refs/heads/main\n",
        "packed-refs": `# pack-refs\n${SHA.replace("2", "3")} refs/tags/main\n${SHA} refs/heads/main\n`,
      },
      SHA,
      "main",
    ],
    ["a commit without a branch", { HEAD: `${SHA}\n` }, SHA, null],
    ["a branch without a commit", { HEAD: "ref: refs/heads/main\n" }, null, "main"],
  ])("reads %s", async (_what, files, sha, branch) => {
    const git = Object.fromEntries(Object.entries(files).map(([name, text]) => [`.git/${name}`, text]));
    const folder = await folderWith({ ...git, ".git/config": CONFIG, "a/b/c.txt": "" });
    const state = { sha, branch, originUrl: "https://h/o/r.git" };
    expect(await readGitState(folder)).toEqual(state);
    expect(await readGitState(join(folder, "a/b"))).toEqual(state);
  });

  it("reads a linked work tree, whose refs lie in the first one", async () => {
    const folder = await folderWith({
      "main/.git/HEAD": "ref: refs/heads/main\n",
      "main/.git/config": CONFIG,
      "main/.git/refs/heads/side": SHA,
      "main/.git/worktrees/side/HEAD": "ref: refs/heads/side\n",
      "main/.git/worktrees/side/commondir": "../..\n",
      "side/.git": "gitdir: ../main/.git/worktrees/side\n",
    });
    const state = { sha: SHA, branch: "side", originUrl: "https://h/o/r.git" };
    expect(await readGitState(join(folder, "side"))).toEqual(state);
  });

  it("knows nothing where there is no repository, or what calls itself one is odd", async () => {
    expect(await readGitState("/does/not/exist")).toBeNull();
    const odd = await folderWith({ "a/.git/HEAD": "what?", "b/.git": "nothing", "c/.git": "gitdir: /nowhere" });
    expect(await readGitState(join(odd, "a"))).toEqual({ sha: null, branch: null, originUrl: null });
    expect(await readGitState(join(odd, "c"))).toBeNull();
  });
});

describe("a thread", () => {
  it("that starts in a repository records its state, and a fork elsewhere records that place's", async () => {
    const folder = await folderWith({ ".git/HEAD": `${SHA}\n`, "x.txt": "" });
    const { connect } = await serve({ kind: "local" });
    const client = await connect();
    const threadId = await client.startThread({ cwd: folder });
    await client.runTurn(threadId, "hi");
    const { data } = await client.call("thread/list");
    expect(data[0]?.gitInfo).toEqual({ sha: SHA, branch: null, originUrl: null });
    expect((await client.call("thread/fork", { threadId })).thread.gitInfo?.sha).toBe(SHA);
    expect((await client.call("thread/fork", { threadId, cwd: "/nowhere" })).thread.gitInfo).toBeNull();
  });
});
