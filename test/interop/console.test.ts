/** The console in Chromium while real calls run: what it shows of them, and what can be done from it, by mouse and by keyboard. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { has } from "../support/peers/available.ts";
import { Baresip, phoneHost } from "../support/peers/baresip.ts";
import { ConsoleBrowser, views, violations } from "../support/peers/console.ts";
import { freePort } from "../support/peers/ports.ts";
import { startSipp } from "../support/peers/sipp.ts";
import { type Server, siproc } from "../support/peers/siproc.ts";

const key = "the-key-of-this-test";
const looker = "a-key-to-look-with";
const configOf = (port: number) => `
domains: [example.com]
store: "memory:"
accounts:
  - { user: alice, password: wonderland, name: Alice }
trunks:
  - { name: provider, registrar: "sip:127.0.0.1:9", id: "<sip:acct@127.0.0.1:9>", username: acct, password: x }
routes:
  - { to: "echo@*", script: scripts/echo.ts }
  - { to: "taken-down@*", script: taken-down.ts }
  - { to: "fails@*", script: fails.ts }
  - { to: "joins@*", script: joins.ts }
  - { to: "busy@*", reply: 486 }
  - { to: "*@example.com", location: true, auth: true }
scripts: { allow: { read: [scripts], write: [recordings], dial: ["echo@*"] } }
control: { listen: 127.0.0.1:${port}, keys: ["${key}", { name: looker, key: ${looker}, scopes: [read] }] }
`;
const files = {
  "taken-down.ts": `export default async function (call: Call) {
  await call.answer();
  console.log("what is said is taken down");
  await call.record("recordings/" + call.id + ".wav");
  for await (const event of call) if (event.type === "hold") console.log("held");
}`,
  "joins.ts": `export default async function (call: Call) {
  await call.answer();
  await call.dial("sip:echo@example.com");
}`,
  "fails.ts": `export default async function (call: Call) {
  await call.answer();
  throw new TypeError("a fault that somebody should see");
}`,
  "recordings/.keep": "",
};

describe.skipIf(!has("chromium", "baresip", "sipp"))("the console", () => {
  let server: Server;
  let browser: ConsoleBrowser;
  let alice: Baresip;
  let url = "";
  const sip = () => `${phoneHost}:${server.port}`;

  beforeAll(async () => {
    const port = await freePort();
    url = `http://127.0.0.1:${port}/`;
    server = await siproc({ config: configOf(port), files, scripts: true, host: phoneHost, hosts: ["127.0.0.1"] });
    browser = await ConsoleBrowser.start();
    alice = await Baresip.start({
      user: "alice",
      registers: { server: sip(), domain: "example.com", password: "wonderland" },
    });
    // Its sound is counted each few seconds: it goes on while other things are tried.
    await alice.dial(`sip:taken-down@${sip()}`);
    await alice.event("CALL_ESTABLISHED");
  });
  afterEach(async () => {
    await browser.close();
    expect(browser.faults.splice(0)).toEqual([]);
  });
  afterAll(async () => {
    await alice?.stop();
    await browser?.stop();
    await server?.stop();
  });

  const open = (view: string, width = 1280) =>
    browser.open(`${url}#/${view}`, { key, viewport: { width, height: 900 }, acceptDownloads: true });
  const press = (page: Page, name: string | RegExp) => page.getByRole("button", { name, exact: true }).click();
  const shows = (page: Page, text: string | RegExp) => page.getByText(text).first().waitFor();
  /** The list has so many rows, drawn or not; its first one are the titles. */
  const counts = (page: Page, n: number) => page.locator(`[role=grid][aria-rowcount="${n + 1}"]`).waitFor();
  const isLive = (page: Page) => page.locator(".link:visible", { hasText: "Live" }).waitFor();
  const rows = (page: Page) => page.locator(".grid .rows [role=row][aria-rowindex]");

  test("asks for a key, says when it is wrong, and keeps it for the tab alone", async () => {
    const page = await browser.open(url);
    await shows(page, "This server asks for a key");
    await page.getByLabel("Key").fill("another");
    await page.keyboard.press("Enter");
    await shows(page, "The server does not know this key.");
    expect(await violations(page)).toEqual([]);
    await page.getByLabel("Key").fill(key);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    await isLive(page);
    await page.reload();
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    expect(await page.evaluate("JSON.stringify(localStorage) + location.href + document.cookie")).not.toContain(key);
    await press(page, "Forget the key");
    await shows(page, "This server asks for a key");
  });

  test("calls come and go in the list by themselves, and what failed is counted by its code", async () => {
    const page = await open("calls");
    await counts(page, 1);
    const calls = await startSipp({
      ...{ scenario: "uac-call", service: "echo", remote: sip(), host: phoneHost, calls: 12, rate: 50 },
      values: { pause: "3000" },
    });
    await startSipp({
      scenario: "uac-rejected",
      values: { status: "486" },
      service: "busy",
      remote: sip(),
      host: phoneHost,
    });
    await counts(page, 13);
    await page.getByLabel("Find calls").fill("nobody");
    await shows(page, "None of 13 calls matches.");
    await page.getByLabel("Find calls").fill("echo scripts/echo.ts");
    await counts(page, 12);
    await page.getByLabel("Find calls").fill("");
    expect((await calls.result).successful).toBe(12);
    await counts(page, 1);
    await page.getByRole("link", { name: "Past", exact: true }).click();
    await page.getByRole("grid", { name: "Past calls, 12" }).waitFor();
    await page.getByRole("link", { name: "Overview" }).click();
    await shows(page, "Busy Here");
    expect(await page.locator(".figure canvas").count()).toBe(6);
  });

  test("one call, by keyboard alone: its ladder is read, its sound drawn; it is held, ended, and its recording heard", async () => {
    const page = await open("calls");
    await rows(page).first().waitFor();
    await page.getByRole("grid").focus();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: /alice.* → taken-down/ }).waitFor();
    expect(await page.evaluate("document.activeElement.tagName")).toBe("H1");
    const ladder = page.getByRole("listbox", { name: /messages/ });
    await ladder.getByRole("option", { name: /200 OK SDP .*from siproc/ }).waitFor();
    const reader = page.getByRole("region", { name: "Message" });
    await reader.getByText("m=audio").waitFor();
    await ladder.focus();
    await page.keyboard.press("ArrowDown");
    await ladder.getByRole("option", { selected: true, name: /from siproc to/ }).waitFor();
    await reader.getByText("SIP/2.0").first().waitFor();
    await page.keyboard.press("Home");
    await reader.getByText("INVITE sip:taken-down").waitFor();
    await page.getByRole("row", { name: /Received [1-9]/ }).waitFor();
    await page.getByRole("img", { name: /^Jitter: received now/ }).waitFor();
    await shows(page, "what is said is taken down");
    expect(await violations(page)).toEqual([]);

    const [download] = await Promise.all([page.waitForEvent("download"), press(page, "Download as pcap")]);
    const pcap = await Bun.file(await download.path()).bytes();
    expect(new DataView(pcap.buffer).getUint32(0, true)).toBe(0xa1b23c4d);

    await press(page, "Command…");
    await page.getByRole("dialog").getByRole("combobox", { name: "Command" }).selectOption("DTMF");
    await page.getByRole("dialog").getByRole("textbox", { name: "digits" }).fill("12");
    await page.keyboard.press("Enter");
    await shows(page, /^DTMF (is done|goes on)$/);
    await press(page, "Hang up");
    await alice.event("CALL_CLOSED");
    await shows(page, "Ended by");
    await press(page, "Listen");
    await page.locator("audio").waitFor();
    const seconds = `new Promise((resolve) => {
      const audio = document.querySelector("audio");
      if (audio.readyState > 0) resolve(audio.duration);
      else audio.onloadedmetadata = () => resolve(audio.duration);
    })`;
    expect(Number(await page.evaluate(seconds))).toBeGreaterThan(1);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(1280);
  });

  test("a call that places another shows the messages of both, and of a thousand calls only those in sight are drawn", async () => {
    const joined = await startSipp({
      ...{ scenario: "uac-call", service: "joins", remote: sip(), host: phoneHost },
      values: { pause: "15000" },
    });
    const page = await open("calls");
    await rows(page).filter({ hasText: "joins.ts" }).click();
    const ladder = page.getByRole("listbox", { name: /messages/ });
    await ladder.getByRole("option", { name: /INVITE SDP .*from siproc to/ }).waitFor();
    await ladder
      .getByRole("option", { name: new RegExp(`INVITE SDP .*from ${phoneHost}:${joined.port} to siproc`) })
      .waitFor();

    // As the API would list them; what is drawn does not depend on who made the list.
    const headers = { authorization: `Bearer ${key}` };
    const up: unknown = await (await fetch(`${url}v1/calls`, { headers })).json();
    const [call] = Array.isArray(up) ? up : [];
    const many = Array.from({ length: 1000 }, (_, n) => ({
      ...call,
      id: `n${n}`,
      from: `sip:caller-${n}@example.com`,
    }));
    await page.route("**/v1/calls", (route) => route.fulfill({ json: many }));
    await page.getByRole("link", { name: /^Calls/ }).click();
    await counts(page, 1000);
    expect(await rows(page).count()).toBeLessThan(60);
    await page.getByRole("grid").focus();
    await page.keyboard.press("End");
    await shows(page, "caller-999");
    expect(await rows(page).count()).toBeLessThan(60);
    expect(await violations(page)).toEqual([]);
    await page.unrouteAll({ behavior: "ignoreErrors" });
    for (const { id } of Array.isArray(up) ? up : [])
      await fetch(`${url}v1/calls/${id}`, { method: "DELETE", headers });
    await joined.stop();
  });

  test("accounts are added, found wrong, changed and removed", async () => {
    const page = await open("accounts");
    await press(page, "Add an account");
    await page.getByLabel("User", { exact: true }).fill("not a user");
    await page.getByLabel("Password").fill("builder");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").waitFor();
    expect(await violations(page)).toEqual([]);
    await page.getByLabel("User", { exact: true }).fill("bob");
    await page.keyboard.press("Enter");
    await shows(page, "bob is added");
    await press(page, "Edit bob");
    await page.getByLabel("Name that people see (optional)").fill("Bob <b>Builder</b>");
    // What is typed stays when the list behind it changes.
    const carol = { user: "carol", password: "builder" };
    const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
    const added = await fetch(`${url}v1/accounts`, { method: "POST", headers, body: JSON.stringify(carol) });
    expect(added.status).toBe(201);
    await counts(page, 3);
    await page.getByLabel("Disabled: nobody gets in with it").check();
    await press(page, "Save");
    await shows(page, "Bob <b>Builder</b>");
    await shows(page, "disabled");
    await press(page, "Remove bob");
    await press(page, "Remove");
    await shows(page, "bob is removed");
    await counts(page, 2);
    // Who may only look is told so.
    const other = await browser.open(`${url}#/accounts`, { key: looker });
    await counts(other, 2);
    await press(other, "Add an account");
    await other.getByLabel("User", { exact: true }).fill("eve");
    await other.getByLabel("Password").fill("sesame");
    await press(other, "Add");
    await shows(other, /this takes a key with the scope/);
  });

  test("registrations, trunks, routes with a dry run, scripts with their faults, bans, the log", async () => {
    const page = await open("registrations");
    await shows(page, "alice");
    await page.getByRole("link", { name: /^Trunks/ }).click();
    await page.getByRole("heading", { name: "provider" }).waitFor();
    await page.getByRole("link", { name: "Routes" }).click();
    await page.getByLabel("To", { exact: true }).fill("fails@example.com");
    await page.keyboard.press("Enter");
    await shows(page, "takes it");
    await page.locator("tr.chosen", { hasText: "fails.ts" }).waitFor();

    const failing = await startSipp({ scenario: "uac-hungup", service: "fails", remote: sip(), host: phoneHost });
    await failing.result;
    await page.getByRole("link", { name: "Scripts" }).click();
    await press(page, "fails.ts");
    await shows(page, /a fault that somebody should see/);

    await page.getByRole("link", { name: "Bans" }).click();
    await press(page, "Ban an address");
    await page.getByLabel("IP address").fill("203.0.113.9");
    await page.keyboard.press("Enter");
    await shows(page, "an operator");
    await press(page, "End the ban of 203.0.113.9");
    await shows(page, "No address is banned.");

    await page.getByRole("link", { name: "Log" }).click();
    await press(page, "Errors");
    await shows(page, /a fault that somebody should see/);
    await page.getByLabel("Find in the log").fill("no line has this");
    await shows(page, "No line matches.");
    expect(await page.content()).not.toContain("wonderland");
  });

  test("axe-core finds nothing in any view, light and wide or dark and narrow; nothing is wider than the screen", async () => {
    const page = await open("");
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    for (const [width, colorScheme] of [
      [1280, "light"],
      [360, "dark"],
    ] as const) {
      await page.setViewportSize({ width, height: 800 });
      await page.emulateMedia({ colorScheme });
      for (const view of views) {
        await page.evaluate(`location.hash = "#/${view}"`);
        await page.locator("main .grid, main .card, main .columns").first().waitFor();
        expect({ view, found: await violations(page) }).toEqual({ view, found: [] });
        expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width);
      }
    }
    await page.getByRole("button", { expanded: false }).first().click();
    await page.getByRole("link", { name: "Accounts" }).waitFor();
    expect(await violations(page)).toEqual([]);
  });

  test("says that the server is gone, and goes on by itself when it is back", async () => {
    const page = await open("");
    await isLive(page);
    await alice.stop();
    await server.stop();
    await shows(page, "The server cannot be reached.");
    expect(await violations(page)).toEqual([]);
    const port = Number(new URL(url).port);
    server = await siproc({ config: configOf(port), files, scripts: true, host: phoneHost, hosts: ["127.0.0.1"] });
    await isLive(page);
    await page.getByText("The server cannot be reached.").waitFor({ state: "detached" });
  });
});
