/**
 * `skein demo`: what threads can do, in a few seconds, on a home of its own in the working folder. It
 * really kills a process and really checks; when something acknowledged were missing it would exit with 1.
 */
import { join, relative } from "node:path";

import type { CliContext } from "../cli-context.ts";
import { commandName } from "../command-name.ts";
import { createNarrator } from "../demo/demo-narrator.ts";
import { comeBack, killAWriter, talkForkAndRollBack } from "../demo/demo-steps.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { formatDuration } from "../format/local-time.ts";
import { shellWord } from "../shell-word.ts";

/** The demo's own home: it never writes where somebody's threads are, unless `--home` says so. */
const DEMO_HOME = ".skein-demo";

/** Plays the demo. */
export async function runDemo(context: CliContext): Promise<ExitCode> {
  const home = context.isHomeGiven ? context.home : join(context.cwd, DEMO_HOME);
  const stage = { ...context, home };
  const startMs = context.clock.monotonicMs();
  const narrator = createNarrator(stage);
  const shownHome = relative(context.cwd, home) || ".";
  await narrator.say(`Skein keeps conversations of agents as threads that last. Home of this demo: ${shownHome}`);
  const { threadId, forkId } = await talkForkAndRollBack(stage, narrator);
  const acknowledged = await killAWriter(stage, narrator, threadId);
  const missing = await comeBack(stage, narrator, { threadId, forkId, acknowledged });
  const skein = `${commandName(context)} --home ${shellWord(context.isHomeGiven ? shownHome : DEMO_HOME)}`;
  await narrator.step(`Done in ${formatDuration(context.clock.monotonicMs() - startMs)}. Try next`);
  await narrator.say(`${skein} list`);
  await narrator.say(`${skein} show ${threadId}`);
  await narrator.say(`${skein} chat ${threadId}`);
  await narrator.say(`${skein} verify`);
  await narrator.say(`${commandName(context)} --home ~/.codex list      (threads that Codex wrote)`);
  return missing === 0 ? EXIT.ok : EXIT.failed;
}
