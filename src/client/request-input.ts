/**
 * What a request takes from its sender: the protocol's params, where a member that may be undefined may be left out
 * as well. A handler on the server sees every member; who sends a request writes down only what it wants.
 */
import type { RequestMethod, RequestParams } from "../server/protocol/index.ts";

type MayLeaveOut<Params> = {
  readonly [Name in keyof Params as undefined extends Params[Name] ? Name : never]?: Params[Name];
} & {
  readonly [Name in keyof Params as undefined extends Params[Name] ? never : Name]: Params[Name];
};

/** The params of a request, as its sender writes them. */
export type RequestInput<M extends RequestMethod> = MayLeaveOut<RequestParams<M>>;
