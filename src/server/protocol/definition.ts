/**
 * What the protocol says of one method: its documentation, its shapes, and how the server treats it. A definition
 * makes its schemas when they are first read.
 */
import type { z } from "zod";

import { once } from "./once.ts";

/** Where a method or notification comes from: the peer's version that has it, or this project. */
export type Since = "codex-0.130" | "codex-0.169" | "skein";

/** A member that only a connection with the `experimentalApi` capability may use. */
export interface ExperimentalField {
  /** As requests have it: "thread/start.permissions". */
  readonly member: string;
  /** As the refusal names it: the same, but for one member that the peer has another name for. */
  readonly path: string;
  /** Whether a request uses it. `params` have passed the method's schema. */
  isUsed(params: unknown): boolean;
}

/** A request that a client sends. */
export interface RequestDefinition<P extends z.ZodType = z.ZodType, R extends z.ZodType = z.ZodType> {
  /** For the reference page: what it does, in sentences. */
  readonly doc: string;
  readonly params: P;
  readonly result: R;
  /** `thread`: requests of one `threadId` are answered one after the other, in the order they came. */
  readonly queue: "thread" | "none";
  /** Set where only a connection with the `experimentalApi` capability may call it. */
  readonly experimental?: true;
  readonly experimentalFields?: readonly ExperimentalField[];
  readonly since: Since;
}

/** What a definition is made of: the same, with schemas that are not made yet. */
export interface RequestSource<P extends z.ZodType, R extends z.ZodType> extends Omit<
  RequestDefinition,
  "params" | "result" | "queue" | "since"
> {
  readonly params: () => P;
  readonly result: () => R;
  /** Default: "none". */
  readonly queue?: "thread" | "none";
  /** Default: "codex-0.130". */
  readonly since?: Since;
}

/** Who hears a notification: every initialised connection, those subscribed to the thread, or one connection. */
export type Audience = "all" | "subscribers" | "connection";

/** A notification that the server sends. */
export interface NotificationDefinition<P extends z.ZodType = z.ZodType> {
  readonly doc: string;
  readonly params: P;
  readonly audience: Audience;
  readonly since: Since;
}

/** A request that the server sends, and the answer it expects. */
export interface ServerRequestDefinition<P extends z.ZodType = z.ZodType, R extends z.ZodType = z.ZodType> {
  readonly doc: string;
  readonly params: P;
  readonly result: R;
}

/** Defines a request. */
export function request<P extends z.ZodType, R extends z.ZodType>(
  source: RequestSource<P, R>,
): RequestDefinition<P, R> {
  const { params, result, queue = "none", since = "codex-0.130", ...rest } = source;
  return withSchemas({ ...rest, queue, since }, { params, result });
}

/** Defines a notification. */
export function notification<P extends z.ZodType>(
  audience: Audience,
  source: { readonly doc: string; readonly params: () => P; readonly since?: Since },
): NotificationDefinition<P> {
  const { doc, params, since = "codex-0.130" } = source;
  return withSchemas({ doc, audience, since }, { params });
}

/** Defines a request of the server's. */
export function serverRequest<P extends z.ZodType, R extends z.ZodType>(source: {
  readonly doc: string;
  readonly params: () => P;
  readonly result: () => R;
}): ServerRequestDefinition<P, R> {
  const { doc, params, result } = source;
  return withSchemas({ doc }, { params, result });
}

/** A member that counts as used when it is there and not null. */
export function setField(method: string, name: string): ExperimentalField {
  return { ...placeOf(method, name), isUsed: (params) => (memberOf(params, name) ?? null) !== null };
}

/** A member that counts as used when it is true. `shownAs` is the name in the refusal. */
export function trueField(method: string, name: string, shownAs: string = name): ExperimentalField {
  return { ...placeOf(method, name, shownAs), isUsed: (params) => memberOf(params, name) === true };
}

function placeOf(method: string, name: string, shownAs = name): Omit<ExperimentalField, "isUsed"> {
  return { member: `${method}.${name}`, path: `${method}.${shownAs}` };
}

function memberOf(params: unknown, name: string): unknown {
  if (typeof params !== "object" || params === null) return undefined;
  return Object.getOwnPropertyDescriptor(params, name)?.value;
}

type Makers = Readonly<Record<string, () => z.ZodType>>;
type Made<M extends Makers> = { readonly [K in keyof M]: ReturnType<M[K]> };

function withSchemas<D extends object, M extends Makers>(plain: D, makers: M): D & Made<M> {
  const properties = Object.entries(makers).map(
    ([name, make]) => [name, { enumerable: true, get: once(make) }] as const,
  );
  return Object.freeze(Object.defineProperties({ ...plain }, Object.fromEntries(properties))) as D & Made<M>;
}
