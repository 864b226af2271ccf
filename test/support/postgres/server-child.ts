/**
 * A process that starts a server, says where it is, and does nothing more until it is killed: a test looks what
 * becomes of the server then.
 */
import { startPostgres } from "./postgres-server.ts";

const { pid, dataDir } = await startPostgres();
process.stdout.write(`${JSON.stringify({ pid, dataDir })}\n`);
setInterval(() => {}, 60_000);
