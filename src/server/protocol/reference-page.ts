/**
 * The reference page of the protocol, in Markdown, made from the same definitions as the validation. It is written
 * to docs/PROTOCOL.md by `node scripts/protocol-page.ts`; a test holds the file to what this gives. It
 * reads the JSON Schema and nothing else, so the page and `skein schema` can not say different things.
 */
import { type JsonSchema, type MethodSchema, protocolJsonSchema, type ProtocolSchema } from "./json-schema.ts";

const INTRODUCTION = `# The protocol of \`skein serve\`

<!-- Made from src/server/protocol by \`node scripts/protocol-page.ts\`. Changes by hand are lost. -->

Skein speaks the thread part of Codex's app-server protocol, and a feed of its own. Each message is one JSON object:
a line on stdio and on a unix socket, a text frame on a WebSocket.

| Message | Shape |
| --- | --- |
| request | \`{"id": 1, "method": "thread/start", "params": {}}\`; \`id\` is a text or a 64-bit integer |
| answer | \`{"id": 1, "result": {}}\` |
| refusal | \`{"error": {"code": -32600, "message": "…"}, "id": 1}\` |
| notification | \`{"method": "turn/started", "params": {}}\` |

The first request of a connection is \`initialize\`. Requests are answered as they are done, not in their order; those
of one thread's queue are done one after the other. What can't be read as a message is dropped without an answer.
Members that are not listed here are ignored. A member marked \`?\` may be left out.

| Code | Means |
| --- | --- |
| -32600 | the request can't be granted: unknown method, bad params, not initialised, no such thread, wrong state |
| -32601 | a method of Codex's protocol that Skein does not serve |
| -32602 | an input that is too long |
| -32603 | the store or the disk failed |
| -32001 | more is under way than is kept in memory; ask again later |

\`skein schema\` prints all of this as one JSON Schema document.
`;

/** Makes the page. */
export function protocolReference(): string {
  const schema = protocolJsonSchema();
  const sections = [
    section(schema, "Requests", schema.requests),
    section(schema, "Notifications", schema.notifications),
    section(schema, "Requests of the server's", schema.serverRequests),
    section(schema, "Notifications of clients", schema.clientNotifications),
    objectsSection(schema),
  ];
  return `${[INTRODUCTION, ...sections].join("\n").trimEnd()}\n`;
}

function section(schema: ProtocolSchema, title: string, methods: Readonly<Record<string, MethodSchema>>): string {
  const entries = Object.entries(methods).map(([name, method]) => methodText(schema, name, method));
  return [`## ${title}`, "", ...entries].join("\n");
}

function methodText(schema: ProtocolSchema, name: string, method: MethodSchema): string {
  const notes = [
    sinceText(method.since),
    method.queue === "thread" ? "in the thread's queue" : undefined,
    method.audience === undefined ? undefined : AUDIENCES[method.audience],
    method.experimental === true ? "needs the `experimentalApi` capability" : undefined,
  ].filter((note) => note !== undefined);
  const gated = method.experimentalFields?.map((path) => `\`${path.slice(path.lastIndexOf(".") + 1)}\``);
  return [
    `### ${name}`,
    "",
    method.description,
    "",
    ...(notes.length === 0 ? [] : [`*${notes.join("; ")}.*`, ""]),
    ...(gated === undefined ? [] : [`Needs the \`experimentalApi\` capability: ${gated.join(", ")}.`, ""]),
    membersText(schema, "Params", method.params),
    ...(method.result === undefined ? [] : [membersText(schema, "Result", method.result)]),
  ].join("\n");
}

const AUDIENCES: Readonly<Record<string, string>> = {
  all: "to every connection",
  subscribers: "to the thread's subscribers",
  connection: "to one connection",
};

function sinceText(since: string | undefined): string | undefined {
  if (since === "skein") return "Skein's own";
  return since === undefined ? undefined : `as in Codex ${since.replace("codex-", "")}`;
}

