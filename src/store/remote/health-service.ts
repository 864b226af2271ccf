/**
 * The health service that gRPC tools ask any server for (grpc.health.v1): it serves until it closes. A watch is told
 * at once, and when that changes.
 */
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";

import { type Health, HealthCheckResponse_ServingStatus as Status } from "./gen/grpc/health/v1/health_pb.ts";
import { ThreadStoreService } from "./gen/skein/thread_store/v1/thread_store_pb.ts";

const SERVED: ReadonlySet<string> = new Set(["", ThreadStoreService.typeName]);

/** Makes it; `closing` is aborted when the server goes. */
export function createHealthService(closing: AbortSignal): ServiceImpl<typeof Health> {
  const now = (): Status => (closing.aborted ? Status.NOT_SERVING : Status.SERVING);
  return {
    check({ service }) {
      if (SERVED.has(service)) return { status: now() };
      throw new ConnectError(`no service ${service.slice(0, 200).toWellFormed()} is served here`, Code.NotFound);
    },
    async *watch({ service }, { signal }) {
      if (!SERVED.has(service)) {
        yield { status: Status.SERVICE_UNKNOWN };
        await aborted(signal);
        return;
      }
      yield { status: now() };
      await aborted(AbortSignal.any([signal, closing]));
      if (closing.aborted) yield { status: Status.NOT_SERVING };
      else signal.throwIfAborted();
    },
  };
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
