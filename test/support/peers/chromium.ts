/** Debian's Chromium without a screen, and in its pages phones that speak SIP over WebSocket: JsSIP and SIP.js, with real WebRTC. */
import { join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { ProgramError } from "./program.ts";

export type PagePhoneKind = "jssip" | "sipjs";

export interface PagePhoneOptions {
  kind: PagePhoneKind;
  /** `ws://…` or `wss://…` */
  url: string;
  user: string;
  domain: string;
  password: string;
  /** What it says, in Hz. */
  hertz: number;
}

export interface ReceivedAudio {
  received: number;
  lost: number;
  /** Seconds. */
  jitter: number;
  /** The share of what was played that had to be made up: at the beginning, and for what was lost or late. */
  concealed: number;
}

export interface Chromium {
  /** Opens a page with a phone; resolves when it is registered. */
  phone(options: PagePhoneOptions): Promise<PagePhone>;
  stop(): Promise<void>;
}

const folder = join(import.meta.dir, "browser");

/** Starts the browser, and a web server for its pages. */
export async function startChromium(): Promise<Chromium> {
  const browser = await chromium.launch({
    executablePath: Bun.which("chromium") ?? "chromium",
    args: [
      "--no-sandbox",
      "--disable-dev-shm-usage",
      "--autoplay-policy=no-user-gesture-required",
      // Candidates are addresses instead of names that only mDNS knows.
      "--disable-features=WebRtcHideLocalIpsWithMdns",
      "--ignore-certificate-errors",
    ],
  });
  const built = await Bun.build({
    entrypoints: ["jssip", "sipjs"].map((kind) => join(folder, `${kind}.js`)),
    target: "browser",
  });
  const scripts = new Map(built.outputs.map((output) => [output.path.replace(/^.*\//, "/"), output]));
  const pages = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      const { pathname } = new URL(request.url);
      const script = scripts.get(pathname);
      if (script !== undefined) return new Response(script, { headers: { "content-type": "text/javascript" } });
      const html = `<!doctype html><title>phone</title><script type="module" src="${pathname}.js"></script>`;
      return new Response(html, { headers: { "content-type": "text/html" } });
    },
  });
  return {
    async phone(options) {
      const page = await open(browser, `http://localhost:${pages.port}/${options.kind}`);
      const phone = new PagePhone(page, options.user);
      await phone.run("register", options);
      await phone.event(/^registered|^registrationFailed/).then((event) => {
        if (event !== "registered") throw new ProgramError(`${options.kind}: ${event}\n${phone.console.join("\n")}`);
      });
      return phone;
    },
    async stop() {
      await browser.close();
      await pages.stop(true);
    },
  };
}

async function open(browser: Browser, address: string): Promise<Page> {
  // A context of its own: pages of one context share a process, and a busy one would be heard in the other's audio.
  const page = await (await browser.newContext()).newPage();
  await page.goto(address);
  await page.waitForFunction("window.phone !== undefined");
  return page;
}

export class PagePhone {
  readonly user: string;
  readonly console: string[] = [];
  readonly #page: Page;

  constructor(page: Page, user: string) {
    this.#page = page;
    this.user = user;
    page.on("console", (message) => this.console.push(message.text()));
    page.on("pageerror", (error) => this.console.push(`${error}`));
  }

  /** One of the page's own functions, of browser/jssip.js or browser/sipjs.js. */
  async run(name: string, argument?: unknown): Promise<unknown> {
    return await this.#page.evaluate(`window.phone.${name}(${JSON.stringify(argument ?? null)})`);
  }

  /** Calls; resolves when the call is up. */
  async dial(uri: string): Promise<void> {
    const from = (await this.events()).length;
    await this.run("call", uri);
    const event = await this.event(/^confirmed|^failed|^ended/, from);
    if (event !== "confirmed") throw new ProgramError(`${this.user}: ${event}\n${this.console.join("\n")}`);
  }

  async events(): Promise<string[]> {
    const events: unknown = await this.#page.evaluate("window.phone.events");
    return Array.isArray(events) ? events.map(String) : [];
  }

  /**
   * The first event, past or to come, from number `from` on, that matches.
   * @throws ProgramError when none comes within `ms` milliseconds.
   */
  async event(pattern: RegExp, from = 0, ms = 10_000): Promise<string> {
    for (const end = performance.now() + ms; ; await Bun.sleep(20)) {
      const events = await this.events();
      const found = events.slice(from).find((event) => pattern.test(event));
      if (found !== undefined) return found;
      if (performance.now() > end)
        throw new ProgramError(
          `${this.user}'s page saw no ${pattern} in ${ms} ms; it saw ${events.join(", ")}\n${this.console.join("\n")}`,
        );
    }
  }

  /** Resolves once it hears a tone of `hertz`, to 15 Hz. */
  async hears(hertz: number, ms = 10_000): Promise<void> {
    for (const end = performance.now() + ms; ; await Bun.sleep(20)) {
      const heard = Number(await this.run("heard"));
      if (Math.abs(heard - hertz) <= 15) return;
      if (performance.now() > end)
        throw new ProgramError(`${this.user}'s page hears ${heard} Hz, not ${hertz}, after ${ms} ms`);
    }
  }

  /** Resolves once it has got so many packets in all. */
  async gets(packets: number, ms = 10_000): Promise<void> {
    for (const end = performance.now() + ms; ; await Bun.sleep(20)) {
      const { received } = await this.statistics();
      if (received >= packets) return;
      if (performance.now() > end)
        throw new ProgramError(`${this.user}'s page has got ${received} packets, not ${packets}, after ${ms} ms`);
    }
  }

  async statistics(): Promise<ReceivedAudio> {
    // browser/sound.js makes it.
    return (await this.run("statistics")) as ReceivedAudio;
  }

  /** As the user does it: all that the page had is gone. */
  async reload(): Promise<void> {
    await this.#page.reload();
  }

  async close(): Promise<void> {
    await this.#page.context().close();
  }
}
