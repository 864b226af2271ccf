/**
 * The protocol as one JSON Schema document (draft 2020-12). `$defs` holds the named objects; `requests`,
 * `notifications`, `serverRequests` and `clientNotifications` hold the schemas of each method, with what the
 * definitions say beside shapes. As a schema, the document takes every message that is no answer.
 */
import { z } from "zod";

import { CLIENT_NOTIFICATIONS, NOTIFICATIONS, REQUESTS } from "./registry.ts";
import { SERVER_REQUESTS } from "./server-requests.ts";

/** A JSON Schema, or a part of one. */
export interface JsonSchema {
  readonly [keyword: string]: unknown;
}

/** What the document says of one method. */
export interface MethodSchema {
  readonly description: string;
  readonly params: JsonSchema;
  /** Of requests only. */
  readonly result?: JsonSchema;
  readonly since?: string;
  readonly queue?: string;
  readonly audience?: string;
  readonly experimental?: true;
  /** Members that need the `experimentalApi` capability, as refusals name them. */
  readonly experimentalFields?: readonly string[];
}

/** The whole document. */
export interface ProtocolSchema extends JsonSchema {
  readonly $defs: Readonly<Record<string, JsonSchema>>;
  readonly requests: Readonly<Record<string, MethodSchema>>;
  readonly notifications: Readonly<Record<string, MethodSchema>>;
  readonly serverRequests: Readonly<Record<string, MethodSchema>>;
  readonly clientNotifications: Readonly<Record<string, MethodSchema>>;
}

interface Definition {
  readonly doc: string;
  readonly params: z.ZodType;
  readonly result?: z.ZodType;
  readonly since?: string;
  readonly queue?: string;
  readonly audience?: string;
  readonly experimental?: true;
  readonly experimentalFields?: readonly { readonly member: string }[];
}

type Definitions = Readonly<Record<string, Definition>>;

/** Makes the document. Builds every schema, which takes some tens of milliseconds. */
export function protocolJsonSchema(): ProtocolSchema {
  const groups: Readonly<Record<string, Definitions>> = {
    requests: REQUESTS,
    notifications: NOTIFICATIONS,
    serverRequests: SERVER_REQUESTS,
    clientNotifications: CLIENT_NOTIFICATIONS,
  };
  const made = z.toJSONSchema(z.object(mapValues(groups, groupShape)), { io: "input" });
  const methods = (name: string): Readonly<Record<string, MethodSchema>> => {
    const shapes = propertiesOf(propertiesOf(made)[name]);
    return mapValues(groups[name] ?? {}, (definition, method) =>
      methodSchema(definition, propertiesOf(shapes[method])),
    );
  };
  const messages = Object.keys(groups).flatMap((name) => {
    return Object.keys(groups[name] ?? {}).map((method) => messageSchema(name, method, groups[name]?.[method]));
  });
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "The protocol of skein serve",
    description: "Messages are one JSON object each. Answers are {id, result} or {error, id}.",
    anyOf: messages,
    $defs: made.$defs ?? {},
    requests: methods("requests"),
    notifications: methods("notifications"),
    serverRequests: methods("serverRequests"),
    clientNotifications: methods("clientNotifications"),
  };
}

function groupShape(definitions: Definitions): z.ZodObject {
  return z.object(
    mapValues(definitions, ({ params, result }) => z.object(result === undefined ? { params } : { params, result })),
  );
}

function methodSchema(definition: Definition, shapes: Readonly<Record<string, JsonSchema>>): MethodSchema {
  const { doc, params: _params, result: _result, experimentalFields, ...rest } = definition;
  const { params = {}, result } = shapes;
  return {
    description: doc,
    ...rest,
    ...(experimentalFields === undefined ? {} : { experimentalFields: experimentalFields.map(({ member }) => member) }),
    params,
    ...(result === undefined ? {} : { result }),
  };
}

function messageSchema(group: string, method: string, definition: Definition | undefined): JsonSchema {
  const isRequest = definition?.result !== undefined;
  const pointer = method.replaceAll("~", "~0").replaceAll("/", "~1");
  const id = isRequest ? { id: { type: ["string", "integer"] } } : {};
  const needsParams = definition?.params._zod.optin !== "optional" && group !== "clientNotifications";
  return {
    type: "object",
    properties: { ...id, method: { const: method }, params: { $ref: `#/${group}/${pointer}/params` } },
    required: [...Object.keys(id), "method", ...(needsParams ? ["params"] : [])],
  };
}

function propertiesOf(schema: JsonSchema | undefined): Readonly<Record<string, JsonSchema>> {
  const properties = schema?.["properties"];
  return typeof properties === "object" && properties !== null ? (properties as Record<string, JsonSchema>) : {};
}

function mapValues<In, Out>(
  values: Readonly<Record<string, In>>,
  map: (value: In, name: string) => Out,
): Readonly<Record<string, Out>> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, map(value, name)]));
}
