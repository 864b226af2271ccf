/**
 * reception: where clients wait, already greeted, until the server behind it is open. It loads the protocol and
 * nothing of the server, so that a process can greet before it has loaded the rest.
 */
export { createReception, type Reception } from "./reception.ts";
