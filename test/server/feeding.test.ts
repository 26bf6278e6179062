/** What the feed is told of calls: no key, no word and no password of anybody. */
import { expect, test } from "bun:test";
import type { Call, CallEvent } from "../../src/call/index.ts";
import { Feed } from "../../src/control/feed.ts";
import { CallFeed } from "../../src/server/feeding.ts";

const facts = {
  ...{ id: "ab12", callId: "a@b", direction: "incoming", remoteName: "Alice" },
  ...{ remoteUri: "sip:alice:secret@example.com", localUri: "sip:echo@example.com" },
};
// The feed reads a call's facts, and nothing else of it.
const call = { facts } as unknown as Call;

function told(tell: (feed: CallFeed) => void): Record<string, unknown>[] {
  const feed = new Feed();
  feed.active = true;
  const heard: Record<string, unknown>[] = [];
  feed.subscribe({ heard: ({ json }) => heard.push(JSON.parse(json)) });
  tell(new CallFeed(feed, (path) => path.replace("/srv/", "")));
  return heard;
}

const cases = [
  [
    { name: "DTMF", digit: "7", duration: 160 },
    { digit: "*", duration: 160 },
  ],
  [
    { name: "GATHERED", reason: "count", digits: "4711" },
    { reason: "count", digits: "****" },
  ],
  [{ name: "MESSAGE", text: "my PIN is 4711" }, { text: "**************" }],
  [
    { name: "SPEECH", final: true, text: "x".repeat(500) },
    { final: true, text: "*".repeat(64) },
  ],
  [{ name: "RECORDED", file: "/srv/recordings/a.wav" }, { file: "recordings/a.wav" }],
  [{ name: "HOLD", on: true }, { on: true }],
  [
    { name: "REFERRED", uri: "sip:bob:pw@example.com", by: '"A" <sips:carol:pw@example.com>;x=y' },
    { uri: "sip:bob@example.com", by: '"A" <sips:carol@example.com>;x=y' },
  ],
] as const;

test.each(cases.map(([event, args]) => [event.name, event, args] as const))("of %s", (_, event, args) => {
  const [heard] = told((feed) => feed.happened(call, event satisfies CallEvent));
  expect(heard).toMatchObject({ type: "call.event", call: "ab12", callId: "a@b", data: { event: event.name, args } });
  expect(JSON.stringify(heard)).not.toMatch(/4711|:pw@/);
});

test("a call's beginning, answer and end are told", () => {
  const heard = told((feed) => {
    feed.ref = "mine";
    feed.began(call, { name: "scripts/echo.ts", start() {} });
    feed.happened(call, { name: "CONNECTED" });
    feed.happened(call, { name: "ENDED", by: "remote", cause: "hangup", code: 200 });
    feed.ended(call, { by: "remote", cause: "hangup", code: 200 });
  });
  expect(heard.map(({ type, data }) => [type, data])).toEqual([
    [
      "call.began",
      {
        ...{ direction: "incoming", from: "sip:alice@example.com", to: "sip:echo@example.com", name: "Alice" },
        ...{ handler: "scripts/echo.ts", ref: "mine" },
      },
    ],
    ["call.answered", {}],
    ["call.ended", { by: "remote", cause: "hangup", code: 200, seconds: expect.any(Number) }],
  ]);
});
