/**
 * The model of a thread store and the commands that compare a store with it: for `fc.commands` laws of one's own.
 */
export { arbCalls, CallingClients, type PlannedCall } from "./interleaved-calls.ts";
export { hasSerialOrder } from "./serial-order.ts";
export { type CommandRun, matchesModel, type StoreCommand, type StoreSession } from "./store-command.ts";
export { storeCommands, type StoreCommandsOptions } from "./store-commands.ts";
export { type ModelThread, type NamedWriter, type Refusal, StoreModel } from "./store-model.ts";
