/**
 * The peer as the server of a scenario: the program, and the home's config.toml as the transcripts were
 * recorded with it. Its own runs are compared too, since a runner that the peer itself doesn't pass proves nothing.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { peerEnvironment, writeCodexConfig } from "../codex-peer.ts";
import type { ListedDifference } from "./transcript-comparison.ts";
import type { ScenarioServer } from "./scenario-lab.ts";

const QUIET_MS = 250;
const run = promisify(execFile);

/** A second provider and goals: what the recorded homes of `list` and `misc` had. */
const MORE_CONFIG = `goals = true

[model_providers.mock2]
name = "Mock2"
base_url = "BASE_URL"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
`;

/** `codex app-server`. */
export function createPeerServer(program: string, scenario: string): ScenarioServer {
  const hasMore = scenario === "list" || scenario === "misc";
  return {
    quietMs: QUIET_MS,
    prepare: async ({ home, cwd }, baseUrl) => {
      await writeCodexConfig(home, baseUrl, hasMore ? MORE_CONFIG.replace("BASE_URL", baseUrl) : "");
      return { program, args: ["app-server"], cwd, env: peerEnvironment(home) };
    },
    runElsewhere: async ({ home, work }, { text, provider }) => {
      if (provider !== null) return; // It has started that one itself.
      const options = { cwd: work, env: peerEnvironment(home) };
      const started = run(program, ["exec", "--skip-git-repo-check", text], options);
      started.child.stdin?.end();
      await started;
    },
  };
}

/** What differs between two runs of the peer itself. */
export const PEER_VARIATIONS: readonly ListedDifference[] = [
  {
    id: "remote-control",
    reason: "the peer says that it is not remote-controlled at an arbitrary place",
    covers: ({ key }) => key === "remoteControl/status/changed",
  },
  {
    id: "rollback-estimate",
    reason: "the peer's estimate of what a rolled-back context holds counts its working folder's name",
    covers: ({ scenario, path }) => scenario === "rollback" && path === "params.tokenUsage.last.totalTokens",
  },
  {
    id: "concurrent-order",
    reason: "the peer tells of a started thread, and warns of another model, beside its answers to other requests",
    covers: ({ kind, key }) => kind === "order" && (key === "thread/started" || key === "warning"),
  },
  {
    id: "siblings-lost",
    reason: "which threads the peer loses between two pages depends on the seconds that they were made in",
    covers: ({ scenario, note, request, path }) =>
      scenario === "list" &&
      request === "thread/list" &&
      /next|^p3$|backwards/.test(note) &&
      path.startsWith("result."),
  },
  {
    id: "process-ids",
    reason: "the number of a shell's process is its own in every run",
    covers: ({ path }) => path.endsWith(".processId"),
  },
];
