/**
 * `skein schema`: the protocol that `skein serve` speaks, as one JSON Schema document. It is made of the same
 * definitions that check the server's requests.
 */
import { protocolJsonSchema } from "../../server/protocol/index.ts";
import type { CliContext } from "../cli-context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";

/** Prints the schema. */
export async function runSchema({ out }: CliContext): Promise<ExitCode> {
  await out.write(`${JSON.stringify(protocolJsonSchema(), null, 2)}\n`);
  return EXIT.ok;
}
