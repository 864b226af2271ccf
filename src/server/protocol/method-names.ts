/**
 * The names of methods: the peer's, in its own order, those that this server does not serve, and what is said to a
 * name that nobody knows.
 */
import { isRequestMethod, REQUESTS } from "./registry.ts";

/** Every method of codex app-server 0.130.0, in the order in which it lists them. */
const PEER_METHODS = Object.freeze(
  (
    "initialize thread/start thread/resume thread/fork thread/archive thread/unsubscribe " +
    "thread/increment_elicitation thread/decrement_elicitation thread/name/set thread/goal/set " +
    "thread/goal/get thread/goal/clear thread/metadata/update thread/memoryMode/set memory/reset " +
    "thread/unarchive thread/compact/start thread/shellCommand thread/approveGuardianDeniedAction " +
    "thread/backgroundTerminals/clean thread/rollback thread/list thread/loaded/list thread/read " +
    "thread/turns/list thread/turns/items/list thread/inject_items skills/list hooks/list " +
    "marketplace/add marketplace/remove marketplace/upgrade plugin/list plugin/read plugin/skill/read " +
    "plugin/share/save plugin/share/updateTargets plugin/share/list plugin/share/delete app/list " +
    "fs/readFile fs/writeFile fs/createDirectory fs/getMetadata fs/readDirectory fs/remove fs/copy " +
    "fs/watch fs/unwatch skills/config/write plugin/install plugin/uninstall turn/start turn/steer " +
    "turn/interrupt thread/realtime/start thread/realtime/appendAudio thread/realtime/appendText " +
    "thread/realtime/stop thread/realtime/listVoices review/start model/list " +
    "modelProvider/capabilities/read experimentalFeature/list experimentalFeature/enablement/set " +
    "collaborationMode/list mock/experimentalMethod mcpServer/oauth/login config/mcpServer/reload " +
    "mcpServerStatus/list mcpServer/resource/read mcpServer/tool/call windowsSandbox/setupStart " +
    "windowsSandbox/readiness account/login/start account/login/cancel account/logout " +
    "account/rateLimits/read account/sendAddCreditsNudgeEmail feedback/upload command/exec " +
    "command/exec/write command/exec/terminate command/exec/resize process/spawn process/writeStdin " +
    "process/kill process/resizePty config/read externalAgentConfig/detect externalAgentConfig/import " +
    "config/value/write config/batchWrite configRequirements/read account/read getConversationSummary " +
    "gitDiffToRemote getAuthStatus fuzzyFileSearch fuzzyFileSearch/sessionStart " +
    "fuzzyFileSearch/sessionUpdate fuzzyFileSearch/sessionStop"
  ).split(" "),
);

/** Methods of the peer's that have nothing to do with threads, or with what this server's agents can do. */
export const UNSERVED_METHODS: ReadonlySet<string> = new Set(PEER_METHODS.filter((name) => !isRequestMethod(name)));

/** What is said to a method that nobody knows: all those there are, the peer's first. */
export function unknownMethodText(method: string): string {
  const ours = Object.keys(REQUESTS).filter((name) => !PEER_METHODS.includes(name));
  const names = [...PEER_METHODS, ...ours].map((name) => `\`${name}\``);
  return `unknown variant \`${method}\`, expected one of ${names.join(", ")}`;
}
