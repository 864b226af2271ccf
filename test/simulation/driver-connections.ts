/**
 * Which process of a simulation has which connections to SQLite open, so that a killed one's are closed, as
 * the kernel would. It listens at the driver, because some connections are opened deep inside a rebuild.
 *
 * A locked database is told at once, without waiting: in one thread nobody could let the lock go meanwhile,
 * and how often is tried again is then a matter of simulated time.
 */
import Database from "better-sqlite3";

/** Whoever opens connections now. */
export interface ConnectionOwner {
  readonly connections: Set<Database.Database>;
}

let ownerNow: () => ConnectionOwner | undefined = () => undefined;
let isListening = false;
const known = new WeakSet<Database.Database>();

/** From now on connections are counted to whom `owner` names when they are first used. */
export function countConnections(owner: () => ConnectionOwner | undefined): void {
  ownerNow = owner;
  if (isListening) return;
  isListening = true;
  const { prototype } = Database;
  const { pragma, exec, close } = prototype;
  prototype.pragma = function (source, options) {
    note(this);
    return pragma.call(this, source, options);
  };
  prototype.exec = function (source) {
    note(this);
    return exec.call(this, source);
  };
  prototype.close = function () {
    ownerNow()?.connections.delete(this);
    return close.call(this);
  };

  function note(db: Database.Database): void {
    const owner = ownerNow();
    if (owner === undefined || known.has(db)) return;
    known.add(db);
    owner.connections.add(db);
    pragma.call(db, "busy_timeout = 0");
  }
}
