/** The console in Chromium, as its user sees it: opened, walked through, checked by axe-core. */
import axe from "axe-core";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

export const views = [
  "",
  "calls",
  "calls/forwarded",
  "calls/past",
  "registrations",
  "trunks",
  "accounts",
  "routes",
  "scripts",
  "bans",
  "log",
] as const;

export interface ConsoleOptions extends BrowserContextOptions {
  /** Of `control.keys`; undefined: the console is left to ask for it. */
  key?: string;
}

export class ConsoleBrowser {
  /** What pages complained of; requests that are meant to fail are no fault of theirs. */
  readonly faults: string[] = [];
  readonly #browser: Browser;
  readonly #pages: Page[] = [];

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  static async start(): Promise<ConsoleBrowser> {
    return new ConsoleBrowser(
      await chromium.launch({
        executablePath: Bun.which("chromium") ?? "chromium",
        args: ["--no-sandbox", "--disable-dev-shm-usage"],
      }),
    );
  }

  /** @param url - with the view after `#/`. */
  async open(url: string, { key, ...options }: ConsoleOptions = {}): Promise<Page> {
    const page = await (await this.#browser.newContext(options)).newPage();
    this.#pages.push(page);
    page.setDefaultTimeout(15_000);
    page.on("pageerror", (error) => this.faults.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error" && !message.text().startsWith("Failed to load resource"))
        this.faults.push(message.text());
    });
    if (key !== undefined) await page.addInitScript((given) => sessionStorage.setItem("siproc-key", given), key);
    // axe-core comes by the test's hand, not by the page's: its policy has no say in it.
    await page.addInitScript(axe.source);
    await page.goto(url);
    return page;
  }

  /** Closes the pages that were opened. */
  async close(): Promise<void> {
    for (const page of this.#pages.splice(0)) await page.context().close();
  }

  async stop(): Promise<void> {
    await this.#browser.close();
  }
}

/** What axe-core finds wrong with what is shown: the rule, and where. */
export async function violations(page: Page): Promise<string[]> {
  const found: unknown = await page.evaluate(
    // Colours on their way from one theme to the other are nobody's to read.
    `new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))).then(() =>
      Promise.allSettled(document.getAnimations().map(({ finished }) => finished))).then(() =>
      axe.run(document, { resultTypes: ["violations"] })).then(({ violations }) =>
      violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => id + ": " + target.join(" ") + " " + failureSummary)))`,
  );
  return Array.isArray(found) ? found.map(String) : ["axe-core told nothing"];
}
