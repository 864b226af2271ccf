/**
 * Addresses as people write them: what is one, what is said of what is none, and which hosts only this machine
 * can reach.
 */
import { resolve } from "node:path";

import { expect, test } from "vitest";

import { formatListenAddress, isLoopbackHost, parseListenAddress } from "../../../src/server/transports/index.ts";

test.each([
  ["stdio://", { kind: "stdio" }, "stdio://"],
  ["unix:///run/skein.sock", { kind: "unix", path: "/run/skein.sock" }, "unix:///run/skein.sock"],
  ["unix://here.sock", { kind: "unix", path: resolve("here.sock") }, `unix://${resolve("here.sock")}`],
  ["ws://127.0.0.1:4500", { kind: "ws", host: "127.0.0.1", port: 4500 }, "ws://127.0.0.1:4500"],
  ["WS://localhost:0/", { kind: "ws", host: "localhost", port: 0 }, "ws://localhost:0"],
  ["ws://[::1]:65535", { kind: "ws", host: "::1", port: 65_535 }, "ws://[::1]:65535"],
])("%s is an address", (text, address, canonical) => {
  const parsed = parseListenAddress(text);
  expect(parsed).toEqual(address);
  expect(formatListenAddress(parsed)).toBe(canonical);
});

test.each([
  ["", "it begins with none of"],
  ["4500", "it begins with none of"],
  ["http://127.0.0.1:4500", "it begins with none of"],
  ["off", "it begins with none of"],
  ["stdio://x", "stdio:// stands alone"],
  ["unix://", "unix:// needs the path of its socket"],
  ["unix:///run/", "does not end in a slash"],
  ["unix:///a\0b", "no NUL"],
  ["ws://127.0.0.1", "ws:// needs a host and a port"],
  ["ws://:4500", "ws:// needs a host and a port"],
  ["ws://::1:4500", "ws:// needs a host and a port"],
  ["ws://127.0.0.1:4500/path", "ws:// needs a host and a port"],
  ["ws://user:secret@127.0.0.1:4500", "ws:// needs a host and a port"],
  ["ws://127.0.0.1:65536", "no port above 65535"],
  ["wss://127.0.0.1:4500", "no TLS"],
])("%j is refused with what to give instead", (text, why) => {
  let message = "";
  try {
    parseListenAddress(text);
  } catch (error) {
    expect(error).toMatchObject({ code: "invalid_argument" });
    message = String(error);
  }
  expect(message).toContain(why);
  expect(message).toContain("ws://127.0.0.1:4500");
  expect(message).not.toContain("secret");
});

test.each([
  ["localhost", true],
  ["LOCALHOST", true],
  ["a.localhost", true],
  ["127.0.0.1", true],
  ["127.9.9.9", true],
  ["::1", true],
  ["::ffff:127.0.0.1", true],
  ["0.0.0.0", false],
  ["::", false],
  ["10.0.0.1", false],
  ["127.0.0.1.example.com", false],
  ["localhost.example.com", false],
  ["", false],
])("whether %j is this machine only: %s", (host, isLoopback) => {
  expect(isLoopbackHost(host)).toBe(isLoopback);
});
