/**
 * Options that the environment may give as well, for whoever starts a command can't always add arguments. What the
 * command line says wins.
 */
import { Option } from "commander";

/** An option that the environment may give as well. An empty variable counts as one that isn't set. */
export function fromEnv(name: string, flags: string, description: string): Option {
  const option = new Option(flags, description);
  return process.env[name] === "" ? option : option.env(name);
}
