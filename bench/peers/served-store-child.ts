/**
 * A process that serves Skein's store on a PostgreSQL over the loopback, as a machine of its own would: says
 * where, and serves until its input ends. Not a server to use: `skein serve-store` is.
 */
import { serveThreadStore } from "../../src/store/remote/index.ts";
import { openPostgresThreadStore } from "../../src/store/postgres/index.ts";

const store = await openPostgresThreadStore({ url: process.argv[2] ?? "" });
const served = await serveThreadStore({ store });
process.stdout.write(`${served.url}\n`);
process.stdin.resume();
process.stdin.once("end", () => void served.close().then(() => store.close()));
