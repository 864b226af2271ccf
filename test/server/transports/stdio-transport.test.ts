/**
 * Standard input and output as the one client: a real child process for what only a process does, and streams
 * that the test holds both ends of for the rest.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { PassThrough, Writable } from "node:stream";
import { fileURLToPath } from "node:url";

import { expect, test } from "vitest";

import { type ConnectionAcceptor, serveStdio, type TransportLimits } from "../../../src/server/transports/index.ts";
import { createManualClock, drainEventLoop } from "../../../src/testing/index.ts";
import { nodeTypeFlags } from "../../support/node-flags.ts";
import { createReception, echo, until } from "./transport-harness.ts";

const CHILD = fileURLToPath(new URL("stdio-child.ts", import.meta.url));

function startChild() {
  const child = spawn(process.execPath, [...nodeTypeFlags(), CHILD], { stdio: "pipe" });
  const exited = once(child, "exit");
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  // A child that ended does not read what is written to it.
  child.stdin.on("error", () => {});
  return { child, exited, said: () => said.trim().split("\n") };
}

/** Serves streams; everything that is written is in `writes`. */
function serve(acceptor: ConnectionAcceptor, limits: Partial<TransportLimits> = {}) {
  const input = new PassThrough();
  const writes: string[] = [];
  const output = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      writes.push(chunk.toString("utf8"));
      done();
    },
  });
  const clock = createManualClock();
  const listener = serveStdio({ input, output, acceptor, limits, clock });
  return { input, output, writes, listener, clock };
}

test("a process answers all that came before the end of its input, then says that it ended, and exits", async () => {
  const { child, exited, said } = startChild();
  let out = "";
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stdin.end('{"id":1}\r\n\n{"id":2}\nno newline');
  expect(await exited).toEqual([0, null]);
  expect(out.split("\n")).toEqual(['{"id":1} 0', '{"id":2} 0', "no newline 0", "last words", ""]);
  expect(said().toSorted()).toEqual(
    ['received {"id":1}', 'received {"id":2}', "received no newline", "ended", "closed done"].toSorted(),
  );
  expect(said().indexOf("ended")).toBeGreaterThan(said().indexOf("received no newline"));
});

test("a process whose reader is gone is told, and exits without an error", async () => {
  const { child, exited, said } = startChild();
  child.stdout.destroy();
  child.stdin.write("flood 1000\n");
  expect(await exited).toEqual([0, null]);
  expect(said().some((line) => line.startsWith("closed its output failed: write EPIPE"))).toBe(true);
});

test("messages that come in single bytes or joined are the same messages", async () => {
  const reception = createReception();
  const { input } = serve(reception.acceptor);
  for (const byte of Buffer.from('{"text":"漢"}\n')) input.write(Buffer.from([byte]));
  input.write('{"id":1}\n{"id":2}\n');
  const client = await reception.client(0);
  await until(() => client.messages.length === 3);
  expect(client.messages).toEqual(['{"text":"漢"}', '{"id":1}', '{"id":2}']);
});

test("ten thousand messages sent at once are a few writes, each with whole lines", async () => {
  const reception = createReception();
  const { writes } = serve(reception.acceptor);
  const client = await reception.client(0);
  for (let index = 0; index < 10_000; index += 1) client.connection.send(`{"id":${index}}`);
  await until(() => writes.join("").split("\n").length === 10_001);
  expect(writes.length).toBeLessThanOrEqual(2);
  expect(writes.every((write) => write.endsWith("\n"))).toBe(true);
});

test("a message that is too long is dropped, and the one client is kept", async () => {
  const reception = createReception(echo);
  const { input, writes } = serve(reception.acceptor, { messageBytesMax: 100 });
  input.write("x".repeat(5_000));
  input.write("x\nnext\n");
  await until(() => writes.length > 0);
  expect(reception.clients[0]).toMatchObject({ messages: ["next"], closed: [] });
  expect(writes).toEqual(["next\n"]);
});

test("after close nothing is received or sent, what was queued is written, and the output ends", async () => {
  const reception = createReception();
  const { input, output, writes } = serve(reception.acceptor);
  const client = await reception.client(0);
  client.connection.send("queued");
  client.connection.close("enough");
  client.connection.close("twice");
  expect(client.connection.send("too late")).toBe(false);
  expect(client.closed).toEqual([]);
  input.write("unheard\n");
  await until(() => client.closed.length > 0);
  expect(client).toMatchObject({ closed: ["enough"], messages: [] });
  expect([writes, output.writableFinished, input.destroyed]).toEqual([["queued\n"], true, true]);
});

test("closing towards a reader that takes nothing ends when its time is over", async () => {
  const reception = createReception();
  const clock = createManualClock();
  const output = new Writable({ highWaterMark: 1, write: () => {} });
  serveStdio({ input: new PassThrough(), output, acceptor: reception.acceptor, clock, limits: { closeMs: 700 } });
  const client = await reception.client(0);
  client.connection.send("never taken");
  await drainEventLoop();
  client.connection.close("enough");
  await clock.run(699);
  expect(client.closed).toEqual([]);
  await clock.run(1);
  expect([client.closed, output.destroyed]).toEqual([["enough"], true]);
});

test("a reader that takes nothing is given up on, with the reason and with bounded memory", async () => {
  const reception = createReception();
  const output = new Writable({ highWaterMark: 1, write: () => {} });
  const clock = createManualClock();
  const limits = { queueBytesMax: 10_000 };
  const listener = serveStdio({ input: new PassThrough(), output, acceptor: reception.acceptor, clock, limits });
  const client = await reception.client(0);
  let taken = 0;
  while (client.connection.send("x".repeat(100))) {
    taken += 1;
    await drainEventLoop();
  }
  await until(() => client.closed.length > 0);
  expect(taken).toBe(101);
  expect(client.closed).toEqual([expect.stringContaining("too slow: 10100 bytes wait for it, 10000 may")]);
  await listener.ended;
});

test("the listener ends with its input, and its connection can still be sent to", async () => {
  const reception = createReception();
  const { input, writes, listener } = serve(reception.acceptor);
  const client = await reception.client(0);
  input.end("one");
  await listener.ended;
  expect(client.heard).toEqual(["one"]);
  expect(client.connection.send("still here")).toBe(true);
  await until(() => writes.length > 0);
  client.connection.close("done");
  await until(() => writes.join("") === "still here\n");
  await until(() => client.closed.length > 0);
  expect(client.closed).toEqual(["done"]);
});

test("an input that fails is the end of the input", async () => {
  const reception = createReception();
  const { input, listener } = serve(reception.acceptor);
  input.destroy(new Error("broken"));
  await listener.ended;
  const client = await reception.client(0);
  expect(client.closed).toEqual([]);
  client.connection.close("done");
  await until(() => client.closed.length > 0);
  expect(client.closed).toEqual(["done"]);
});
