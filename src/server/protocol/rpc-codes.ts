/**
 * The codes of refusals. Nearly everything is `invalidRequest`, as with the peer: unknown methods and bad params
 * too.
 */

/** Codes of refusals, by what they mean here. */
export const RPC_CODES = Object.freeze({
  /** The request can't be granted as it is: its shape, its thread, the state of things. */
  invalidRequest: -32_600,
  /** A method of the protocol that this server does not serve. */
  methodNotFound: -32_601,
  /** An input that is too long. */
  invalidParams: -32_602,
  /** The store or the disk failed. */
  internalError: -32_603,
  /** More is under way than is kept in memory; ask again later. */
  overloaded: -32_001,
});

/** The `error` of an answer. */
export interface RpcErrorBody {
  readonly code: number;
  readonly message: string;
  /** Values that say more; left out where there are none. */
  readonly data?: unknown;
}
