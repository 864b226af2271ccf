/**
 * The model of a thread store, the commands that compare a store with it, and the serial order that explains calls
 * in flight together: for laws of one's own.
 */
export { arbCalls, CallingClients, type PlannedCall } from "./interleaved-calls.ts";
export { arbScheduler } from "./scheduler-arbitrary.ts";
export { hasSerialOrder } from "./serial-order.ts";
export { type CommandRun, matchesModel, type StoreCommand, type StoreSession } from "./store-command.ts";
export { storeCommands, type StoreCommandsOptions } from "./store-commands.ts";
export { type ModelThread, type NamedWriter, type Refusal, StoreModel } from "./store-model.ts";
