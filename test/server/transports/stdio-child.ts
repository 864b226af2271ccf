/**
 * A process that serves its standard input and output, for tests: it says back what it hears, and what happened
 * goes to standard error. "flood" is answered with that many messages.
 */
import { type Connection, serveStdio } from "../../../src/server/transports/index.ts";

let client: Connection | undefined;
const listener = serveStdio({
  acceptor: (connection) => ({
    received: (text) => {
      client = connection;
      process.stderr.write(`received ${text}\n`);
      const [, count] = /^flood (\d+)$/.exec(text) ?? [];
      for (let index = 0; index < Number(count ?? 1); index += 1) connection.send(`${text} ${index}`);
    },
    closed: (reason) => {
      process.stderr.write(`closed ${reason}\n`);
    },
  }),
});
await listener.ended;
process.stderr.write("ended\n");
client?.send("last words");
client?.close("done");
