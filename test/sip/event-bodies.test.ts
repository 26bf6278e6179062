/** Bodies of NOTIFY: RFC 3842 §5.2 (message-summary) and RFC 4235 §4 (dialog), with the examples of the RFCs. */
import { describe, expect, test } from "bun:test";
import { parseDialogInfo } from "../../src/sip/dialog-info.ts";
import { parseMessageSummary } from "../../src/sip/message-summary.ts";
import { below, seeded } from "../support/random.ts";

const octets = (text: string) => new TextEncoder().encode(text);
const summary = (text: string) => {
  const read = parseMessageSummary(octets(text));
  return read && { ...read, counts: Object.fromEntries(read.counts) };
};

describe("a mailbox's summary", () => {
  test("of RFC 3842 §5.2 with counts, urgent ones, and fields of single messages behind them", () => {
    const text =
      "Messages-Waiting: yes\r\nMessage-Account: sip:alice@vmail.example.com\r\nVoice-Message: 4/8 (1/2)\r\nFax-Message: 2/0\r\n\r\nTo: <alice@atlanta.example.com>\r\nVoice-Message: 9/9\r\n";
    expect(summary(text)).toEqual({
      waiting: true,
      account: "sip:alice@vmail.example.com",
      counts: {
        "voice-message": { new: 4, old: 8, urgentNew: 1, urgentOld: 2 },
        "fax-message": { new: 2, old: 0, urgentNew: 0, urgentOld: 0 },
      },
    });
  });

  test.each([
    ["Messages-Waiting: no\r\n", false],
    ["messages-waiting : YES\n", true],
    ["Messages-Waiting: yes\r\nVoice-Message: many\r\n", true],
    ["Voice-Message: 1/1\r\n", undefined],
    ["", undefined],
  ])("%j waits: %p", (text, waiting) => expect(summary(text)?.waiting).toBe(waiting as boolean));
});

const document = `<?xml version="1.0"?>
<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="2" state="partial" entity="sip:alice@example.com">
 <!-- <dialog id="no"> -->
 <dialog id="as7d900as8" call-id="a84b4c76e66710" local-tag="1928301774" remote-tag="456887766" direction="initiator">
  <state event="local-bye" code="200">confirmed</state>
  <duration>274</duration>
  <local><identity display="Alice">sip:alice@example.com</identity><target uri="sips:alice@pc33.example.com"><param pname="+sip.rendering" pval="no"/></target></local>
  <remote><target uri="sip:bob@example.org?a=1&amp;b=2"/></remote>
 </dialog>
 <d:dialog id='x>y'><d:state>Terminated</d:state></d:dialog>
</dialog-info>`;

describe("somebody's dialogs", () => {
  test("as RFC 4235 writes them", () => {
    expect(parseDialogInfo(octets(document))).toEqual({
      entity: "sip:alice@example.com",
      version: 2,
      state: "partial",
      dialogs: [
        {
          id: "as7d900as8",
          state: "confirmed",
          direction: "initiator",
          callId: "a84b4c76e66710",
          localTag: "1928301774",
          remoteTag: "456887766",
          local: "sip:alice@example.com",
          remote: "sip:bob@example.org?a=1&b=2",
        },
        { ...nobody, id: "x>y", state: "terminated" },
      ],
    });
  });

  test.each([
    "",
    "<presence/>",
    '<dialog-info version="-1"/>',
    "<dialog-info",
    "plain text",
    '<!DOCTYPE x><html version="0">',
  ])("%j are none", (text) => expect(parseDialogInfo(octets(text))).toBeUndefined());

  test("none at all", () => {
    const text = '<dialog-info version="0" state="full" entity="sip:a@b"/>';
    expect(parseDialogInfo(octets(text))).toEqual({ entity: "sip:a@b", version: 0, state: "full", dialogs: [] });
  });
});

const nobody = {
  direction: undefined,
  callId: undefined,
  localTag: undefined,
  remoteTag: undefined,
  local: undefined,
  remote: undefined,
};

test("whatever comes is read without an error, and soon", () => {
  const random = seeded(4235);
  const started = performance.now();
  const parts = [
    "<",
    ">",
    '"',
    "'",
    "=",
    "&amp;",
    "&#x41;",
    "dialog",
    "dialog-info",
    " version=",
    "/",
    "<!--",
    "a".repeat(50),
    ":",
  ];
  for (let round = 0; round < 3000; round++) {
    const text = Array.from({ length: below(random, 60) }, () => parts[below(random, parts.length)]).join("");
    for (const body of [text, `<dialog-info version="1">${text}`, `Messages-Waiting: yes\r\n${text}`]) {
      parseDialogInfo(octets(body));
      parseMessageSummary(octets(body));
    }
  }
  parseDialogInfo(octets(`<dialog-info version="1">${"<a b=".repeat(50_000)}`));
  parseDialogInfo(octets(`<dialog-info version="1" ${"a ".repeat(100_000)}>`));
  parseMessageSummary(octets(`Messages-Waiting: yes\r\nVoice-Message: ${" ".repeat(60_000)}`));
  expect(performance.now() - started).toBeLessThan(2000);
});
