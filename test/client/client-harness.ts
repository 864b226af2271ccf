/**
 * What the tests of the client share: clients that are closed after the test, waiting for conditions, and what a
 * promise was rejected with. Not a test.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { onTestFinished } from "vitest";

import { isSkeinError, type SkeinError } from "../../src/base/index.ts";
import type { Dial } from "../../src/client/dial.ts";
import { checkClientOptions, type ClientOptions } from "../../src/client/client-options.ts";
import { connectClient, type SkeinClient } from "../../src/client/index.ts";
import { RemoteClient } from "../../src/client/remote-client.ts";

/** Reconnects at once, so that no test waits for a back-off. */
export const AT_ONCE = { delayMs: 1, delayMaxMs: 1 } as const;

/** A client over a dialler of the test's own. */
export async function dialClient(dial: Dial, options: Omit<ClientOptions, "address"> = {}): Promise<SkeinClient> {
  const checked = checkClientOptions({ address: "unix:///nowhere", reconnect: AT_ONCE, ...options });
  const client = new RemoteClient({ ...checked, dials: [dial] });
  await client.start();
  onTestFinished(() => client.close());
  return client;
}

/** As `connectClient`, and closed after the test. */
export async function connect(options: ClientOptions): Promise<SkeinClient> {
  const client = await connectClient(options);
  onTestFinished(() => client.close());
  return client;
}

/** Waits until it holds. The runner's own time limit ends what never does. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** The SkeinError that a promise rejects with. */
export async function rejected(work: Promise<unknown>): Promise<SkeinError> {
  const outcome: unknown = await work.then(
    () => "it resolved",
    (error: unknown) => error,
  );
  if (!isSkeinError(outcome)) throw new Error(`not rejected with a SkeinError: ${String(outcome)}`);
  return outcome;
}

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "skein-client-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
