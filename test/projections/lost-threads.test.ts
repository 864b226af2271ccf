/**
 * A process that slept so long that another one took its thread over, and then only wants to end. Nothing of it is
 * lost, so nothing is to be told.
 */
import { expect, it, onTestFinished } from "vitest";

import { createManualClock } from "../../src/testing/index.ts";
import { createStoppableClock } from "../../src/testing/stoppable-clock.ts";
import { indexedFixture } from "./indexed-place.ts";
import { runUntilSettled } from "./state-db-fixture.ts";

it("a store closes without an error when a thread of it was taken over while it slept", async () => {
  const world = createManualClock();
  const clock = createStoppableClock(world);
  const place = await indexedFixture()();
  onTestFinished(() => place.dispose());
  const sleeper = await runUntilSettled(place.open({ clock }), world);
  const second = await runUntilSettled(place.open({ clock: world }), world);
  const { writer } = await runUntilSettled(sleeper.createThread({ metadata: { cwd: "/w" } }), world);
  await runUntilSettled(sleeper.persistThread(writer), world);

  clock.stop();
  const resume = { threadId: writer.threadId };
  await expect(runUntilSettled(second.resumeThread(resume), world)).rejects.toMatchObject({
    code: "thread_owned_elsewhere",
  });
  await world.run(60_000);
  await runUntilSettled(second.resumeThread(resume), world);
  clock.goOn();

  await expect(runUntilSettled(sleeper.close(), world)).resolves.toBeUndefined();
  await runUntilSettled(second.close(), world);
});
