/**
 * The peer's own JSON Schema, written by its program, as a judge of messages: answers by the method that they
 * answer, notifications and server requests by theirs. Only what the peer's protocol has is judged.
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import { z } from "zod";

import { peerEnvironment } from "../codex-peer.ts";
import { runProgram } from "../run-program.ts";
import type { Exchanged } from "./script-runner.ts";

/** What the peer's schema says of messages. */
export interface PeerSchema {
  /** What is wrong with the message; "" when nothing is, null when the peer has no schema for it. */
  problemOf(exchanged: Exchanged): string | null;
}

interface JsonSchema {
  readonly oneOf?: readonly {
    readonly properties?: {
      readonly method?: { readonly enum?: readonly string[] };
      readonly params?: { readonly $ref?: string };
    };
  }[];
}

const GENERATE_MS_MAX = 60_000;

/** Lets the peer write its schema into `folder`, which is there, and reads it. */
export async function generatePeerSchema(program: string, folder: string): Promise<PeerSchema> {
  const args = ["app-server", "generate-json-schema", "--experimental", "--out", folder];
  const run = await runProgram(program, args, { timeoutMs: GENERATE_MS_MAX, env: peerEnvironment(folder) });
  if (run.failed) throw new Error(`codex wrote no schema: ${run.output}`);
  const read = async (name: string): Promise<unknown> => JSON.parse(await readFile(join(folder, name), "utf8"));
  const requests = (await read("ClientRequest.json")) as JsonSchema;
  const told = new Map<string, z.ZodType>();
  for (const name of ["ServerNotification.json", "ServerRequest.json"]) {
    const schema = await read(name);
    const type = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
    for (const method of methodsOf(schema as JsonSchema)) told.set(method, type);
  }
  const answers = new Map<string, z.ZodType>();
  const files = [...(await readdir(folder)), ...(await readdir(join(folder, "v1"))).map((name) => `v1/${name}`)];
  files.push(...(await readdir(join(folder, "v2"))).map((name) => `v2/${name}`));
  for (const { properties } of requests.oneOf ?? []) {
    const params = properties?.params?.$ref?.split("/").at(-1) ?? "";
    const file = files.find((name) => name.split("/").at(-1) === params.replace(/Params$/, "Response.json"));
    if (file === undefined || !params.endsWith("Params")) continue;
    const type = z.fromJSONSchema((await read(file)) as Parameters<typeof z.fromJSONSchema>[0]);
    for (const method of properties?.method?.enum ?? []) answers.set(method, type);
  }
  return { problemOf: (exchanged) => problemOf(exchanged, { told, answers }) };
}

function methodsOf({ oneOf = [] }: JsonSchema): readonly string[] {
  return oneOf.flatMap(({ properties }) => properties?.method?.enum ?? []);
}

function problemOf(
  { message, request }: Exchanged,
  known: { readonly told: ReadonlyMap<string, z.ZodType>; readonly answers: ReadonlyMap<string, z.ZodType> },
): string | null {
  const { method, result } = message;
  const isTold = typeof method === "string";
  const type = isTold ? known.told.get(method) : known.answers.get(request ?? "");
  if (type === undefined || (!isTold && result === undefined)) return null;
  const parsed = type.safeParse(isTold ? message : result);
  if (parsed.success) return "";
  return `${isTold ? method : `the answer of ${request}`}: ${z.prettifyError(parsed.error)}`;
}
