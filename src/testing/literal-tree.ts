/**
 * The tree between a value and its code: what code-literal.ts copies values into, literal-series.ts shortens, and
 * literal-printer.ts prints.
 */

/** Something that was answered before: which call, and where in its answer. `event`: what a listener is being told. */
export interface Reference {
  readonly call: number | "event";
  readonly path: readonly (string | number)[];
}

/** The number of the round, `n`, and what is added to it. */
export interface Step {
  readonly base: number;
}

/** A piece of a text. */
export type TextPart = string | Reference | Step;

/** A member of an object; its key as code. */
export interface LiteralMember {
  readonly key: string;
  readonly value: Literal;
}

/** A value as it will be written. */
export type Literal =
  | { readonly kind: "code"; readonly text: string }
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "text"; readonly parts: readonly TextPart[] }
  | { readonly kind: "step"; readonly step: Step }
  | { readonly kind: "reference"; readonly reference: Reference }
  | { readonly kind: "array"; readonly items: readonly Literal[] }
  | { readonly kind: "object"; readonly members: readonly LiteralMember[] };

/** Whether a piece of text is a round's number. */
export function isStep(part: TextPart): part is Step {
  return typeof part === "object" && "base" in part;
}

/** Every reference in a literal. */
export function referencesIn(literal: Literal): readonly Reference[] {
  switch (literal.kind) {
    case "reference":
      return [literal.reference];
    case "text":
      return literal.parts.filter((part): part is Reference => typeof part === "object" && !isStep(part));
    case "array":
      return literal.items.flatMap(referencesIn);
    case "object":
      return literal.members.flatMap((member) => referencesIn(member.value));
    default:
      return [];
  }
}
