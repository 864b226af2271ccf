/**
 * The url of a database: refused at once where the driver can't make a connection of it, and told to people without
 * who comes there and with what password. No error from here has the url in it, nor the driver's own error, which
 * may.
 */
import { Client } from "pg";

import { rejection, type SkeinError, systemCode } from "../../base/index.ts";

const PORT_MAX = 65_535;

/** The url, if a connection can be made of it. `invalid_argument`. */
export function requireDatabaseUrl(url: unknown): string {
  if (typeof url !== "string" || !/^postgres(ql)?:\/\//.test(url)) throw unusable("it is no url of a database");
  const { port } = targetOf(url);
  if (Number.isSafeInteger(port) && port >= 1 && port <= PORT_MAX) return url;
  throw unusable(`its port must be 1 to ${PORT_MAX}`);
}

/** Names a schema to a person: host, port and database. `invalid_argument`. */
export function schemaPlaceOf(url: string, schema: string): string {
  const { host, port, database } = targetOf(url);
  const at = host.startsWith("/") ? encodeURIComponent(host) : host;
  return `postgres://${at.includes(":") ? `[${at}]` : at}:${port}/${database ?? ""} (schema ${schema})`;
}

function targetOf(url: string): Pick<Client, "host" | "port" | "database"> {
  try {
    return new Client({ connectionString: url });
  } catch (error) {
    const code = systemCode(error);
    if (code === "ERR_INVALID_URL" || error instanceof URIError || !(error instanceof Error)) {
      throw unusable("one host, a port of 1 to 65535 and a database are to be told apart in it");
    }
    // A file that it names, or an option that the driver doesn't know.
    throw unusable(error.message.replaceAll(url, "the url"));
  }
}

function unusable(reason: string): SkeinError {
  return rejection(
    "invalid_argument",
    `url must be one of a PostgreSQL database, and no connection can be made of this one (${reason}): name it as postgres://user@host:port/database, with what isn't a letter or a digit in a password written as %XX`,
  );
}
