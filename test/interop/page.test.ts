/** The page that siproc serves, in Chromium, as its user sees it: calls, keys, hold, transfer, texts, registration, embedding. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { has } from "../support/peers/available.ts";
import { type Server, siproc } from "../support/peers/siproc.ts";
import { until } from "../support/peers/until.ts";

const config = `
domains: [example.com]
store: "memory:"
tls: self-signed
accounts:
  - { user: alice, password: wonderland }
  - { user: bob, password: builder }
page: { to: [echo, keys], title: "A <phone>" }
routes:
  - { to: "echo@*", script: scripts/echo.ts }
  - { to: "keys@*", script: keys.ts }
  - { to: "texts@*", script: texts.ts }
  - { to: "busy@*", reply: 486 }
  - { to: "*@example.com", location: true, auth: true }
scripts: { allow: { read: [scripts] } }
`;
const files = {
  "keys.ts": `export default async function (call: Call) {
  await call.answer();
  const { digits } = await call.gather({ max: 4, terminator: "none" });
  console.log("keys " + digits);
}`,
  "texts.ts": `export default async function (call: Call) {
  await call.answer();
  for await (const event of call) {
    if (event.type === "message") await call.message("you said " + event.text);
    if (event.type === "hold") console.log("the page: " + (event.on ? "hold" : "resume"));
  }
}`,
};

describe.skipIf(!has("chromium"))("the page", () => {
  let server: Server;
  let browser: Browser;
  const pages: Page[] = [];
  const faults: string[] = [];

  beforeAll(async () => {
    server = await siproc({ config, files, scripts: true, listen: ["ws", "wss"], codecs: ["opus", "PCMU"] });
    browser = await chromium.launch({
      executablePath: Bun.which("chromium") ?? "chromium",
      args: [
        ...["--no-sandbox", "--disable-dev-shm-usage", "--autoplay-policy=no-user-gesture-required"],
        ...["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"],
      ],
    });
  });
  afterEach(async () => {
    for (const page of pages.splice(0)) await page.context().close();
    expect(faults.splice(0)).toEqual([]);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  const open = async (url = `http://localhost:${server.ports.ws}/`, options: BrowserContextOptions = {}) => {
    const page = await (await browser.newContext({ ignoreHTTPSErrors: true, ...options })).newPage();
    pages.push(page);
    page.on("pageerror", (error) => faults.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error") faults.push(message.text());
    });
    await page.goto(url);
    return page;
  };
  const press = (page: Page, name: string) => page.getByRole("button", { name, exact: true }).click();
  const shows = (page: Page, text: string | RegExp) => page.getByText(text).first().waitFor({ timeout: 10_000 });
  const dial = async (page: Page, who: string) => {
    await page.getByLabel("Whom to call").fill(who);
    await page.keyboard.press("Enter");
  };
  const register = async (page: Page, user: string, password: string) => {
    await page.locator("summary", { hasText: "Account" }).click();
    await page.getByLabel("User").fill(user);
    await page.getByLabel("Password").fill(password);
    await page.keyboard.press("Enter");
  };

  test("says its title as text, and where it is", async () => {
    const page = await open();
    expect(await page.title()).toBe("A <phone>");
    await shows(page, "Connected, without an account");
    expect(server.program.lines.join("\n")).toContain(`http://localhost:${server.ports.ws}/ on this machine`);
  });

  test.each(["ws", "wss"] as const)("calls the echo test over %s: both sides are heard, and how well", async (way) => {
    const scheme = way === "ws" ? "http" : "https";
    const page = await open(`${scheme}://localhost:${server.ports[way]}/`);
    await press(page, "echo");
    await shows(page, "Connected.");
    for (const who of ["Your voice", "Their voice"]) {
      const level = () => page.getByLabel(who).evaluate((meter) => Number(Reflect.get(meter, "value")));
      for (let looks = 0; (await level()) < 0.2; looks++) expect(looks).toBeLessThan(300);
    }
    await shows(page, /Sound: good · opus/);
    await press(page, "Hang up");
    await shows(page, "The call has ended.");
  });

  test("keys of the dial pad and of the keyboard reach the script", async () => {
    const page = await open();
    await press(page, "keys");
    await shows(page, "Connected.");
    await press(page, "4");
    await press(page, "hash");
    await page.locator("h1").click();
    await page.keyboard.press("7");
    await page.keyboard.press("*");
    await server.program.line(/keys 4#7\*/);
    await shows(page, "The call has ended.");
  });

  test("mutes, holds and goes on; texts go both ways within the call", async () => {
    const page = await open();
    await dial(page, "texts");
    await shows(page, "Connected.");
    await press(page, "Mute");
    await shows(page, "Muted.");
    await press(page, "Mute");
    await press(page, "Hold");
    await server.program.line(/the page: hold/);
    await shows(page, "On hold.");
    await press(page, "Hold");
    await server.program.line(/the page: resume/);
    await page.getByLabel("Message", { exact: true }).fill("<b>hällo</b>");
    await page.keyboard.press("Enter");
    await shows(page, "you said <b>hällo</b>");
    await press(page, "Hang up");
  });

  test("registers, and says when the password is wrong; another page calls it; a call is called off", async () => {
    const [alice, bob] = [await open(), await open()];
    await register(alice, "alice", "wrong");
    await shows(alice, /Not registered as alice@example.com: the password was not accepted/);
    await alice.getByLabel("Password").fill("wonderland");
    await alice.keyboard.press("Enter");
    await shows(alice, "Registered as alice@example.com");
    await register(bob, "bob", "builder");
    await shows(bob, "Registered as bob@example.com");
    await dial(bob, "alice");
    await shows(alice, "Calls you.");
    await press(alice, "Answer");
    await Promise.all([shows(alice, "Connected."), shows(bob, "Connected.")]);
    await press(alice, "Hang up");
    await shows(bob, "The call has ended.");
    await dial(bob, "alice");
    await shows(alice, "Calls you.");
    await press(bob, "Cancel");
    await shows(alice, /You missed this call/);
    expect(await alice.evaluate("JSON.stringify(localStorage)")).not.toContain("wonderland");
  });

  test("says when a transfer is refused, and goes on", async () => {
    const bob = await open();
    await dial(bob, "texts");
    await shows(bob, "Connected.");
    await press(bob, "Transfer");
    await bob.getByLabel("Transfer to").fill("alice");
    await bob.keyboard.press("Enter");
    // What the script does not take (no allow.dial names alice), the page says; the call goes on.
    await shows(bob, "The transfer was refused.");
    await press(bob, "Hang up");
    await shows(bob, "The call has ended.");
  });

  test("who is in a call is busy to others", async () => {
    const [alice, bob] = [await open(), await open()];
    await register(alice, "alice", "wonderland");
    await shows(alice, "Registered as alice@example.com");
    await dial(alice, "echo");
    await shows(alice, "Connected.");
    await register(bob, "bob", "builder");
    await shows(bob, "Registered as bob@example.com");
    await dial(bob, "alice");
    await shows(bob, "The call ended: busy (486).");
    await shows(alice, "Connected.");
    await press(alice, "Hang up");
  });

  test("says why a call fails", async () => {
    const page = await open();
    await dial(page, "busy");
    await shows(page, "The call ended: busy (486).");
    await dial(page, "not an address");
    await shows(page, /This is no address/);
  });

  test("a page that comes by http from elsewhere says why there is no microphone, and calls without one", async () => {
    const rules = ["--host-resolver-rules=MAP phone.example.com 127.0.0.1", "--no-sandbox", "--disable-dev-shm-usage"];
    const other = await chromium.launch({ executablePath: Bun.which("chromium") ?? "chromium", args: rules });
    try {
      const page = await other.newPage();
      await page.goto(`http://phone.example.com:${server.ports.ws}/`);
      await press(page, "keys");
      await shows(page, /no microphone to this page, because it came over plain http/);
      await shows(page, `https://phone.example.com:${server.ports.wss}/`);
      await press(page, "Go on without a microphone");
      await shows(page, "Connected.");
      for (const key of ["1", "2", "3", "4"]) await press(page, key);
      await server.program.line(/keys 1234/);
    } finally {
      await other.close();
    }
  });

  test("<siproc-call> calls from a page of another site", async () => {
    const site = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: () =>
        new Response(
          `<!doctype html><link rel="icon" href="data:,"><siproc-call to="sip:keys@example.com" label="Talk to us"></siproc-call>
          <script src="http://localhost:${server.ports.ws}/siproc.js"></script>`,
          { headers: { "content-type": "text/html" } },
        ),
    });
    try {
      const page = await open(`http://localhost:${site.port}/`);
      await press(page, "Talk to us");
      await shows(page, "Connected.");
      for (const key of ["9", "8", "7", "6"]) await press(page, key);
      await server.program.line(/keys 9876/);
      await page.getByRole("button", { name: "Talk to us" }).waitFor();
    } finally {
      await site.stop(true);
    }
  });

  test("fits 360 pixels in light and dark, and every control has a name", async () => {
    for (const colorScheme of ["light", "dark"] as const) {
      const page = await open(undefined, { viewport: { width: 360, height: 740 }, colorScheme });
      await shows(page, "Connected, without an account");
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(360);
      const names = await page.locator("main").ariaSnapshot();
      expect(names).not.toMatch(/- (button|textbox|combobox|meter)(:|$)/m);
    }
  });

  test("a page that is left ends its call at once", async () => {
    const page = await open();
    await press(page, "echo");
    await shows(page, "Connected.");
    expect(server.calls()).not.toBeEmpty();
    await page.goto("about:blank");
    await until("end of the call", () => server.calls().length === 0, 5000);
  });
});
