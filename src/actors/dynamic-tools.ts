/**
 * The check of tools that a client brings: each has a name that a model can call, and no two are the same. What
 * is checked is copied, so that nobody changes it under a turn.
 */
import { LIMITS, rejection, type SkeinError } from "../base/index.ts";
import type { JsonObject } from "../events/index.ts";
import type { DynamicTool } from "./agent.ts";
import { plainJson } from "./plain-json.ts";

/** The tools. `invalid_argument` where one is none, or two have one name. */
export function checkDynamicTools(tools: readonly DynamicTool[]): readonly DynamicTool[] {
  if (!Array.isArray(tools)) throw invalid("tools must be a list");
  if (tools.length > LIMITS.dynamicToolsMax) throw invalid(`tools must be ${LIMITS.dynamicToolsMax} at most`);
  const copy = plainJson(tools);
  if (!Array.isArray(copy)) throw invalid("tools must be JSON");
  const names = new Set<string>();
  for (const [index, tool] of copy.entries()) {
    const name = checkedName(tool, index);
    if (names.has(name)) throw invalid(`duplicate dynamic tool name: ${name}`);
    names.add(name);
  }
  // Each was checked to be one.
  return copy as readonly unknown[] as readonly DynamicTool[];
}

/** The name a model calls a tool by, with its namespace where it has one. */
export function toolKey({ name, namespace = null }: Pick<DynamicTool, "name" | "namespace">): string {
  return namespace === null ? name : `${namespace}.${name}`;
}

function checkedName(tool: unknown, index: number): string {
  if (typeof tool !== "object" || tool === null) throw invalid(`tools[${index}] is no tool`);
  const { name, description, inputSchema, namespace = null } = tool as JsonObject;
  if (typeof name !== "string" || name.trim() === "") throw invalid("dynamic tool name must not be empty");
  if (typeof description !== "string") throw invalid(`dynamic tool ${name} has no description`);
  if (typeof inputSchema !== "object" || inputSchema === null || Array.isArray(inputSchema)) {
    throw invalid(`dynamic tool ${name} has no input schema that is an object`);
  }
  if (namespace !== null && (typeof namespace !== "string" || namespace.trim() === "")) {
    throw invalid(`dynamic tool ${name} has a namespace that is no name`);
  }
  return toolKey({ name, namespace });
}

function invalid(message: string): SkeinError {
  return rejection("invalid_argument", message);
}
