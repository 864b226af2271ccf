/**
 * Which HTTP requests may become connections: a page of a browser may not unless its origin was named, nor a name
 * that somebody else's DNS points at this machine, nor anybody without the token where one is set.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";

import { rejection } from "../../base/index.ts";

/** What a request must show. */
export interface AdmissionRules {
  /** Needed as `Authorization: Bearer TOKEN` where it is set. Never logged. */
  readonly token?: string | undefined;
  /** The origins whose pages may connect: "http://localhost:3000". Default none; a request without an origin is no page's. */
  readonly allowedOrigins?: readonly string[] | undefined;
  /** Whether the Host header must name this machine's loopback: true where we listen there only. */
  readonly needsLoopbackHost: boolean;
}

/** Why a request is refused, for its answer. */
export interface Refusal {
  readonly status: 400 | 401 | 403 | 404 | 426 | 503;
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Judges requests by fixed rules. */
export interface Admission {
  /** Whether it comes from somewhere it may come from: Host and Origin. */
  judgeSource(request: IncomingMessage): Refusal | undefined;
  /** Whether it has the token, too. */
  judge(request: IncomingMessage): Refusal | undefined;
}

const FORBIDDEN_ORIGIN: Refusal = { status: 403, text: "this origin may not connect" };
const FORBIDDEN_HOST: Refusal = { status: 403, text: "the Host header does not name this machine" };
const UNAUTHORIZED: Refusal = {
  status: 401,
  text: "a token is needed: Authorization: Bearer TOKEN",
  headers: { "WWW-Authenticate": "Bearer" },
};
/** What a token may consist of, so that a header can carry it (RFC 6750 §2.1). */
const TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/;

/** Makes the judge. `invalid_argument` for a token that no header can carry, or an origin that is none. */
export function createAdmission(rules: AdmissionRules): Admission {
  const { token, needsLoopbackHost } = rules;
  if (token !== undefined && !TOKEN.test(token)) {
    throw rejection("invalid_argument", "a token is one or more of A-Z a-z 0-9 - . _ ~ + / and may end in =");
  }
  const origins = new Set(rules.allowedOrigins?.map(canonicalOrigin));
  const digest = token === undefined ? undefined : sha256(token);

  const judgeSource = (request: IncomingMessage): Refusal | undefined => {
    const { host, origin } = request.headers;
    if (needsLoopbackHost && !isLoopbackHost(hostName(host ?? ""))) return FORBIDDEN_HOST;
    return origin === undefined || origins.has(origin.toLowerCase()) ? undefined : FORBIDDEN_ORIGIN;
  };
  return {
    judgeSource,
    judge: (request) => {
      const refusal = judgeSource(request);
      if (refusal !== undefined || digest === undefined) return refusal;
      const [, given] = /^bearer +(\S+) *$/i.exec(request.headers.authorization ?? "") ?? [];
      // Digests have one length, so that comparing them takes one time.
      return timingSafeEqual(sha256(given ?? ""), digest) ? undefined : UNAUTHORIZED;
    },
  };
}

/** Whether this host, a name or an address without brackets, can only mean this machine. */
export function isLoopbackHost(host: string): boolean {
  const name = host.toLowerCase();
  if (name === "localhost" || name.endsWith(".localhost")) return true;
  if (isIP(name) === 4) return name.startsWith("127.");
  return name === "::1" || name.startsWith("::ffff:127.");
}

/** The host of a Host header, without port and brackets. */
function hostName(header: string): string {
  const [, ip6, name] = /^(?:\[([^\]]*)\]|([^:]*))(?::[0-9]*)?$/.exec(header) ?? [];
  return ip6 ?? name ?? "";
}

function canonicalOrigin(text: string): string {
  const origin = URL.parse(text)?.origin;
  if (origin !== undefined && origin !== "null" && origin === text.toLowerCase().replace(/\/$/, "")) return origin;
  // An extension's page has an origin that URL does not name one.
  if (/^[a-z][a-z0-9+.-]*:\/\/[^/?#]+$/i.test(text)) return text.toLowerCase();
  throw rejection("invalid_argument", "an allowed origin is a scheme, a host and a port: http://localhost:3000");
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
