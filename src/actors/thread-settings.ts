/**
 * What a thread's next turn runs with: the environment's settings, then what its log recorded, then what was
 * asked for and no turn recorded yet. A client's tools are recorded nowhere, and stay until others come.
 */
import type { DynamicTool, TurnSettings } from "./agent.ts";
import { type Conversation, recordedSettings } from "./conversation.ts";
import type { ThreadEnvironment } from "./thread-environment.ts";

/** The thread as it is. */
export interface SettingsPlace {
  readonly conversation: Conversation;
  readonly cwd: string;
}

export class ThreadSettings {
  readonly #environment: ThreadEnvironment;
  #asked: Partial<TurnSettings>;
  #tools: readonly DynamicTool[] | undefined;

  constructor(environment: ThreadEnvironment, asked: Partial<TurnSettings>) {
    this.#environment = environment;
    this.#asked = asked;
  }

  /** The settings of a turn that asks for these. */
  next({ conversation, cwd }: SettingsPlace, asked: Partial<TurnSettings>): TurnSettings {
    const { settings, agent } = this.#environment;
    const tools = this.#tools === undefined ? {} : { tools: this.#tools };
    return { ...settings, cwd, ...recordedSettings(conversation, agent.name), ...tools, ...this.#asked, ...asked };
  }

  /** A turn with these settings was recorded. */
  recorded({ tools }: TurnSettings): void {
    this.#asked = {};
    this.#tools = tools;
  }
}
