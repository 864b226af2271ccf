/**
 * The stranger's way: a home of Codex, opened with `skein list` and `skein show`, gone on with by
 * `skein chat` on a pipe, and read in Codex again. The JSON of the command is the protocol's.
 */
import type { Thread } from "../../src/index.ts";
import { LIST_DIFFERENCES, LISTED_DIFFERENCES, READ_DIFFERENCES, TIME_DIFFERENCES } from "./allowed-differences.ts";
import type { ConformanceLab } from "./conformance-lab.ts";
import { nameOf, type SharedHome } from "./home-comparison.ts";
import { runSkein } from "./skein-command.ts";

const PART = "the skein command";

/** Runs the command on a home of Codex and compares what it prints with what Codex answers. */
export async function checkCommand(lab: ConformanceLab, home: SharedHome): Promise<void> {
  const { report } = lab;
  const list = async (): Promise<void> => {
    const printed = (await printedJson(["list", "--limit", "1000", "--home", home.path])) as { data: Thread[] };
    const answered = await lab.withCodex(home.path, (codex) => codex.listAll(false));
    const ids = (threads: readonly Thread[]): Record<string, string> =>
      Object.fromEntries(
        threads.map(({ id, preview }) => [id, preview === "" ? "listed, without a preview" : "listed"]),
      );
    const listed = { part: PART, thread: "(all)", claim: "skein list prints what Codex lists" };
    report.same(listed, { skein: ids(printed.data), codex: ids(answered) }, LISTED_DIFFERENCES);
    for (const codex of answered) {
      const skein = printed.data.find(({ id }) => id === codex.id);
      const entry = { part: PART, thread: nameOf(home, codex), claim: "skein list prints it as Codex lists it" };
      report.same(entry, { skein, codex }, [...LIST_DIFFERENCES, ...TIME_DIFFERENCES]);
    }
  };
  await report.attempt({ part: PART, thread: "(all)", claim: "skein list runs" }, list);
  for (const name of ["plain", "tools", "rolledBack", "compacted", "reviewed", "archived"]) {
    const subject = { part: PART, thread: name, claim: "skein show prints what Codex reads" };
    await report.attempt(subject, async () => {
      const id = home.threads.get(name) ?? "";
      const printed = (await printedJson(["show", id, "--home", home.path])) as { thread: Thread };
      const codex = await lab.withCodex(home.path, (visit) => visit.read(id));
      report.same(subject, { skein: printed.thread, codex }, [...READ_DIFFERENCES, ...TIME_DIFFERENCES]);
    });
  }
  await checkChat(lab, home);
}

async function checkChat(lab: ConformanceLab, home: SharedHome): Promise<void> {
  const subject = { part: PART, thread: "named", claim: "Codex reads what skein chat went on with" };
  await lab.report.attempt(subject, async () => {
    const id = home.threads.get("named") ?? "";
    const chat = await runSkein(["chat", id, "--home", home.path], "from the pipe\nand once more\n");
    lab.report.holds({ ...subject, claim: "skein chat ends well" }, chat.exitCode === 0, chat.stderr);
    const { turns } = await lab.withCodex(home.path, (codex) => codex.read(id));
    const said = turns.slice(-2).map(({ status, items }) => [status, ...items.map(textOfItem)]);
    const wanted = [
      ["completed", "from the pipe", "Echo: from the pipe"],
      ["completed", "and once more", "Echo: and once more"],
    ];
    lab.report.same(subject, { skein: wanted, codex: said });
  });
}

function textOfItem(item: Thread["turns"][number]["items"][number]): string {
  if (item.type === "userMessage") return (item.content as readonly { readonly text?: string }[])[0]?.text ?? "";
  return item.type === "agentMessage" ? item.text : item.type;
}

async function printedJson(args: readonly string[]): Promise<unknown> {
  const { exitCode, stdout, stderr } = await runSkein([...args, "--json"]);
  if (exitCode !== 0) throw new Error(`skein ${args.join(" ")} ended with ${exitCode}: ${stderr}`);
  return JSON.parse(stdout);
}
