/**
 * Standard output and standard error as the commands see them. Data goes to standard output and to
 * nothing else; what is said about it (notes, progress, errors) goes to standard error.
 *
 * A reader that leaves early (`| head`) makes the next write reject with `outputClosed`; the command
 * unwinds, closes what it opened, and main() ends quietly.
 */
import { styleText } from "node:util";

import { faultFromSystem, systemCode } from "../base/index.ts";

/** A text style of the terminal. */
export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

/** One of the two standard streams. */
export interface Output {
  readonly isTerminal: boolean;
  /** Columns of the terminal; undefined where lines must not be cut. */
  readonly columns: number | undefined;
  /** Writes and waits until the stream took it. Rejects with `outputClosed` when nobody reads any more. */
  write(text: string): Promise<void>;
  /** The text in a style, or as it is where colours are off. */
  paint(style: Style, text: string): string;
}

/** Thrown when the reader of the output is gone. Not an error of ours: the command just ends. */
export const outputClosed: Error = Object.freeze(new Error("the reader of the output left"));

/** What an Output stands on: a process stream, or a scripted one in tests. */
export type OutputStream = NodeJS.WritableStream & {
  readonly isTTY?: boolean;
  readonly columns?: number;
};

/** Makes an Output of a stream. Colours only on a terminal, and never with `NO_COLOR`. */
export function createOutput(stream: OutputStream, env: Readonly<Record<string, string | undefined>>): Output {
  const isTerminal = stream.isTTY === true;
  const noColor = env["NO_COLOR"] !== undefined && env["NO_COLOR"] !== "";
  const hasColors = isTerminal && !noColor && env["TERM"] !== "dumb";
  // Errors arrive at the write's callback as well; without a listener they would end the process.
  stream.on("error", () => {});
  return {
    isTerminal,
    get columns(): number | undefined {
      return isTerminal ? (stream.columns ?? 80) : undefined;
    },
    write: (text): Promise<void> => writeTo(stream, text),
    paint: (style, text): string => (hasColors ? styleText(style, text, { validateStream: false }) : text),
  };
}

/** One line of JSON (without its newline) that holds no character a terminal could obey. */
export function toJsonLine(value: unknown): string {
  // JSON escapes the controls below 0x20; DEL and the C1 controls are left to us.
  return JSON.stringify(value).replace(
    /[\u007f-\u009f\u2028\u2029]/g,
    (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function writeTo(stream: OutputStream, text: string): Promise<void> {
  if (text === "") return Promise.resolve();
  return new Promise((resolve, reject) => {
    stream.write(text, (error) => {
      if (error === undefined || error === null) resolve();
      else if (systemCode(error) === "EPIPE" || systemCode(error) === "ERR_STREAM_DESTROYED") {
        reject(outputClosed);
      } else reject(faultFromSystem(error, "write the output"));
    });
  });
}
