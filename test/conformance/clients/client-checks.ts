/**
 * Clients of a codex app-server that others wrote, each on a stage of its own with our server where they expect
 * theirs. One that can't be had here is skipped with the reason; what fails in one leaves the others be.
 */
import type { CheckReport } from "../check-report.ts";
import { ACP_CLIENT, checkAcpClient } from "./acp-client.ts";
import { AI_SDK_CLIENTS, checkAiSdkClient } from "./ai-sdk-clients.ts";
import { type ClientPackages, installClient } from "./client-packages.ts";
import { type ClientStage, onStage } from "./client-stage.ts";
import { checkPeerTooling } from "./peer-tooling.ts";
import { checkTerminalClient, missingTerminal } from "./terminal-client.ts";

/** What the checks need. */
export interface ClientCheckOptions {
  /** The peer's native program. */
  readonly program: string;
  readonly report: CheckReport;
  /** Told what begins, and what is skipped. */
  readonly note: (line: string) => void;
}

/** Lets every client that can be had drive the server. */
export async function checkClients(options: ClientCheckOptions): Promise<void> {
  const { program, report, note } = options;
  for (const client of AI_SDK_CLIENTS) {
    await visitInstalled(client, options, (stage, folder) =>
      checkAiSdkClient(stage, { name: client.name, folder }, report),
    );
  }
  await visitInstalled(ACP_CLIENT, options, (stage, folder) => checkAcpClient(stage, folder, report));
  const missing = await missingTerminal();
  if (missing === null) {
    await visit("codex --remote", options, (stage) => checkTerminalClient(stage, program, report));
  } else note(`skipped codex --remote: ${missing}`);
  await visit("codex exec resume", options, (stage) => checkPeerTooling(stage, program, report));
}

async function visitInstalled(
  client: ClientPackages,
  options: ClientCheckOptions,
  check: (stage: ClientStage, folder: string) => Promise<void>,
): Promise<void> {
  const { folder, skipped } = await installClient(client, options.note);
  if (folder === null) options.note(`skipped ${client.name}: ${skipped}`);
  else await visit(client.name, options, (stage) => check(stage, folder));
}

async function visit(
  name: string,
  { report, note }: ClientCheckOptions,
  check: (stage: ClientStage) => Promise<void>,
): Promise<void> {
  note(name);
  await report.attempt({ part: "clients", thread: name, claim: "it drives our server to the end" }, () =>
    onStage(check),
  );
}
