/** The keys of `log`. */
import { isIP } from "node:net";
import { resolve } from "node:path";
import { levels } from "../log.ts";
import type { LogTarget } from "../log-targets.ts";
import { facilities } from "../syslog.ts";
import { integer, listOf, mapOf, oneOf, scalarType, size, type Type } from "./types.ts";

const target: Type<LogTarget> = scalarType(
  "stderr, syslog, an address such as syslog://192.0.2.1:514, or the path of a file",
  { type: "string", minLength: 1 },
  (written, context) => {
    if (written === "stderr") return { type: "stderr" };
    if (written === "syslog") return { type: "syslog", to: undefined };
    const [, rest] = /^syslog:\/\/(.*)$/.exec(written) ?? [];
    if (rest !== undefined)
      return elsewhere(rest) ?? { wrong: "expected an IP address, such as syslog://192.0.2.1:514" };
    if (/^\w+:\/\//.test(written)) return { wrong: "lines go to stderr, syslog, syslog://ADDRESS:PORT or a file" };
    if (written === "" || written.includes("\0")) return undefined;
    return { type: "file", path: resolve(context.folder, written) };
  },
);

function elsewhere(written: string): LogTarget | undefined {
  const [, bracketed, plain, port = "514"] = /^(?:\[([0-9a-f:.]+)\]|([\d.]+))(?::(\d{1,5}))?$/i.exec(written) ?? [];
  const host = bracketed ?? plain ?? "";
  if (isIP(host) === 0 || Number(port) < 1 || Number(port) > 65_535) return undefined;
  return { type: "syslog", to: { host, port: Number(port) } };
}

const facilityNames = Object.keys(facilities).filter((name): name is keyof typeof facilities =>
  Object.hasOwn(facilities, name),
);

export const logType = mapOf({
  level: { type: oneOf(levels), default: "info", doc: "The least level that is written." },
  format: {
    type: oneOf(["pretty", "json"]),
    default: "pretty",
    doc: "Lines for people, or JSON for machines; on stderr and in files.",
  },
  to: {
    type: listOf(target, { atLeast: 1 }),
    default: ["stderr"],
    doc: "Where the lines go: `stderr`, `syslog` (this machine's), `syslog://192.0.2.1:514` (RFC 5424 over UDP), or a file; one or several.",
  },
  facility: { type: oneOf(facilityNames), default: "daemon", doc: "The facility that lines have in syslog." },
  rotate: {
    type: mapOf({
      size: { type: size("1KB", "100GB"), default: "100MB", doc: "A file that is as large is renamed to FILE.1." },
      keep: { type: integer(0, 1000), default: 5, doc: "How many renamed files are kept." },
    }),
    doc: "When a file of the log is renamed and begun anew. Without it that is left to others, who then send SIGUSR1.",
  },
});
