/**
 * Debian's Firefox without a screen. Nobody drives it: its page does what the address says, and reports by POST.
 */
import { join } from "node:path";
import { temporaryFolder } from "./folder.ts";
import { Program, ProgramError } from "./program.ts";
import { until } from "./until.ts";

const folder = join(import.meta.dir, "browser");

export interface FirefoxCall {
  /** `ws://…` */
  url: string;
  user: string;
  domain: string;
  password: string;
  target: string;
  /** Keys that it presses once the call is up. */
  keys: string;
}

/** What the page has told so far: its phone's events, and what it has received, with the energy of the sound in that. */
export interface FirefoxReport {
  events: string[];
  statistics: { received: number; lost: number; energy: number };
}

/** Opens a page that registers and calls. */
export async function firefoxCalls(call: FirefoxCall) {
  const built = await Bun.build({ entrypoints: [join(folder, "unattended.js")], target: "browser" });
  const [script] = built.outputs;
  let report: FirefoxReport = { events: [], statistics: { received: 0, lost: 0, energy: 0 } };
  const pages = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const { pathname } = new URL(request.url);
      if (request.method === "POST") {
        // browser/unattended.js makes it.
        report = (await request.json()) as FirefoxReport;
        return new Response("");
      }
      if (pathname === "/unattended.js")
        return new Response(script, { headers: { "content-type": "text/javascript" } });
      const html = '<!doctype html><title>phone</title><script type="module" src="/unattended.js"></script>';
      return new Response(html, { headers: { "content-type": "text/html" } });
    },
  });
  const profile = temporaryFolder("firefox", {
    "user.js": [
      'user_pref("media.autoplay.default", 0);',
      'user_pref("media.autoplay.blocking_policy", 0);',
      'user_pref("media.peerconnection.ice.loopback", true);',
      'user_pref("media.peerconnection.ice.obfuscate_host_addresses", false);',
      'user_pref("media.navigator.streams.fake", true);',
      'user_pref("media.navigator.permission.disabled", true);',
      'user_pref("datareporting.policy.dataSubmissionEnabled", false);',
      'user_pref("browser.shell.checkDefaultBrowser", false);',
      'user_pref("app.normandy.enabled", false);',
    ].join("\n"),
  });
  const query = new URLSearchParams(
    Object.entries(call).map(([name, value]): [string, string] => [name, String(value)]),
  );
  const program = new Program({
    command: [
      ...["firefox-esr", "--headless", "--no-remote", "--profile", profile],
      `http://localhost:${pages.port}/?${query}`,
    ],
    env: { ...process.env, MOZ_HEADLESS: "1", HOME: profile },
  });
  return {
    program,
    get report() {
      return report;
    },
    /** Resolves once the page has told what `look` waits for. */
    reports: (what: string, look: (report: FirefoxReport) => boolean, ms = 30_000) =>
      until(what, () => look(report), ms).catch((error: unknown) => {
        throw new ProgramError(`${error}; the page's last report is ${JSON.stringify(report)}`);
      }),
    async stop() {
      await program.stop();
      await pages.stop(true);
    },
  };
}
