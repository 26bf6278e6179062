/** The page hands calls over, as its user does it: an echo to a desk phone, a desk phone to a script. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { type Browser, chromium, type Page } from "playwright-core";
import { has } from "../support/peers/available.ts";
import { Baresip, phoneHost } from "../support/peers/baresip.ts";
import { type Server, siproc } from "../support/peers/siproc.ts";

const domain = "example.com";
const config = `
domains: [${domain}]
store: "memory:"
accounts:
  - { user: desk, password: oakwood }
  - { user: alice, password: wonderland }
page: { to: [echo, keys] }
routes:
  - { to: "echo@*", script: scripts/echo.ts }
  - { to: "reception@*", script: reception.ts }
  - { to: "keys@*", script: keys.ts }
  - { to: "*@${domain}", location: true, auth: true }
scripts: { allow: { read: [scripts], dial: ["*@${domain}"] } }
`;
const files = {
  // A switchboard of one line, whose caller may hand the call over.
  "reception.ts": `export default async function (call: Call) {
  void call.dial("sip:desk@${domain}");
  for await (const event of call) if (event.type === "referred") await call.follow().catch(() => {});
}`,
  "keys.ts": `export default async function (call: Call) {
  await call.answer();
  const { digits } = await call.gather({ max: 3, terminator: "none" });
  console.log("keys " + digits + " for " + call.headers.get("Referred-By"));
}`,
};

describe.skipIf(!has("chromium", "baresip"))("transfer from the page", () => {
  let server: Server;
  let browser: Browser;
  let desk: Baresip;
  let page: Page;
  beforeAll(async () => {
    server = await siproc({ config, files, scripts: true, host: phoneHost, listen: ["ws"], codecs: ["opus", "PCMU"] });
    desk = await Baresip.start({
      user: "desk",
      autoAnswer: true,
      codecs: ["PCMU"],
      registers: { server: server.address, domain, password: "oakwood" },
    });
    browser = await chromium.launch({
      executablePath: Bun.which("chromium") ?? "chromium",
      args: [
        ...["--no-sandbox", "--disable-dev-shm-usage", "--autoplay-policy=no-user-gesture-required"],
        ...["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"],
        // The microphone is for secure pages; this one comes from the address that baresip has.
        `--unsafely-treat-insecure-origin-as-secure=http://${server.host}:${server.ports.ws}`,
      ],
    });
    page = await browser.newPage();
    page.setDefaultTimeout(10_000);
    await page.goto(`http://${server.host}:${server.ports.ws}/`);
  });
  afterEach(async () => {
    desk.events.length = 0;
  });
  afterAll(async () => {
    await browser?.close();
    await desk?.stop();
    await server?.stop();
  });

  const shows = (text: string | RegExp) => page.getByText(text).first().waitFor({ timeout: 10_000 });
  const dial = async (who: string) => {
    await page.getByLabel("Whom to call").fill(who);
    await page.keyboard.press("Enter");
    await shows("Connected.");
  };
  const transfer = async (to: string) => {
    await page.getByRole("button", { name: "Transfer", exact: true }).click();
    await page.getByLabel("Transfer to").fill(to);
    await page.keyboard.press("Enter");
  };

  test("the echo goes to a desk phone, and the page is out of it", async () => {
    await dial("echo");
    await transfer("desk");
    await desk.event("CALL_ESTABLISHED");
    await shows("Transferred.");
    await page.getByRole("button", { name: "echo", exact: true }).waitFor();
    expect(desk.events.map(({ type }) => type)).not.toContain("CALL_CLOSED");
    await desk.hangup();
    await server.program.line(/the call has ended/);
  });

  test("a desk phone goes to a script of ours, whose keys it then presses", async () => {
    await dial("reception");
    await desk.event("CALL_ESTABLISHED");
    await transfer("keys");
    await shows("Transferred.");
    await desk.press("739");
    await server.program.line(/keys 739 for <sip:anonymous@/);
    await desk.event("CALL_CLOSED");
  });

  test("who is not there does not get the call; it goes on", async () => {
    await dial("reception");
    await desk.event("CALL_ESTABLISHED");
    await transfer("nobody");
    await shows("The transfer failed; this call goes on.");
    expect(desk.events.map(({ type }) => type)).not.toContain("CALL_CLOSED");
    await page.getByRole("button", { name: "Hang up", exact: true }).click();
    await desk.event("CALL_CLOSED");
  });

  test("a desk phone that the proxy has joined with the page is asked itself, and goes to a script of ours", async () => {
    await page.locator("summary", { hasText: "Account" }).click();
    await page.getByLabel("User").fill("alice");
    await page.getByLabel("Password").fill("wonderland");
    await page.getByLabel("Domain").fill(domain);
    await page.keyboard.press("Enter");
    await shows(`Registered as alice@${domain}`);
    await dial("desk");
    await desk.event("CALL_ESTABLISHED");
    await page.getByText(/Sound: \w+ · PCMU/).waitFor();
    await transfer("keys");
    await shows("Transferred.");
    await desk.press("482");
    await server.program.line(/keys 482 for/);
  });
});
