/**
 * Which provider a new thread names when its caller names none: what Codex would record in this home.
 * What that is for was found by experiment, see docs/decisions/0001.
 */
import { expect, test } from "vitest";

import { isSkeinError } from "../../../src/base/index.ts";
import { providerOfHome } from "../../../src/store/local/home-provider.ts";

const reading = (toml: string) => (): Promise<string> => Promise.resolve(toml);
const failing = (code: string) => (): Promise<string> => Promise.reject(Object.assign(new Error(code), { code }));

test.each([
  ['model = "x"\nmodel_provider = "mock" # ours\n', "mock"],
  ["model_provider='single'\r\n", "single"],
  ['[profiles.a]\nmodel_provider = "of a table"\n', "openai"],
  ['# model_provider = "commented out"\n', "openai"],
  ['my_model_provider = "another key"\n', "openai"],
  ["", "openai"],
])("a config of %j gives %s", async (toml, provider) => {
  expect(await providerOfHome("/home", reading(toml))).toBe(provider);
});

test("a home without a config gives Codex's default", async () => {
  expect(await providerOfHome("/home", failing("ENOENT"))).toBe("openai");
});

test("a config that can't be read is a fault that names it, not a guess", async () => {
  const failed = await providerOfHome("/home", failing("EACCES")).catch((error: unknown) => error);
  expect(isSkeinError(failed, "permission_denied")).toBe(true);
  expect(failed).toMatchObject({ data: { path: "/home/config.toml" } });
});
