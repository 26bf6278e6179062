/** The options that all of the terminal's phone have: who we are, which way requests go, what they say. */
import { readFile } from "node:fs/promises";
import { hostname, userInfo } from "node:os";
import { address, type PhoneSettings, proxyUri } from "../phone/settings.ts";
import type { HeaderList } from "../sip/message.ts";
import { srtpPolicies } from "../sip/offer-answer-srtp.ts";
import { encodeUtf8 } from "../sip/text.ts";
import type { Arguments } from "./arguments.ts";
import { durationExpected, OptionValueError, optionValue } from "./option-value.ts";
import { transports } from "./phone-tables.ts";
import { readCount, readDuration } from "./quantities.ts";
import { readSecret } from "./secret.ts";

const hostText = (text: string) => (/^[\w.:[\]-]{1,255}$/.test(text) ? text.replace(/^\[|\]$/g, "") : undefined);
const headerText = (text: string) => (/^[^\x00-\x1f\x7f]{1,500}$/.test(text) ? text : undefined);

/**
 * What the options say, with the password from wherever it is.
 * @param needsAddress whether it has to be said who we are: login and host name stand in then
 * @throws OptionValueError
 */
export async function phoneSettings(given: Arguments, needsAddress: boolean): Promise<PhoneSettings> {
  const one = (name: string) => given.options.get(name)?.[0];
  const transport = transports.find((name) => name === one("transport"));
  const srtp = srtpPolicies.find((name) => name === one("srtp"));
  const proxy = optionValue(given, "proxy", "an address such as 192.0.2.1:5062, or a sip: URI", (text) =>
    proxyUri(text, transport),
  );
  if (proxy === undefined && given.options.has("strict-route"))
    throw new OptionValueError("strict-route", "", "what --proxy is; there is none");
  const domain = optionValue(given, "domain", "a host name or address", hostText);
  const user = one("user");
  const from = one("from") ?? ownAddress(user, domain, needsAddress);
  const time = (name: string) => optionValue(given, name, durationExpected, readDuration);
  const subject = optionValue(given, "subject", "text on one line", headerText);
  const product = optionValue(given, "user-agent", "text on one line", headerText);
  const headers: HeaderList = subject === undefined ? [] : [["Subject", encodeUtf8(subject)]];
  const authuser = one("authuser") ?? user;
  const password = await passwordOf(given, authuser);
  return {
    from,
    domain,
    auth: password === undefined || authuser === undefined ? undefined : { user: authuser, password },
    proxy,
    strictRoute: given.options.has("strict-route"),
    transport,
    headers,
    registerInterval: Math.max(1, Math.round((time("register-interval") ?? 3_600_000) / 1000)),
    retryInterval: Math.max(1000, time("retry-interval") ?? 60_000),
    agent: {
      ...(srtp === undefined ? {} : { srtp: { encrypted: srtp, clear: srtp } }),
      ...(product === undefined ? {} : { product: encodeUtf8(product) }),
      ...(given.options.has("no-touchtone") && { telephoneEvent: false }),
      ...(given.options.has("use-lf") && { sdpLineEnd: "\n" }),
      ...(given.options.has("no-sdp") && { lateOffer: true }),
    },
  };
}

function ownAddress(user: string | undefined, domain: string | undefined, needed: boolean): string | undefined {
  if (user === undefined && domain === undefined && !needed) return undefined;
  return address(user ?? userInfo().username, domain ?? hostname());
}

/** A password that was named wherever; asked for when there is a user for it and a terminal. */
async function passwordOf(given: Arguments, user: string | undefined): Promise<string | undefined> {
  const [plain] = given.options.get("authpass") ?? [];
  const [file] = given.options.get("authpass-file") ?? [];
  if (plain !== undefined) return plain;
  if (file !== undefined) {
    const text = await readFile(file, "utf8").catch(() => {
      throw new OptionValueError("authpass-file", file, "a file that can be read");
    });
    return text.split("\n", 1)[0]?.replace(/\r$/, "") ?? "";
  }
  if (process.env.SIPROC_PASSWORD !== undefined) return process.env.SIPROC_PASSWORD;
  if (!given.options.has("authuser") || process.stdin.isTTY !== true) return undefined;
  return await readSecret(`Password for ${user}: `);
}

/** The addresses to listen on: `--listen` where that is a list of URLs, else by --int-ip, --port and --transport. */
export function listenUrls(given: Arguments): string[] {
  const host = optionValue(given, "int-ip", "an IP address of ours", hostText) ?? "0.0.0.0";
  const port = optionValue(given, "port", "a port from 0 to 65534", (text) => readCount(text, 0, 65_534)) ?? 0;
  const shown = host.includes(":") ? `[${host}]` : host;
  return [`udp://${shown}:${port}`, `tcp://${shown}:${port}`];
}
