/**
 * The one screen of `skein serve`, for each place it may listen at; and being told to stop by one Ctrl-C that comes
 * several times.
 */
import { expect, test } from "vitest";

import { furtherCommands } from "../../src/cli/command-name.ts";
import { toDurabilityText } from "../../src/cli/format/durability-text.ts";
import { type ServeScreen, toServeScreen } from "../../src/cli/format/serve-screen.ts";
import { listenForStop } from "../../src/cli/stop-signal.ts";
import { createManualClock } from "../../src/testing/index.ts";

const plain = { paint: (_style: string, text: string): string => text };

function screen(changes: Partial<ServeScreen> = {}): string {
  return toServeScreen(
    {
      addresses: ["ws://127.0.0.1:4500"],
      home: "/home/me/.skein",
      agent: "echo",
      model: "echo",
      hasToken: false,
      command: "node bin/skein.mjs",
      serveCommand: "npm start --",
      ...changes,
    },
    plain,
  );
}

test("says where it listens, the home, how to connect, how to use a real model and how to stop", () => {
  expect(screen()).toBe(`skein serves Codex's app-server protocol

  listens   ws://127.0.0.1:4500
  home      /home/me/.skein
  agent     echo: answers offline with what was said
  connect   connectClient({ address: "ws://127.0.0.1:4500" })   from "skein/client"
            codex --remote ws://127.0.0.1:4500
  health    curl http://127.0.0.1:4500/readyz
  a model   OPENAI_API_KEY=… npm start -- --agent responses --model gpt-5.1
  threads   node bin/skein.mjs list
  stop      Ctrl-C: turns that run are interrupted and recorded; twice: at once
`);
});

test("names the store that stands in place of the home, and whether one machine or more keep what it acknowledges", () => {
  const durability = toDurabilityText({ acknowledged: "fsync", scope: "quorum", standbys: 1 });
  expect(screen({ store: { place: "postgres://db/agents", durability } })).toContain(
    `  home      /home/me/.skein
  store     postgres://db/agents
  durable   quorum: on the disks of 2 machines when it is acknowledged
`,
  );
  expect(toDurabilityText({ acknowledged: "fsync", scope: "local", standbys: 0 })).toBe(
    "local: on one machine's disk when it is acknowledged",
  );
  expect(toDurabilityText({ acknowledged: "os", scope: "local", standbys: 0 })).toMatch(/^local, os: a power cut/);
});

test("a command that it names is told the home and the store, each as one word, and no password", () => {
  const told = (store?: string, home?: string): string =>
    furtherCommands({
      cwd: "/",
      script: "/x/skein",
      env: {},
      home: home ?? "/",
      isHomeGiven: home !== undefined,
      store,
    }).command;
  expect(told()).toBe("skein");
  expect(told("remote:http://127.0.0.1:4600")).toBe("skein --store remote:http://127.0.0.1:4600");
  expect(told("postgres://app@db/agents", "/it's mine")).toBe(
    String.raw`skein --home '/it'\''s mine' --store postgres://app@db/agents`,
  );
  expect(told("postgres://app:secret@db/agents")).toBe("PGPASSWORD=… skein --store postgres://app@db/agents");
  expect(told("postgres://app@db/agents?password=secret&application_name=x&host=%2Frun&password=secret")).toBe(
    "PGPASSWORD=… skein --store 'postgres://app@db/agents?application_name=x&host=%2Frun'",
  );
  expect(told("postgres://app@db/agents?sslpassword=secret")).toBe("skein --store postgres://app@db/agents");
  // The driver takes it, and it is no URL.
  expect(told("postgres://app:secret@/agents?host=/run")).toBe("skein --store postgres://…");
});

test("the command that would have a model answer serves the same home and store", () => {
  const npm = { npm_lifecycle_event: "start", npm_package_name: "skein" };
  const store = "postgres://app:secret@db/agents?a=1&b=2";
  const commands = furtherCommands({
    cwd: "/",
    script: "/bin/skein.mjs",
    env: npm,
    home: "/a b",
    isHomeGiven: true,
    store,
  });
  expect(screen(commands)).toContain(
    "  a model   OPENAI_API_KEY=… PGPASSWORD=… npm start -- --home '/a b' --store 'postgres://app@db/agents?a=1&b=2' --agent responses",
  );
});

test("names the model that answers instead of how to get one", () => {
  const text = screen({ agent: "responses", model: "gpt-5.1" });
  expect(text).toContain("agent     responses, model gpt-5.1\n");
  expect(text).not.toContain("OPENAI_API_KEY");
});

test("says that a token is needed, and never which", () => {
  expect(screen({ hasToken: true })).toContain('token: "…"');
  expect(screen({ hasToken: true })).toContain("--remote-auth-token-env SKEIN_TOKEN");
});

test("a server that listens everywhere is connected to at this machine's address", () => {
  for (const everywhere of ["ws://0.0.0.0:4500", "ws://[::]:4500"]) {
    const text = screen({ addresses: [everywhere], hasToken: true });
    expect(text).toContain(`listens   ${everywhere}\n`);
    expect(text).toContain("codex --remote ws://127.0.0.1:4500 ");
  }
});

test("shows every address, and a socket where there is no port", () => {
  expect(screen({ addresses: ["unix:///run/a.sock", "ws://[::1]:1"] })).toContain(
    "listens   unix:///run/a.sock\n            ws://[::1]:1\n",
  );
  const socket = screen({ addresses: ["unix:///run/a.sock"], hasToken: true });
  expect(socket).toContain('connectClient({ address: "unix:///run/a.sock" })');
  expect(socket).not.toContain("curl");
});

test("copies of the first Ctrl-C are the first; what comes later is nobody's, and ends the process", async () => {
  const clock = createManualClock();
  const listeners = new Set<() => void>();
  const stop = listenForStop({
    clock,
    onStop: (run) => {
      listeners.add(run);
      return () => void listeners.delete(run);
    },
  });
  const press = (): void => {
    for (const run of listeners) run();
  };
  press();
  await stop.asked;
  press();
  stop.release();
  expect(listeners.size).toBe(1);
  clock.advance(299);
  expect(listeners.size).toBe(1);
  clock.advance(1);
  expect(listeners.size).toBe(0);
});

test("a stop that nobody asked for is not listened to any more when all is done", () => {
  const listeners = new Set<() => void>();
  const onStop = (run: () => void): (() => void) => {
    listeners.add(run);
    return () => void listeners.delete(run);
  };
  listenForStop({ clock: createManualClock(), onStop }).release();
  expect(listeners.size).toBe(0);
});
