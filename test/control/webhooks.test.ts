/** Webhooks: signed, in order, again until taken, and nobody's trouble but their receiver's. */
import { afterEach, describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { Feed } from "../../src/control/feed.ts";
import type { WebhookSettings } from "../../src/control/settings.ts";
import { signatureOf, Webhooks } from "../../src/control/webhooks.ts";
import { createLog } from "../../src/log.ts";

interface Posted {
  readonly url: string;
  readonly body: string;
  readonly headers: Headers;
  readonly events: readonly { readonly type: string; readonly data: Readonly<Record<string, unknown>> }[];
}

const running: Webhooks[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((webhooks) => webhooks.close(0)));
});

/** A receiver that answers as `answers` say, the last of them from then on. */
function receiver(
  answers: (Response | Error | (() => Promise<Response>))[],
  settings: Partial<WebhookSettings> = {},
  entries?: number,
) {
  const feed = new Feed(entries === undefined ? {} : { entries });
  feed.active = true;
  const posted: Posted[] = [];
  const lines: string[] = [];
  const log = createLog({ level: "debug", format: "pretty", write: (line) => lines.push(line) });
  const send = async (url: string, { body, headers }: RequestInit): Promise<Response> => {
    const text = String(body);
    posted.push({ url, body: text, headers: new Headers(headers), events: JSON.parse(text) });
    const answer = answers[Math.min(posted.length, answers.length) - 1] ?? new Response();
    if (answer instanceof Error) throw answer;
    return typeof answer === "function" ? await answer() : new Response(null, answer);
  };
  const webhooks = new Webhooks({
    feed,
    log,
    send,
    now: () => 1_700_000_000_000,
    pauses: { first: 2, longest: 8, attempt: 5000 },
  });
  webhooks.use([{ url: "https://hooks.example/in?token=secret", secret: "s3cret", events: ["*"], ...settings }]);
  running.push(webhooks);
  const tell = (calls: number) => feed.publish("server.draining", { calls });
  const told = () =>
    posted.flatMap(({ events }) => events.map(({ type, data }) => (type === "feed.gap" ? "gap" : data.calls)));
  return { feed, webhooks, posted, lines, tell, told };
}

/** Resolves when `so` holds. */
async function until(so: () => boolean): Promise<void> {
  for (let i = 0; i < 2000 && !so(); i++) await new Promise((resolve) => setTimeout(resolve, 1));
  expect(so()).toBe(true);
}

describe("a webhook", () => {
  test("gets events with a signature of the time and the body", async () => {
    const { tell, posted, webhooks } = receiver([new Response()]);
    tell(7);
    await webhooks.close(1000);
    const [{ body, headers, events } = { body: "", headers: new Headers(), events: [] }] = posted;
    expect(events).toMatchObject([{ type: "server.draining", data: { calls: 7 } }]);
    const hex = createHmac("sha256", "s3cret").update(`1700000000.${body}`).digest("hex");
    expect(headers.get("siproc-signature")).toBe(`t=1700000000,v1=${hex}`);
    expect(signatureOf("s3cret", 1_700_000_000, body)).toBe(`t=1700000000,v1=${hex}`);
    expect(headers.get("content-type")).toBe("application/json");
  });

  test("gets only the events that it asks for", async () => {
    const { feed, tell, posted, webhooks } = receiver([new Response()], { events: ["ban.*", "call.ended"] });
    tell(1);
    feed.publish("ban.lifted", { source: "192.0.2.1" });
    feed.publish("call.answered", {});
    feed.publish("call.ended", { by: "local", cause: "hangup", seconds: 1 });
    await webhooks.close(1000);
    expect(posted.flatMap(({ events }) => events.map(({ type }) => type))).toEqual(["ban.lifted", "call.ended"]);
  });

  test("gets what happens meanwhile together, in order", async () => {
    const first = Promise.withResolvers<Response>();
    const { tell, told, posted, webhooks } = receiver([() => first.promise, new Response()]);
    tell(0);
    await until(() => posted.length === 1);
    for (let n = 1; n < 250; n++) tell(n);
    first.resolve(new Response());
    await webhooks.close(1000);
    expect(told()).toEqual([...Array(250).keys()]);
    expect(posted.map(({ events }) => events.length)).toEqual([1, 100, 100, 49]);
  });

  test.each([
    ["an error of its server", new Response(null, { status: 500 })],
    ["too many requests", new Response(null, { status: 429, headers: { "Retry-After": "0" } })],
    ["no connection", new TypeError("nobody listens")],
  ])("is asked again after %s", async (_, failure) => {
    const { tell, posted, lines, told } = receiver([failure, failure, failure, new Response()]);
    tell(1);
    await until(() => posted.length === 4 && lines.some((line) => line.includes("takes events again")));
    expect(told()).toEqual([1, 1, 1, 1]);
    expect(posted.map(({ headers }) => headers.get("siproc-attempt"))).toEqual(["1", "2", "3", "4"]);
    expect(lines.filter((line) => line.includes("cannot be reached"))).toHaveLength(1);
  });

  test.each([400, 401, 404, 410, 302])("that answers %d is not asked again, nor elsewhere", async (status) => {
    const headers = { Location: "http://169.254.169.254/" };
    const { tell, posted, lines, webhooks } = receiver([new Response(null, { status, headers }), new Response()]);
    tell(1);
    await until(() => lines.some((line) => line.includes(`it answered ${status}`)));
    tell(2);
    await webhooks.close(1000);
    expect(posted.map(({ url, events }) => [url, events.length])).toEqual([
      ["https://hooks.example/in?token=secret", 1],
      ["https://hooks.example/in?token=secret", 1],
    ]);
  });

  test("that hangs delays nobody, and is told of the gap", async () => {
    const hanging = Promise.withResolvers<Response>();
    const { tell, told, posted, webhooks } = receiver([() => hanging.promise, new Response()], {}, 10);
    tell(0);
    await until(() => posted.length === 1);
    const before = performance.now();
    for (let n = 1; n < 5000; n++) tell(n);
    expect(performance.now() - before).toBeLessThan(2000);
    hanging.resolve(new Response());
    await webhooks.close(1000);
    expect(told().slice(0, 2)).toEqual([0, "gap"]);
    expect(told().at(-1)).toBe(4999);
  });

  test("is named in the log without what its query says", async () => {
    const { tell, lines } = receiver([new Response(null, { status: 403 })]);
    tell(1);
    await until(() => lines.length > 0);
    expect(lines.join("\n")).toContain("https://hooks.example/in");
    expect(lines.join("\n")).not.toMatch(/token|s3cret/);
  });

  test("goes on where it is when the configuration is read again, or ends", async () => {
    const { tell, posted, webhooks } = receiver([new Response()]);
    webhooks.use([{ url: "https://hooks.example/in?token=secret", secret: "s3cret", events: ["*"] }]);
    tell(1);
    await until(() => posted.length === 1);
    webhooks.use([]);
    tell(2);
    await webhooks.close(100);
    expect(posted).toHaveLength(1);
  });
});
