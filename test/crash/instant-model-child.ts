/**
 * The model of the server's bench and kill runs, a process of its own: answers every POST at once, streamed
 * as a real answer is, without looking at what it was asked. Both servers ask this one, so it is written on
 * bare sockets: it must never be what is measured. A path with `/ordinary/` in it is answered with 1,000
 * characters, one with `/long/` with 4,000, any other with 32. Loopback only; it ends when its parent closes its input.
 *
 * Prints its address. A request has to tell its length (`content-length`), as both servers' clients do.
 */
import { createServer, type Socket } from "node:net";

const SHORT = ["Hello", " there,", " this is", " the answer."];
const ORDINARY = Array.from(
  { length: 20 },
  (_, n) => `Part ${String(n).padStart(2, "0")} of an answer as long as answers are. `,
);
/** Answers by a word of the path. */
const ANSWERS: Readonly<Record<string, readonly string[]>> = {
  short: SHORT,
  ordinary: ORDINARY,
  long: [...ORDINARY, ...ORDINARY, ...ORDINARY, ...ORDINARY],
};
const HEAD_BYTES_MAX = 64 * 1024;

function sse(event: { readonly type: string; readonly [member: string]: unknown }): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}

function answerOf(number: number, deltas: readonly string[]): string {
  const id = `resp_${number}`;
  const place = { item_id: `msg_${number}`, output_index: 0, content_index: 0 };
  const item = { type: "message", id: place.item_id, role: "assistant", status: "in_progress", content: [] };
  const text = deltas.join("");
  const done = { ...item, status: "completed", content: [{ type: "output_text", text, annotations: [] }] };
  const usage = {
    input_tokens: 100,
    input_tokens_details: { cached_tokens: 10 },
    output_tokens: 20,
    output_tokens_details: { reasoning_tokens: 5 },
    total_tokens: 120,
  };
  return [
    sse({ type: "response.created", response: { id, object: "response" } }),
    sse({ type: "response.output_item.added", output_index: 0, item }),
    ...deltas.map((delta) => sse({ type: "response.output_text.delta", ...place, delta })),
    sse({ type: "response.output_item.done", output_index: 0, item: done }),
    sse({ type: "response.completed", response: { id, object: "response", status: "completed", usage } }),
  ].join("");
}

let answered = 0;

function respond(socket: Socket, deltas: readonly string[]): void {
  answered += 1;
  const body = answerOf(answered, deltas);
  const head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
  socket.write(`${head}${Buffer.byteLength(body).toString(16)}\r\n${body}\r\n0\r\n\r\n`);
}

/** Reads requests off one connection, one after another. */
function serve(socket: Socket): void {
  let head = "";
  let bodyLeft = 0;
  let deltas: readonly string[] = SHORT;
  socket.setNoDelay(true);
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk) => {
    let rest = chunk;
    while (rest.length > 0) {
      if (bodyLeft === 0) {
        head += rest.toString("latin1");
        const end = head.indexOf("\r\n\r\n");
        if (end < 0) {
          if (head.length > HEAD_BYTES_MAX) socket.destroy();
          return;
        }
        const [line = ""] = head.split("\r\n", 1);
        deltas = ANSWERS[line.split("/")[1] ?? ""] ?? SHORT;
        bodyLeft = Number(/\r\ncontent-length: *(\d+)/i.exec(head.slice(0, end))?.[1] ?? 0);
        rest = Buffer.from(head.slice(end + 4), "latin1");
        head = "";
        if (!line.startsWith("POST ") || bodyLeft === 0) {
          socket.write("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
          continue;
        }
      }
      const taken = Math.min(bodyLeft, rest.length);
      bodyLeft -= taken;
      rest = rest.subarray(taken);
      if (bodyLeft === 0) respond(socket, deltas);
    }
  });
}

const server = createServer(serve);
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  process.stdout.write(`http://127.0.0.1:${port}\n`);
});
process.stdin.on("end", () => process.exit(0)).resume();
