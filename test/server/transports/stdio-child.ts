/**
 * A process that serves its standard input and output, for tests: it says back what it hears, and what happened
 * goes to standard error. "flood" is answered with that many messages.
 */
import { serveStdio } from "../../../src/server/transports/index.ts";

const listener = serveStdio({
  acceptor: (connection) => ({
    received: (text) => {
      process.stderr.write(`received ${text}\n`);
      const [, count] = /^flood (\d+)$/.exec(text) ?? [];
      for (let index = 0; index < Number(count ?? 1); index += 1) connection.send(`${text} ${index}`);
    },
    closed: (reason) => {
      process.stderr.write(`closed ${reason}\n`);
      connection.send("last words");
      connection.close("done");
    },
  }),
});
await listener.ended;
process.stderr.write("ended\n");
