/**
 * Appends that were called in one turn of the event loop go in one message: a message costs more than what is in it,
 * and who writes to many threads calls for many. Each stays a call of its own, answered when its own outcome is known.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { CallOptions, Client } from "@connectrpc/connect";

import { fault, LIMITS, nextLoopTurn } from "../../base/index.ts";
import type {
  AppendItemsRequestSchema,
  AppendItemsResponse,
  AppendOutcome,
  ThreadStoreService,
} from "./gen/skein/thread_store/v1/thread_store_pb.ts";
import { fromErrorDetail } from "./wire-errors.ts";

/** Appends and their bytes in one message. */
const BATCH_APPENDS_MAX = 256;
const BATCH_BYTES_MAX = 2 * 1024 * 1024;

type AppendRequest = MessageInitShape<typeof AppendItemsRequestSchema> & { readonly items: Uint8Array[] };

interface Waiting {
  readonly request: AppendRequest;
  readonly options: CallOptions;
  readonly resolve: (answer: AppendItemsResponse) => void;
  readonly reject: (error: unknown) => void;
}

interface Sized extends Pick<Waiting, "request" | "options"> {
  readonly bytes: number;
}

/** See the file's head. */
export class AppendBatcher {
  readonly #client: Client<typeof ThreadStoreService>;
  #waiting: Waiting[] = [];
  #bytes = 0;
  #bytesUnderWay = 0;
  #isDue = false;

  constructor(client: Client<typeof ThreadStoreService>) {
    this.#client = client;
  }

  /** Appends. Rejects with the server's refusal, or with what happened to the message. */
  async append(request: AppendRequest, options: CallOptions): Promise<AppendItemsResponse> {
    const bytes = request.items.reduce((sum, item) => sum + item.length + 8, 0);
    this.#requireRoom(bytes);
    this.#bytesUnderWay += bytes;
    try {
      return await this.#answered({ request, options, bytes });
    } finally {
      this.#bytesUnderWay -= bytes;
    }
  }

  /** Appends are made faster than the server takes them: a bounded part of them is held here. */
  #requireRoom(bytes: number): void {
    const bytesMax = LIMITS.commitQueueBytesMax;
    if (this.#bytesUnderWay === 0 || this.#bytesUnderWay + bytes <= bytesMax) return;
    throw fault("server_overloaded", `appends of ${this.#bytesUnderWay} bytes are under way: wait for some of them`, {
      retryable: true,
      data: { bytes: this.#bytesUnderWay, bytesMax },
    });
  }

  #answered({ request, options, bytes }: Sized): Promise<AppendItemsResponse> {
    return new Promise((resolve, reject) => {
      if (this.#bytes + bytes > BATCH_BYTES_MAX || this.#waiting.length >= BATCH_APPENDS_MAX) this.#send();
      this.#waiting.push({ request, options, resolve, reject });
      this.#bytes += bytes;
      if (this.#isDue) return;
      this.#isDue = true;
      void nextLoopTurn().then(() => {
        this.#isDue = false;
        this.#send();
      });
    });
  }

  #send(): void {
    const batch = this.#waiting;
    this.#waiting = [];
    this.#bytes = 0;
    const [first, second] = batch;
    if (first === undefined) return;
    if (second === undefined) {
      this.#client.appendItems(first.request, first.options).then(first.resolve, first.reject);
      return;
    }
    this.#sendAll(batch, first.options).catch((error: unknown) => {
      // Those that were answered before are settled already.
      for (const { reject } of batch) reject(error);
    });
  }

  async #sendAll(batch: readonly Waiting[], options: CallOptions): Promise<void> {
    const request = { appends: batch.map((waiting) => waiting.request) };
    for await (const { outcomes } of this.#client.appendBatch(request, options)) {
      for (const outcome of outcomes) settle(batch[outcome.index], outcome);
    }
    throw fault("connection_lost", "the server's answer ended before its end", { retryable: true });
  }
}

function settle(waiting: Waiting | undefined, { outcome }: AppendOutcome): void {
  if (outcome.case === "answer") waiting?.resolve(outcome.value);
  else if (outcome.case === "refusal") waiting?.reject(fromErrorDetail(outcome.value));
}
