/**
 * What a user sends, checked, and as the log keeps it: the model's message (response_item) and the
 * display event (user_message). Pure; nothing is read from the disk, so a local image is told to the
 * model by its path, and the display event keeps the path for the client.
 */
import { LIMITS, rejection, type SkeinError } from "../base/index.ts";
import type { EventMsg, Json, ResponseItem, UserInput } from "../events/index.ts";

const PART_TYPES: ReadonlySet<string> = new Set(["text", "image", "localImage", "skill", "mention"]);
const PARTS_MAX = LIMITS.appendItemsMax;

/**
 * The parts of an input. `empty_input` without anything but blank text, `invalid_argument` over
 * LIMITS.inputCharsMax characters or with a part of an unknown kind.
 */
export function checkInput(input: readonly UserInput[] | string): readonly UserInput[] {
  const parts = typeof input === "string" ? [{ type: "text", text: input } as const] : input;
  if (!Array.isArray(parts)) throw invalid("input must be text or a list of parts");
  if (parts.length > PARTS_MAX) throw invalid(`input has ${PARTS_MAX} parts at most`);
  let chars = 0;
  let hasContent = false;
  for (const [index, part] of parts.entries()) {
    const text = textOfPart(part, index);
    chars += text.length;
    hasContent ||= part.type !== "text" || text.trim() !== "";
  }
  if (!hasContent) throw rejection("empty_input", "input must not be empty");
  if (chars > LIMITS.inputCharsMax) {
    throw rejection("invalid_argument", `Input exceeds the maximum length of ${LIMITS.inputCharsMax} characters.`, {
      charsMax: LIMITS.inputCharsMax,
      chars,
    });
  }
  return parts;
}

/** The input as the model sees it: one user message. */
export function toUserItem(input: readonly UserInput[]): ResponseItem {
  const content: object[] = [];
  for (const part of input) {
    if (part.type === "image") content.push({ type: "input_image", image_url: part.url });
    else {
      const text = modelTextOf(part);
      if (text.trim() !== "") content.push({ type: "input_text", text });
    }
  }
  return { type: "message", role: "user", content };
}

/** The input as clients see it. Texts are joined as they are, the places of their elements move along. */
export function toUserMessageEvent(input: readonly UserInput[]): EventMsg {
  const images: string[] = [];
  const localImages: string[] = [];
  const textElements: Json[] = [];
  let message = "";
  for (const part of input) {
    if (part.type === "image") images.push(part.url);
    else if (part.type === "localImage") localImages.push(part.path);
    else if (part.type === "text") {
      const offset = message === "" ? 0 : Buffer.byteLength(message);
      for (const element of part.text_elements ?? []) textElements.push(toStoredElement(element, offset));
      message += part.text;
    }
  }
  return { type: "user_message", message, images, local_images: localImages, text_elements: textElements };
}

/** `{byteRange, placeholder}` of the wire as the file has it: `byte_range`, counted from the joined text. */
function toStoredElement(element: Json, offset: number): Json {
  if (typeof element !== "object" || element === null || Array.isArray(element)) return element;
  const { byteRange, ...rest } = element as { readonly [member: string]: Json | undefined };
  const range = byteRange as { readonly start?: unknown; readonly end?: unknown } | null | undefined;
  if (typeof range?.start !== "number" || typeof range.end !== "number") return element;
  return { byte_range: { start: range.start + offset, end: range.end + offset }, ...rest };
}

function modelTextOf(part: Exclude<UserInput, { readonly type: "image" }>): string {
  switch (part.type) {
    case "text":
      return part.text;
    case "localImage":
      return `<image path="${part.path}">`;
    case "skill":
      return `<skill name="${part.name}" path="${part.path}">`;
    case "mention":
      return `<mention name="${part.name}" path="${part.path}">`;
  }
}

/** The text of a part that counts for the bound; checks its shape on the way. */
function textOfPart(part: UserInput, index: number): string {
  const { type } = (part ?? {}) as { readonly type?: unknown };
  if (typeof type !== "string" || !PART_TYPES.has(type)) {
    throw invalid(`input[${index}] must be one of ${[...PART_TYPES].join(", ")}`);
  }
  const text: unknown = part.type === "text" ? part.text : part.type === "image" ? part.url : part.path;
  if (typeof text !== "string") throw invalid(`input[${index}] of type ${type} lacks its text, url or path`);
  if (part.type !== "text" && text.trim() === "") throw invalid(`input[${index}] must not be blank`);
  // An inline image is bounded by the line, not by what a person can type.
  return part.type === "image" ? "" : text;
}

function invalid(message: string): SkeinError {
  return rejection("invalid_argument", message);
}
