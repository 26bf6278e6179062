/** The page by the rules of WCAG, as axe-core checks them: both themes, phone width and wide, before, in and after a call. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import axe from "axe-core";
import { type Browser, chromium, type Page } from "playwright-core";
import { has } from "../support/peers/available.ts";
import { violations } from "../support/peers/console.ts";
import { type Server, siproc } from "../support/peers/siproc.ts";

const config = `
tls: self-signed
page: { to: [echo, ivr] }
routes: [{ to: "echo@*", script: scripts/echo.ts }]
scripts: { allow: { read: [scripts] } }
`;

describe.skipIf(!has("chromium"))("axe-core finds nothing to mend on the page", () => {
  let server: Server;
  let browser: Browser;
  let page: Page;
  beforeAll(async () => {
    server = await siproc({ config, scripts: true, listen: ["ws"], codecs: ["PCMU"] });
    browser = await chromium.launch({
      executablePath: Bun.which("chromium") ?? "chromium",
      args: [
        ...["--no-sandbox", "--disable-dev-shm-usage", "--autoplay-policy=no-user-gesture-required"],
        ...["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"],
      ],
    });
    page = await browser.newPage();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  /** What axe-core has to say of what is shown now, in each theme and at each width: the rule, and where. */
  const found = async (page: Page) => {
    const all: string[] = [];
    for (const [colorScheme, width] of [["light", 360] as const, ["dark", 1280] as const, ["dark", 360] as const]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 800 });
      all.push(...(await violations(page)));
    }
    return all;
  };
  const shows = (text: string) => page.getByText(text).first().waitFor({ timeout: 10_000 });

  test("before a call, in it, and after it", async () => {
    // axe-core comes by the test's hand, not by the page's: its policy has no say in it.
    await page.addInitScript(axe.source);
    await page.goto(`http://localhost:${server.ports.ws}/`);
    await shows("Connected, without an account");
    for (const summary of await page.locator("summary").all()) await summary.click();
    expect(await found(page)).toEqual([]);
    await page.getByRole("button", { name: "echo", exact: true }).click();
    await shows("Connected.");
    await page.getByRole("button", { name: "Transfer", exact: true }).click();
    await page.getByRole("button", { name: "Mute", exact: true }).click();
    await shows("Muted.");
    expect(await found(page)).toEqual([]);
    await page.getByRole("button", { name: "Hang up", exact: true }).click();
    await shows("The call has ended.");
    expect(await found(page)).toEqual([]);
  });
});
