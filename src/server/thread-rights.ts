/**
 * What a client asked a thread to be allowed: the approval policy, the sandbox, who reviews. Skein runs no commands
 * and grants nothing, so these words change nothing here; they are kept for loaded threads and answered again,
 * because clients show them. What an agent asks leave for is asked whatever stands here.
 */
import type { Json } from "../events/index.ts";

/** The protocol's members, as they were asked for. */
export interface Rights {
  readonly approvalPolicy: Json;
  readonly approvalsReviewer: Json;
  /** The wire form: `{type: "dangerFullAccess"}`, … */
  readonly sandbox: Json;
  readonly serviceTier: string | null;
}

/** Nothing is asked, nothing is sandboxed: the agent has the rights of this process. */
const PLAIN: Rights = Object.freeze({
  approvalPolicy: "never",
  approvalsReviewer: "user",
  sandbox: Object.freeze({ type: "dangerFullAccess" }),
  serviceTier: null,
});

/** Members that a request may leave out or set to null: both keep what was. */
export interface RightsPatch {
  readonly approvalPolicy?: Json | undefined;
  readonly approvalsReviewer?: Json | undefined;
  /** `read-only`, `workspace-write`, `danger-full-access`. */
  readonly sandbox?: string | null | undefined;
  /** The wire form, as turn/start has it. */
  readonly sandboxPolicy?: Json | undefined;
  readonly serviceTier?: string | null | undefined;
}

export class ThreadRights {
  readonly #byThread = new Map<string, Rights>();

  of(threadId: string): Rights {
    return this.#byThread.get(threadId) ?? PLAIN;
  }

  /** Sets what the patch says. */
  change(threadId: string, patch: RightsPatch): void {
    const before = this.of(threadId);
    const sandbox = patch.sandboxPolicy ?? sandboxPolicyOf(patch.sandbox) ?? before.sandbox;
    const after: Rights = {
      approvalPolicy: patch.approvalPolicy ?? before.approvalPolicy,
      approvalsReviewer: patch.approvalsReviewer ?? before.approvalsReviewer,
      sandbox,
      serviceTier: patch.serviceTier ?? before.serviceTier,
    };
    if (after !== PLAIN) this.#byThread.set(threadId, after);
  }

  forget(threadId: string): void {
    this.#byThread.delete(threadId);
  }
}

function sandboxPolicyOf(mode: string | null | undefined): Json | undefined {
  switch (mode) {
    case "read-only":
      return { type: "readOnly", networkAccess: false };
    case "workspace-write":
      return {
        type: "workspaceWrite",
        writableRoots: [],
        networkAccess: false,
        excludeTmpdirEnvVar: false,
        excludeSlashTmp: false,
      };
    case "danger-full-access":
      return { type: "dangerFullAccess" };
    default:
      return undefined;
  }
}
