/** Pages whose networks let no UDP out: through coturn, with the credentials that siproc makes, or by TCP (RFC 6544). */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { type Browser, chromium, type Page } from "playwright-core";
import { has } from "../support/peers/available.ts";
import { phoneHost } from "../support/peers/baresip.ts";
import { type Coturn, startCoturn } from "../support/peers/coturn.ts";
import { type Server, siproc } from "../support/peers/siproc.ts";

const secret = "a secret of two servers";

describe.skipIf(!has("chromium", "turnserver"))("coturn", () => {
  let coturn: Coturn;
  let browser: Browser;
  const servers: Server[] = [];
  const pages: Page[] = [];
  beforeAll(async () => {
    coturn = await startCoturn(phoneHost, secret);
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
    for (const server of servers.splice(0)) await server.stop();
  });
  afterAll(async () => {
    await browser?.close();
    await coturn?.stop();
  });

  /** The server, and its page in a browser that takes no way but one. */
  async function relayed(anonymous: boolean) {
    const turn = `turn: { urls: ["turn:${coturn.host}:${coturn.port}?transport=udp"], secret: "${secret}", anonymous: ${anonymous} }`;
    return await opened("relay", { turn });
  }

  async function opened(way: "relay" | "tcp", { turn = "", media = "" }) {
    const server = await siproc({
      config: `
# The page comes by the loopback, where it is secure; the relay sends nothing there.
advertise: ${phoneHost}
domains: [example.com]
store: "memory:"
accounts: [{ user: alice, password: wonderland }]
page: { ${turn} }
routes: [{ to: "keys@*", script: keys.ts }]
log: { level: debug }`,
      files: {
        "keys.ts": `export default async function (call: Call) {
  await call.answer();
  for (;;) console.log("key " + (await call.gather({ max: 1, timeout: 20_000 })).digits);
}`,
      },
      media,
      listen: ["ws"],
      codecs: ["opus", "PCMU"],
    });
    servers.push(server);
    const page = await (await browser.newContext()).newPage();
    pages.push(page);
    page.setDefaultTimeout(10_000);
    // As if nothing else got through: relays alone, or no address of UDP's in what either side hears of the other.
    await page.addInitScript(`{
      const Plain = RTCPeerConnection;
      const less = (description) =>
        description && { type: description.type, sdp: description.sdp.replace(/a=candidate:\\S+ \\d udp .*\\r\\n/gi, "") };
      window.RTCPeerConnection = class extends Plain {
        constructor(configuration) {
          super({ ...configuration, iceTransportPolicy: "${way === "relay" ? "relay" : "all"}" });
          window.connection = this;
        }
        get localDescription() {
          return "${way}" === "tcp" ? less(super.localDescription) : super.localDescription;
        }
        setRemoteDescription(description) {
          return super.setRemoteDescription("${way}" === "tcp" ? less(description) : description);
        }
      };
    }`);
    await page.goto(`http://localhost:${server.ports.ws}/`);
    return { server, page };
  }

  const shows = (page: Page, text: string) => page.getByText(text).first().waitFor();

  async function calls(page: Page, server: Server, way: "relay" | "tcp"): Promise<void> {
    await page.getByLabel("Whom to call").fill("keys");
    await page.keyboard.press("Enter");
    await shows(page, "Connected.");
    const kinds = () =>
      page.evaluate(
        `connection.getStats().then((report) => [...report.values()].filter(({ type, nominated }) => type === "candidate-pair" && nominated)
          .map(({ localCandidateId }) => report.get(localCandidateId)).map(({ candidateType, protocol }) => candidateType === "relay" ? "relay" : protocol).join())`,
      );
    for (const end = performance.now() + 10_000; (await kinds()) !== way; await Bun.sleep(50))
      expect(performance.now()).toBeLessThan(end);
    // Media came through. A busy machine loses some of it (11 % were seen), and nobody repeats it: who is not heard presses again.
    for (const key of ["1", "2", "3"]) {
      const heard = server.program.line(new RegExp(`key ${key}`));
      do await page.getByRole("button", { name: key, exact: true }).click();
      while (await Promise.race([heard.then(() => false), Bun.sleep(1000).then(() => true)]));
    }
    const all = [...server.program.lines, ...server.program.stderr].join("\n");
    expect(all).not.toContain(secret);
    expect(all).not.toMatch(/credential=|ice-pwd|inline:/);
  }

  test("a page that has registered gets credentials with the answer, and calls through the relay", async () => {
    const { server, page } = await relayed(false);
    expect((await fetch(`http://127.0.0.1:${server.ports.ws}/turn.json`)).status).toBe(404);
    await page.locator("summary", { hasText: "Account" }).click();
    await page.getByLabel("User").fill("alice");
    await page.getByLabel("Password").fill("wonderland");
    await page.keyboard.press("Enter");
    await shows(page, "Registered as alice@example.com");
    await calls(page, server, "relay");
    await coturn.program.line(/user <\d+:alice>/);
  });

  test("a page of anybody's gets them where the file says so", async () => {
    const { server, page } = await relayed(true);
    await calls(page, server, "relay");
    await coturn.program.line(/user <\d+:anonymous>/);
  });

  test("a page whose network lets no UDP out connects to siproc itself by TCP, where media.ice_tcp lets it", async () => {
    const { server, page } = await opened("tcp", { media: "ice_tcp: true" });
    await calls(page, server, "tcp");
  });
});
