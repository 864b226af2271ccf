/**
 * The calls that the recorded model makes: which function a directive calls depends on what the client offers,
 * as a model's choice would. A client that offers no shell is asked for one all the same.
 */

/** What the model is sent. */
export interface ModelBody {
  readonly model?: string;
  readonly instructions?: string | null;
  readonly input: readonly {
    readonly type?: string;
    readonly role?: string;
    readonly content?: readonly { readonly text?: string }[] | null;
  }[];
  readonly tools?: readonly { readonly type?: string; readonly name?: string }[];
}

/** An item of an answer. */
export type OutputItem = Readonly<Record<string, unknown>>;

/** Where ids and directives come from. */
export interface CallSource {
  directive(name: string): string | null;
  id(prefix: string): string;
}

const PLAN = {
  explanation: "mock plan",
  plan: [
    { step: "one", status: "completed" },
    { step: "two", status: "in_progress" },
  ],
};

/** The call that the directives ask for; null when they ask for none. */
export function callFor(body: ModelBody, source: CallSource): OutputItem | null {
  const shell = source.directive("shell");
  if (shell !== null) return shellCall(body, source, shell);
  const file = source.directive("patch");
  if (file !== null) return patchCall(body, source, file);
  if (source.directive("plan") !== null) return functionCall(source, "update_plan", JSON.stringify(PLAN));
  const tool = source.directive("tool");
  if (tool === null) return null;
  const [name = "", ...args] = tool.split(" ");
  return functionCall(source, name, args.join(" ") || "{}");
}

function functionCall(source: CallSource, name: string, args: string): OutputItem {
  return { type: "function_call", id: source.id("fc"), call_id: source.id("call"), name, arguments: args };
}

function shellCall(body: ModelBody, source: CallSource, command: string): OutputItem {
  if (offers(body, "exec_command")) {
    return functionCall(source, "exec_command", JSON.stringify({ cmd: command, yield_time_ms: 1_000 }));
  }
  if (offers(body, "shell_command")) return functionCall(source, "shell_command", JSON.stringify({ command }));
  return functionCall(source, "shell", JSON.stringify({ command: ["bash", "-lc", command] }));
}

function patchCall(body: ModelBody, source: CallSource, file: string): OutputItem {
  const patch = `*** Begin Patch\n*** Add File: ${file}\n+hello from mock\n*** End Patch\n`;
  const isCustom = (body.tools ?? []).some(({ name, type }) => name === "apply_patch" && type === "custom");
  if (isCustom) {
    const call = { name: "apply_patch", input: patch, status: "completed" };
    return { type: "custom_tool_call", id: source.id("ctc"), call_id: source.id("call"), ...call };
  }
  return shellCall(body, source, `apply_patch <<'PATCH'\n${patch}PATCH\n`);
}

function offers(body: ModelBody, tool: string): boolean {
  return (body.tools ?? []).some((offered) => offered.name === tool);
}
