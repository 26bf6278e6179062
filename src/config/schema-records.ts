/** The keys of what is kept of calls: their records, and their messages as they pass. */
import { isIP } from "node:net";
import type { CaptureSettings, HepSettings, RecordSettings } from "../control/keeping.ts";
import { duration, integer, mapOf, scalarType, size, type Type } from "./types.ts";
import { hostName, path, secret } from "./values.ts";

export const recordsType = mapOf({
  keep: { type: duration("1h", "3650d"), default: "365d", doc: "How long records are kept in the store." },
  most: { type: integer(1, 100_000_000), default: 1_000_000, doc: "How many are kept; the oldest go first." },
  file: {
    type: path,
    doc: "A file that gets each record as a line of JSON, too; without it, none does.",
  },
  rotate: {
    type: size("10KB", "10GB"),
    default: "100MB",
    doc: "The size at which the file is put aside as FILE.1, FILE.2 and so on, and begun anew.",
  },
  files: { type: integer(0, 1000), default: 10, doc: "How many files that were put aside are kept." },
} as const) satisfies Type<RecordSettings>;

export const captureType = mapOf({
  size: {
    type: size("0B", "1GB"),
    doc: "Memory for the last SIP messages, for traces, ladders and capture files. By default 16MB where `control` is there, else none: `siproc trace` then sees what comes while it looks.",
  },
  packets: {
    type: size("0B", "1GB"),
    doc: "Memory for the last RTP headers, for capture files: 32 octets for each packet. By default 4MB where `control` is there, else none.",
  },
} as const) satisfies Type<CaptureSettings>;

const collector: Type<{ host: string; port: number }> = scalarType(
  "a host and an optional port, such as homer.example.com or 192.0.2.9:9060",
  { type: "string" },
  (written) => {
    if (isIP(written) !== 0) return { host: written, port: 9060 };
    const [, literal, name, port = "9060"] = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/i.exec(written) ?? [];
    const host = literal ?? name ?? "";
    const known = literal === undefined ? hostName.test(host) : isIP(host) === 6;
    return known && Number(port) > 0 && Number(port) < 65_536 ? { host, port: Number(port) } : undefined;
  },
);

const hepKeys = mapOf({
  server: {
    type: collector,
    doc: "Where Homer's capture server (heplify-server) listens for HEP over UDP; port 9060 when none is named.",
  },
  id: { type: integer(0, 4_294_967_295), default: 2001, doc: "The number of this capture agent." },
  password: { type: secret, doc: "What the server asks its agents for; best taken from the environment." },
});

export const hepType: Type<HepSettings> = {
  ...hepKeys,
  read(node, context) {
    const read = hepKeys.read(node, context);
    if (read === undefined) return undefined;
    const { server, id, password } = read;
    if (server !== undefined) return { server, id, password };
    context.problem(node.at, "server is missing: where to send messages to, as in hep: { server: homer.example.com }");
    return undefined;
  },
};
