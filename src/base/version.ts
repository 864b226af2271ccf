/**
 * The version of this package, as it stands in package.json (a test holds the two together). It is
 * written into every session_meta (`cli_version`), so a reader can tell who wrote a thread.
 */
export const SKEIN_VERSION = "0.1.0";