/** A table of an object's members, or one line where it has none. */
function membersText(schema: ProtocolSchema, title: string, shape: JsonSchema): string {
  const target = resolved(schema, shape);
  const properties = objectOf(target["properties"]);
  if (properties === undefined) return `${title}: ${typeText(target)}\n`;
  const names = Object.keys(properties);
  if (names.length === 0) return `${title}: none.\n`;
  const required = Array.isArray(target["required"]) ? target["required"] : [];
  const rows = names.map((name) => {
    const member = objectOf(properties[name]) ?? {};
    const description = typeof member["description"] === "string" ? cell(member["description"]) : "";
    return `| \`${name}\`${required.includes(name) ? "" : "?"} | ${cell(typeText(member))} | ${description} |`;
  });
  return [`| ${title} | Type | |`, "| --- | --- | --- |", ...rows, ""].join("\n");
}

function objectsSection(schema: ProtocolSchema): string {
  const groups = [schema.requests, schema.notifications, schema.serverRequests, schema.clientNotifications];
  const methods = groups.flatMap((group) => Object.values(group));
  const ofMethods = new Set(methods.flatMap(({ params, result }) => [referenceOf(params), referenceOf(result ?? {})]));
  const names = Object.keys(schema.$defs).filter((name) => !ofMethods.has(name));
  const entries = names.toSorted().map((name) => objectText(schema, name, schema.$defs[name] ?? {}));
  return ["## Objects", "", ...entries].join("\n");
}

function objectText(schema: ProtocolSchema, name: string, shape: JsonSchema): string {
  const options = shape["oneOf"];
  const description = typeof shape["description"] === "string" ? [shape["description"], ""] : [];
  const body = Array.isArray(options)
    ? [...options.map((option) => `- ${typeText(objectOf(option) ?? {})}`), ""].join("\n")
    : membersText(schema, "Member", shape);
  return [`### ${name}`, "", ...description, body.replace(/^Member: /u, "")].join("\n");
}

/** A type in one line: `string`, `[Turn](#turn)[]`, `"asc" \| "desc"`, `{a: string, b?: integer}`. */
function typeText(shape: JsonSchema): string {
  const reference = referenceOf(shape);
  if (reference !== undefined) return `[${reference}](#${reference.toLowerCase()})`;
  const options = shape["anyOf"] ?? shape["oneOf"];
  if (Array.isArray(options)) return options.map((option) => typeText(objectOf(option) ?? {})).join(" | ");
  if (shape["const"] !== undefined) return `\`${JSON.stringify(shape["const"])}\``;
  if (Array.isArray(shape["enum"])) return shape["enum"].map((word) => `\`${JSON.stringify(word)}\``).join(" | ");
  if (shape["type"] === "array") return `${grouped(typeText(objectOf(shape["items"]) ?? {}))}[]`;
  if (shape["type"] === "object") return inlineText(shape);
  const { type } = shape;
  if (Array.isArray(type)) return type.map(String).join(" | ");
  return typeof type === "string" ? type : "any JSON";
}

function inlineText(shape: JsonSchema): string {
  const values = objectOf(shape["additionalProperties"]);
  const properties = Object.entries(objectOf(shape["properties"]) ?? {});
  if (values !== undefined && properties.length === 0) return `object of ${typeText(values)}`;
  if (properties.length === 0) return "object";
  const required = Array.isArray(shape["required"]) ? shape["required"] : [];
  const members = properties.map(([name, member]) => {
    return `${name}${required.includes(name) ? "" : "?"}: ${typeText(objectOf(member) ?? {})}`;
  });
  return `{${members.join(", ")}}`;
}

function grouped(type: string): string {
  return type.includes(" ") ? `(${type})` : type;
}

function resolved(schema: ProtocolSchema, shape: JsonSchema): JsonSchema {
  const reference = referenceOf(shape);
  return reference === undefined ? shape : (schema.$defs[reference] ?? shape);
}

function referenceOf(shape: JsonSchema): string | undefined {
  const reference = shape["$ref"];
  return typeof reference === "string" ? reference.replace("#/$defs/", "") : undefined;
}

function objectOf(value: unknown): JsonSchema | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonSchema) : undefined;
}

/** Bars inside a table's cell. */
function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}
