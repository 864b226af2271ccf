/**
 * The flags with which a child Node runs a `.ts` file as it is: none from 22.18 on, one before it.
 * Tests that start a child process use `spawn(process.execPath, [...nodeTypeFlags(), entry])`, so they pass on the
 * oldest Node that Skein supports as well.
 */

/** The flags for a Node of this version (default: the one that runs this test). */
export function nodeTypeFlags(version: string = process.versions.node): string[] {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const runsTypeScript = major > 22 || (major === 22 && minor >= 18);
  return runsTypeScript ? [] : ["--experimental-strip-types", "--disable-warning=ExperimentalWarning"];
}
