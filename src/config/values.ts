/** Values that several parts of the configuration have: paths, host names, patterns, methods, SIP addresses. */
import { isIP } from "node:net";
import { resolve } from "node:path";
import { compilePattern, type Pattern } from "../routing/pattern.ts";
import { type Context, scalarType, type Type, text } from "./types.ts";

export const hostName = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\.?$/i;

/**
 * A file of the certificate that is made for first steps: in `tls/` beside the configuration, or where a service keeps what it
 * makes, as systemd says in STATE_DIRECTORY (systemd.exec(5)): it may not write beside its configuration.
 */
export function selfSignedFile({ folder, environment }: Context, name: "cert" | "key"): string {
  const [state] = (environment.STATE_DIRECTORY ?? "").split(":");
  return resolve(state || folder, "tls", `self-signed.${name}.pem`);
}

export const domain: Type<string> = scalarType("a domain such as example.com", { type: "string" }, (written) => {
  const bare = written.startsWith("[") && written.endsWith("]") ? written.slice(1, -1) : written;
  return isIP(bare) !== 0 || hostName.test(bare) ? bare.toLowerCase() : undefined;
});

export const pattern: Type<Pattern> = scalarType(
  "a glob on user@host, such as *@example.com, or a /regular expression/",
  { type: "string" },
  (written) => {
    const compiled = compilePattern(written);
    return compiled.ok ? compiled.pattern : { wrong: compiled.reason };
  },
);

export const method: Type<string> = scalarType(
  "a SIP method such as INVITE",
  { type: "string", pattern: "^[A-Z0-9.!%*_+`'~-]+$" },
  (written) => {
    if (/^[A-Z0-9\-.!%*_+`'~]{1,64}$/.test(written)) return written;
    return /^[A-Za-z]+$/.test(written)
      ? { wrong: `methods are written in capitals: ${written.toUpperCase()}` }
      : undefined;
  },
);

/** An absolute path. */
export const path: Type<string> = scalarType("a path", { type: "string" }, (written, context) =>
  written === "" || written.length > 4096 || written.includes("\0") ? undefined : resolve(context.folder, written),
);

export const word: Type<string> = text("text without NUL", (written) => !written.includes("\0"));

const secretText = text("1 to 256 characters on one line", (value) => /^[^\x00-\x1f\x7f]{1,256}$/.test(value));

/** Text that no message may show. */
export const secret: Type<string> = {
  ...secretText,
  read(node, context) {
    // YAML reads 0042 as the number 42: that would be another secret.
    if (node.kind === "scalar" && typeof node.value === "number") {
      context.problem(node.at, "found a number; put it in quotes, so that its zeros stay");
      return undefined;
    }
    return secretText.read(node, {
      ...context,
      problem: (at, message) =>
        context.problem(
          at,
          message.startsWith("found") ? `what stands here cannot be used; expected ${secretText.expected}` : message,
        ),
    });
  },
};

export const flag: Type<boolean> = scalarType("true or false", { type: "boolean" }, (written) =>
  written === "true" ? true : written === "false" ? false : undefined,
);
