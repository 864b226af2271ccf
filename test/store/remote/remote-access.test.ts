/**
 * Who may use a served store, and what any gRPC tool finds out about it: tokens, TLS, health, reflection. The
 * certificate in fixtures/ is good for nothing but 127.0.0.1.
 */
import { readFileSync } from "node:fs";

import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { afterEach, describe, expect, test } from "vitest";

import type { Logger } from "../../../src/base/index.ts";
import { createMemoryThreadStore } from "../../../src/store/memory/index.ts";
import { Health, HealthCheckResponse_ServingStatus } from "../../../src/store/remote/gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../../../src/store/remote/gen/grpc/reflection/v1/reflection_pb.ts";
import {
  openRemoteThreadStore,
  type ServedThreadStore,
  serveThreadStore,
  type ServeThreadStoreOptions,
} from "../../../src/store/remote/index.ts";

const TOKEN = "a-token-that-nobody-may-read";
const fixture = (name: string): string => readFileSync(new URL(`fixtures/${name}`, import.meta.url), "utf8");
const tls = { cert: fixture("loopback-cert.pem"), key: fixture("loopback-key.pem") };

const servers: ServedThreadStore[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function serve(options: Partial<ServeThreadStoreOptions> = {}): Promise<ServedThreadStore> {
  const server = await serveThreadStore({ store: createMemoryThreadStore(), ...options });
  servers.push(server);
  return server;
}

describe("a token", () => {
  test("lets its holder in, by TLS that is checked against the given authority", async () => {
    const { url } = await serve({ token: TOKEN, tls });
    expect(url).toMatch(/^https:/);
    const store = await openRemoteThreadStore({ url, token: TOKEN, ca: tls.cert });
    const { writer } = await store.createThread({ metadata: { cwd: "/work" } });
    await store.persistThread(writer);
    expect((await store.listThreads()).data).toHaveLength(1);
    await store.close();
  });

  test("keeps out who has none or another, and is in no log line and no message", async () => {
    const lines: string[] = [];
    const line = (fields: object, message: string): void => void lines.push(JSON.stringify([fields, message]));
    const logger: Logger = { debug: line, info: line, warn: line, error: line };
    const { url } = await serve({ token: TOKEN, logger });
    for (const token of [undefined, "another", `${TOKEN}x`]) {
      const opening = openRemoteThreadStore({ url, logger, ...(token === undefined ? {} : { token }) });
      const error = await opening.then(
        () => undefined,
        (refused: unknown) => refused as Error,
      );
      expect(error).toMatchObject({ code: "permission_denied" });
      expect(String(error)).not.toContain(TOKEN);
    }
    expect(lines.join("\n")).not.toContain(TOKEN);
  });

  test("is required where other machines can connect", async () => {
    await expect(serve({ listen: "0.0.0.0:0" })).rejects.toMatchObject({
      code: "invalid_argument",
      data: { host: "0.0.0.0" },
    });
    await expect(serve({ token: "two words" })).rejects.toMatchObject({ code: "invalid_argument" });
  });
});

describe("a connection", () => {
  test("to a server whose certificate nobody vouches for is refused, with what to do next", async () => {
    const { url } = await serve({ tls });
    await expect(openRemoteThreadStore({ url })).rejects.toMatchObject({ code: "connection_failed" });
  });

  test("to nobody, or to something else, is refused with what to do next", async () => {
    const nobody = await serve();
    await nobody.close();
    await expect(openRemoteThreadStore({ url: nobody.url })).rejects.toMatchObject({
      code: "connection_failed",
      message: expect.stringContaining("serve-store") as string,
    });
    await expect(openRemoteThreadStore({ url: "ftp://127.0.0.1" })).rejects.toMatchObject({ code: "invalid_argument" });
    await expect(openRemoteThreadStore({ url: `${nobody.url}/below` })).rejects.toThrow("http://HOST:PORT");
    await expect(openRemoteThreadStore({ url: nobody.url, callTimeoutMs: 0 })).rejects.toMatchObject({
      code: "invalid_argument",
    });
  });

  test("to a taken port is told as such", async () => {
    const { port } = await serve();
    await expect(serve({ listen: `127.0.0.1:${port}` })).rejects.toMatchObject({ data: { errno: "EADDRINUSE" } });
    await expect(serve({ listen: "here" })).rejects.toMatchObject({ code: "invalid_argument" });
  });
});

describe("a tool that knows gRPC and not Skein", () => {
  test("asks for the server's health without a token, and is told when it closes", async () => {
    const server = await serve({ token: TOKEN });
    const health = createClient(Health, createGrpcTransport({ baseUrl: server.url }));
    const { SERVING, NOT_SERVING, SERVICE_UNKNOWN } = HealthCheckResponse_ServingStatus;
    expect(await health.check({})).toMatchObject({ status: SERVING });
    expect(await health.check({ service: "skein.thread_store.v1.ThreadStoreService" })).toMatchObject({
      status: SERVING,
    });
    await expect(health.check({ service: "no.such.Service" })).rejects.toThrow("no service");
    for await (const { status } of health.watch({ service: "no.such.Service" })) {
      expect(status).toBe(SERVICE_UNKNOWN);
      break;
    }
    const seen: number[] = [];
    for await (const { status } of health.watch({})) {
      seen.push(status);
      if (status === SERVING) void server.close();
      else break;
    }
    expect(seen).toEqual([SERVING, NOT_SERVING]);
  });

  test("finds the services and the files that describe them", async () => {
    const { url } = await serve();
    const reflection = createClient(ServerReflection, createGrpcTransport({ baseUrl: url }));
    async function* asked() {
      yield { messageRequest: { case: "listServices" as const, value: "" } };
      const symbol = "skein.thread_store.v1.ThreadStoreService.LoadHistory";
      yield { messageRequest: { case: "fileContainingSymbol" as const, value: symbol } };
      yield { messageRequest: { case: "fileByFilename" as const, value: "grpc/health/v1/health.proto" } };
      yield { messageRequest: { case: "fileContainingSymbol" as const, value: "nowhere.Nothing" } };
    }
    const answers = [];
    for await (const { messageResponse } of reflection.serverReflectionInfo(asked())) answers.push(messageResponse);
    expect(answers.map((answer) => answer.case)).toEqual([
      "listServicesResponse",
      "fileDescriptorResponse",
      "fileDescriptorResponse",
      "errorResponse",
    ]);
    const [services] = answers;
    expect(services?.case === "listServicesResponse" ? services.value.service.map(({ name }) => name) : []).toContain(
      "skein.thread_store.v1.ThreadStoreService",
    );
  });

  test("may speak Connect with JSON too", async () => {
    const { url } = await serve();
    const transport = createConnectTransport({ baseUrl: url, httpVersion: "2", useBinaryFormat: false });
    expect(await createClient(Health, transport).check({})).toMatchObject({
      status: HealthCheckResponse_ServingStatus.SERVING,
    });
  });
});
