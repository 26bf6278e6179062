/** What this user agent can do, as its responses and requests say it (RFC 3261 §11, §20). */
import type { HeaderList, Request } from "../sip/message.ts";
import { sessionDescription } from "../sip/multipart.ts";
import { isToken } from "../sip/text.ts";

export const methods = [
  "INVITE",
  "ACK",
  "CANCEL",
  "BYE",
  "OPTIONS",
  "PRACK",
  "UPDATE",
  "MESSAGE",
  "INFO",
  "REFER",
  "NOTIFY",
] as const;
/** Option tags that a peer may require of us. */
export const extensions: readonly string[] = ["100rel", "timer", "replaces", "norefersub"];
export const acceptedBodies = ["application/sdp"] as const;

const ourMethods: ReadonlySet<string> = new Set(methods);

export const allow = methods.join(", ");
const insideOnly: readonly string[] = ["MESSAGE", "INFO", "REFER", "NOTIFY"];
/** The methods that need no dialog; texts, keys, transfers and their news are taken within calls alone. */
export const allowOutside = methods.filter((method) => !insideOnly.includes(method)).join(", ");
export const supported = extensions.join(", ");

/** The headers of an answer to OPTIONS: Allow, Accept, Accept-Encoding, Accept-Language, Supported. */
export const optionsHeaders: HeaderList = [
  ["Allow", allow],
  ["Accept", `${acceptedBodies.join(", ")}, text/plain`],
  ["Accept-Encoding", "identity"],
  ["Accept-Language", "en"],
  ["Supported", supported],
];

export interface Refusal {
  status: number;
  reason?: string;
  headers?: HeaderList;
}

/**
 * What RFC 3261 §8.2.1 to §8.2.3 ask of a user agent server before it looks at what a request wants: undefined when the
 * request may go on. Syntax has been checked before; merged requests are the caller's to detect.
 * `routed`: further methods that somebody takes.
 */
export function refuse(request: Request, routed?: ReadonlySet<string>): Refusal | undefined {
  if (!ourMethods.has(request.method) && routed?.has(request.method) !== true)
    return { status: knownMethods.has(request.method) ? 405 : 501 };
  const target = request.target;
  if (target === undefined) return { status: 400, reason: "Bad Request-URI" };
  if (target.scheme !== "sip" && target.scheme !== "sips" && target.scheme !== "tel") return { status: 416 };
  if (request.method !== "ACK" && request.method !== "CANCEL") {
    const required = request.values("require");
    const missing =
      required.length === 0 ? required : required.filter((tag) => !extensions.includes(tag.toLowerCase()));
    if (missing.length > 0) return { status: 420, headers: [["Unsupported", missing.filter(isToken).join(", ")]] };
  }
  return refuseBody(request);
}

/** RFC 3261 §8.2.3: 415 for bodies that we cannot read and may not ignore; 406 where no body of ours would be read. */
function refuseBody(request: Request): Refusal | undefined {
  const type = request.contentType;
  if (request.method === "MESSAGE" && type !== undefined && type !== "text/plain")
    return { status: 415, headers: [["Accept", "text/plain"]] };
  const carriesSession = sessionMethods.has(request.method);
  if (request.body.length > 0 && carriesSession && !optional(request)) {
    if (type === undefined || sessionDescription(request).length === 0)
      return { status: 415, headers: [["Accept", acceptedBodies.join(", ")]] };
    const encoding = request.header("content-encoding");
    if (encoding !== undefined && encoding.toLowerCase() !== "identity")
      return { status: 415, headers: [["Accept-Encoding", "identity"]] };
  }
  if (request.method === "INVITE" && request.header("accept") !== undefined) {
    const accepted = request.values("accept").map((value) => value.split(";", 1)[0]?.trim().toLowerCase());
    const fits = ["application/sdp", "application/*", "*/*"];
    if (accepted.length > 0 && !accepted.some((value) => value !== undefined && fits.includes(value)))
      return {
        status: 406,
        headers: [
          ["Accept", acceptedBodies.join(", ")],
          ["Warning", '399 siproc "Answers to INVITE carry application/sdp, which Accept leaves out"'],
        ],
      };
  }
  return undefined;
}

/** Methods whose bodies, where they have any, describe a session. */
const sessionMethods: ReadonlySet<string> = new Set(["INVITE", "ACK", "CANCEL", "PRACK", "UPDATE"]);

function optional(request: Request): boolean {
  return /;\s*handling\s*=\s*optional/i.test(request.header("content-disposition") ?? "");
}

/** Methods of RFCs that we know of and do not offer: 405, not 501. */
const knownMethods = new Set(["REGISTER", "SUBSCRIBE", "PUBLISH"]);
