/** Dialogs: RFC 3261 §12, and §13.2.2.4 for the 2xx. */
import { describe, expect, test } from "bun:test";
import { Dialog, dialogKey, dialogKeyOf } from "../../src/sip/dialog.ts";
import type { Response } from "../../src/sip/message.ts";
import { formatUri } from "../../src/sip/uri.ts";
import { parsed, type RequestParts, requestFrom, responseTo } from "../support/fake-flow.ts";

const contact = "Contact: <sip:alice@192.0.2.9:5060>";
const via = "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKnew";

function uas(parts: RequestParts = {}, options: { tls?: boolean; confirmed?: boolean } = {}): Dialog {
  const dialog = Dialog.fromRequest(requestFrom(parts), { localTag: "b1", tls: false, ...options });
  if (dialog instanceof Dialog) return dialog;
  throw new TypeError(`no dialog: ${dialog.reason}`);
}

function uac(headers: string[] = ["Contact: <sip:bob@192.0.2.1>"], status = 200, toTag = "b1"): Dialog {
  const invite = requestFrom();
  const dialog = Dialog.fromResponse(invite, responseTo(invite, status, toTag, headers), { tls: false });
  if (dialog !== undefined) return dialog;
  throw new TypeError("no dialog");
}

/** Start line and header lines, Via and Content-Length aside. */
function lines(message: { head: string }): string[] {
  return message.head.split("\r\n").filter((line) => line !== "" && !/^(Via|Content-Length|Max-Forwards):/.test(line));
}

describe("a dialog made by a UAS (§12.1.1)", () => {
  test("has the request's values, seen from here", () => {
    const dialog = uas({ sequence: 17, headers: [contact, "Record-Route: <sip:p1;lr>, <sip:p2;lr;x=1>;y=2"] });
    expect({
      state: dialog.state,
      ids: [dialog.callId, dialog.localTag, dialog.remoteTag],
      localId: dialog.localId,
      remoteId: dialog.remoteId,
      sequences: [dialog.localSequence, dialog.remoteSequence],
      target: formatUri(dialog.remoteTarget),
      routes: dialog.routeSet,
      secure: dialog.secure,
    }).toEqual({
      state: "early",
      ids: ["call-1", "b1", "a1"],
      localId: "Bob <sip:bob@example.com>;tag=b1",
      remoteId: "Alice <sip:alice@example.org>;tag=a1",
      sequences: [undefined, 17],
      target: "sip:alice@192.0.2.9:5060",
      routes: ["<sip:p1;lr>", "<sip:p2;lr;x=1>;y=2"],
      secure: false,
    });
  });

  test.each<[title: string, parts: RequestParts, reason: string]>([
    ["no Contact", { headers: [] }, "Missing Contact"],
    ["a Contact of *", { headers: ["Contact: *"] }, "Missing Contact"],
    [
      "a malformed Record-Route",
      { headers: [contact, "Record-Route: <sip:p1;lr>, <nonsense>"] },
      "Malformed Record-Route",
    ],
  ])("is not made by a request with %s: 400", (_, parts, reason) => {
    expect(Dialog.fromRequest(requestFrom(parts), { localTag: "b1", tls: false })).toEqual({ status: 400, reason });
  });

  test("reaches a peer of RFC 2543, who has neither From tag nor Contact, at its From", () => {
    const dialog = uas({ from: "<sip:alice@example.org>", headers: [] });
    expect(formatUri(dialog.remoteTarget)).toBe("sip:alice@example.org");
  });

  test("takes a peer of RFC 2543, who has no From tag", () => {
    const dialog = uas({ from: "<sip:alice@example.org>" });
    expect([dialog.remoteTag, dialog.remoteId]).toEqual(["", "<sip:alice@example.org>"]);
    const bye = requestFrom({ method: "BYE", from: "<sip:alice@example.org>", to: "<sip:bob@example.com>;tag=b1" });
    expect(dialogKeyOf(bye)).toBe(dialog.key);
  });

  test.each([
    ["sips:bob@example.com", true, true],
    ["sips:bob@example.com", false, false],
    ["sip:bob@example.com", true, false],
  ])("to %s, TLS %p: secure is %p", (uri, tls, secure) => {
    expect(uas({ uri }, { tls }).secure).toBe(secure);
  });
});

describe("a dialog made by a UAC (§12.1.2)", () => {
  test("has the response's values, its Record-Route reversed", () => {
    const dialog = uac([
      "Contact: <sip:bob@192.0.2.1>",
      "Record-Route: <sip:p3;lr>",
      "Record-Route: <sip:p2;lr>, <sip:p1;lr>",
    ]);
    expect({
      state: dialog.state,
      ids: [dialog.callId, dialog.localTag, dialog.remoteTag],
      localId: dialog.localId,
      remoteId: dialog.remoteId,
      sequences: [dialog.localSequence, dialog.remoteSequence],
      target: formatUri(dialog.remoteTarget),
      routes: dialog.routeSet,
    }).toEqual({
      state: "confirmed",
      ids: ["call-1", "a1", "b1"],
      localId: "Alice <sip:alice@example.org>;tag=a1",
      remoteId: "Bob <sip:bob@example.com>;tag=b1",
      sequences: [1, undefined],
      target: "sip:bob@192.0.2.1",
      routes: ["<sip:p1;lr>", "<sip:p2;lr>", "<sip:p3;lr>"],
    });
  });

  test.each([
    [100, "b1", undefined],
    [180, "", undefined],
    [180, "b1", "early"],
    [199, "b1", "early"],
    [200, "b1", "confirmed"],
    [200, "", "confirmed"],
    [302, "b1", undefined],
    [486, "b1", undefined],
    [603, "b1", undefined],
  ] as const)("by %d with To tag %p: %p", (status, tag, state) => {
    const invite = requestFrom();
    const response = responseTo(invite, status, tag, ["Contact: <sip:bob@192.0.2.1>"]);
    expect(Dialog.fromResponse(invite, response, { tls: false })?.state).toBe(state);
  });

  test("is one for each To tag, when the request forked", () => {
    const keys = ["b1", "b2", "b3"].map((tag) => uac(undefined, 180, tag).key);
    expect(new Set(keys).size).toBe(3);
  });

  test("without a Contact in the answer reaches whom it called", () => {
    expect(formatUri(uac([]).remoteTarget)).toBe("sip:bob@example.com");
    expect(formatUri(uac(["Contact: <sip:[broken>"]).remoteTarget)).toBe("sip:bob@example.com");
  });
});

describe("finding a dialog", () => {
  test("a request from the peer has the dialog's key, tags in whatever case (§7.3.1)", () => {
    const bye = { method: "BYE", from: "<sip:alice@example.org>;tag=A1", to: "<sip:bob@example.com>;tag=B1" };
    expect(dialogKeyOf(requestFrom(bye))).toBe(uas().key);
    expect(dialogKey("call-1", "b1", "a1")).toBe(uas().key);
  });

  test.each<[title: string, parts: RequestParts]>([
    ["Call-ID, case included", { callId: "CALL-1", to: "<sip:bob@example.com>;tag=b1" }],
    ["local tag", { to: "<sip:bob@example.com>;tag=b2" }],
    ["remote tag", { from: "<sip:alice@example.org>;tag=a2", to: "<sip:bob@example.com>;tag=b1" }],
  ])("not with another %s", (_, parts) => {
    expect(dialogKeyOf(requestFrom(parts))).not.toBe(uas().key);
  });

  test("a request without a To tag is outside of any", () => {
    expect(dialogKeyOf(requestFrom())).toBeUndefined();
  });
});

describe("requests within the dialog (§12.2.1.1)", () => {
  test("without a route set go to the remote target", () => {
    const dialog = uac();
    const bye = dialog.request("BYE", { via });
    expect(lines(bye)).toEqual([
      "BYE sip:bob@192.0.2.1 SIP/2.0",
      "From: Alice <sip:alice@example.org>;tag=a1",
      "To: Bob <sip:bob@example.com>;tag=b1",
      "Call-ID: call-1",
      "CSeq: 2 BYE",
    ]);
    expect(bye.header("via")).toBe(via);
    expect(formatUri(dialog.nextHop())).toBe("sip:bob@192.0.2.1");
  });

  test("with loose routers carry them all, and go to the first", () => {
    const dialog = uas({ headers: [contact, "Record-Route: <sip:p1;lr>, <sip:p2;lr;x=1>;y=2"] });
    expect(lines(dialog.request("BYE", { via }))).toEqual([
      "BYE sip:alice@192.0.2.9:5060 SIP/2.0",
      "Route: <sip:p1;lr>",
      "Route: <sip:p2;lr;x=1>;y=2",
      "From: Bob <sip:bob@example.com>;tag=b1",
      "To: Alice <sip:alice@example.org>;tag=a1",
      "Call-ID: call-1",
      "CSeq: 1 BYE",
    ]);
    expect(formatUri(dialog.nextHop())).toBe("sip:p1;lr");
  });

  test("with a strict router first are the RFC's own example", () => {
    const dialog = uas({
      headers: ["Contact: <sip:user@remoteua>", "Record-Route: <sip:proxy1>,<sip:proxy2>,<sip:proxy3;lr>,<sip:proxy4>"],
    });
    expect(lines(dialog.request("BYE", { via })).slice(0, 5)).toEqual([
      "BYE sip:proxy1 SIP/2.0",
      "Route: <sip:proxy2>",
      "Route: <sip:proxy3;lr>",
      "Route: <sip:proxy4>",
      "Route: <sip:user@remoteua>",
    ]);
    expect(formatUri(dialog.nextHop())).toBe("sip:proxy1");
  });

  test.each([
    ["<sip:alice@h;method=BYE;x=1>", "sip:alice@h;x=1"],
    ["<sip:alice@h?Route=%3Csip:evil%3E>", "sip:alice@h"],
    ["<sip:alice@h;transport=tcp;X=y>", "sip:alice@h;transport=tcp;X=y"],
    ["<tel:+1-201-555-0123>", "tel:+1-201-555-0123"],
  ])("to Contact %s have the Request-URI %s (§19.1.1)", (value, uri) => {
    expect(uas({ headers: [`Contact: ${value}`] }).request("BYE", { via }).uri).toBe(uri);
  });

  test("count up by one; an ACK has the number of its INVITE and counts for nothing", () => {
    const dialog = uac();
    const numbers = [
      dialog.ack(1, { via }),
      dialog.request("INVITE", { via }),
      dialog.ack(2, { via }),
      dialog.request("BYE", { via }),
    ].map((request) => request.header("cseq"));
    expect(numbers).toEqual(["1 ACK", "2 INVITE", "2 ACK", "3 BYE"]);
  });

  test("carry Contact, further headers and a body when given", () => {
    const request = uac().request("INVITE", {
      via,
      contact: "<sip:alice@192.0.2.9>",
      headers: [["Content-Type", "text/plain"]],
      body: Buffer.from("hello"),
    });
    const arrived = parsed(request.bytes());
    expect([arrived.header("contact"), arrived.contentType, Buffer.from(arrived.body).toString()]).toEqual([
      "<sip:alice@192.0.2.9>",
      "text/plain",
      "hello",
    ]);
  });

  test("to a peer of RFC 2543 have no tag where it has none", () => {
    expect(uas({ from: "<sip:alice@example.org>" }).request("BYE", { via }).header("to")).toBe(
      "<sip:alice@example.org>",
    );
  });
});

describe("requests of the peer (§12.2.2)", () => {
  const outOfOrder = { status: 500, reason: "CSeq Out of Order" };
  test.each<[title: string, method: string, sequence: number, verdict: "ok" | typeof outOfOrder, then: number]>([
    ["the next number", "BYE", 11, "ok", 11],
    ["a gap, as after a challenge", "BYE", 15, "ok", 15],
    ["the same number", "OPTIONS", 10, "ok", 10],
    ["a lower number", "BYE", 9, outOfOrder, 10],
    ["an ACK with a lower number", "ACK", 9, "ok", 10],
    ["an ACK with a higher number", "ACK", 12, "ok", 10],
    ["a CANCEL with a lower number", "CANCEL", 9, "ok", 10],
    ["the highest number", "BYE", 0xffffffff, "ok", 0xffffffff],
  ])("%s: %s %d", (_, method, sequence, verdict, then) => {
    const dialog = uas({ sequence: 10 }, { confirmed: true });
    expect(dialog.receive(requestFrom({ method, sequence }))).toEqual(verdict);
    expect(dialog.remoteSequence).toBe(then);
  });

  test("the first one sets the number, where we made the dialog", () => {
    const dialog = uac();
    expect(dialog.receive(requestFrom({ method: "BYE", sequence: 900 }))).toBe("ok");
    expect(dialog.remoteSequence).toBe(900);
  });

  test("after the end of the dialog: 481", () => {
    const dialog = uas();
    dialog.terminate();
    expect(dialog.receive(requestFrom({ method: "BYE", sequence: 2 }))).toMatchObject({ status: 481 });
  });
});

describe("target refresh (§12.2)", () => {
  const moved = ["Contact: <sip:moved@192.0.2.200>"];
  test.each([
    ["INVITE", "sip:moved@192.0.2.200"],
    ["UPDATE", "sip:moved@192.0.2.200"],
    ["ACK", "sip:alice@192.0.2.9:5060"],
    ["INFO", "sip:alice@192.0.2.9:5060"],
    ["OPTIONS", "sip:alice@192.0.2.9:5060"],
  ])("by the peer's %s: the target is %s", (method, target) => {
    const dialog = uas({ headers: [contact, "Record-Route: <sip:p1;lr>"] });
    dialog.refreshTarget(requestFrom({ method, headers: [...moved, "Record-Route: <sip:p9;lr>"] }));
    expect(formatUri(dialog.remoteTarget)).toBe(target);
    expect(dialog.routeSet).toEqual(["<sip:p1;lr>"]);
  });

  test.each([
    ["INVITE", 200, "sip:moved@192.0.2.200"],
    ["INVITE", 180, "sip:bob@192.0.2.1"],
    ["INVITE", 302, "sip:bob@192.0.2.1"],
    ["UPDATE", 200, "sip:moved@192.0.2.200"],
    ["BYE", 200, "sip:bob@192.0.2.1"],
  ])("by the answer to our %s, %d: the target is %s", (method, status, target) => {
    const dialog = uac();
    dialog.refreshTarget(responseTo(requestFrom({ method }), status, "b1", moved));
    expect(formatUri(dialog.remoteTarget)).toBe(target);
  });

  test("without a Contact keeps the target", () => {
    const dialog = uas();
    dialog.refreshTarget(requestFrom({ headers: [] }));
    expect(formatUri(dialog.remoteTarget)).toBe("sip:alice@192.0.2.9:5060");
  });
});

describe("confirming an early dialog", () => {
  const early = () => uac(["Contact: <sip:early@192.0.2.1>", "Record-Route: <sip:p1;lr>"], 180);
  const answer = (headers: string[]): Response => responseTo(requestFrom(), 200, "b1", headers);

  test("takes route set and target of the 2xx (§13.2.2.4), and no number", () => {
    const dialog = early();
    dialog.request("UPDATE", { via });
    dialog.confirm(answer(["Contact: <sip:bob@192.0.2.1>", "Record-Route: <sip:p3;lr>, <sip:p2;lr>"]));
    expect([dialog.state, dialog.routeSet, formatUri(dialog.remoteTarget), dialog.localSequence]).toEqual([
      "confirmed",
      ["<sip:p2;lr>", "<sip:p3;lr>"],
      "sip:bob@192.0.2.1",
      2,
    ]);
  });

  test("a 2xx without Record-Route empties the route set", () => {
    const dialog = early();
    dialog.confirm(answer(["Contact: <sip:bob@192.0.2.1>"]));
    expect(dialog.routeSet).toEqual([]);
  });

  test("a 2xx that comes again changes nothing", () => {
    const dialog = early();
    dialog.confirm(answer(["Contact: <sip:bob@192.0.2.1>"]));
    dialog.confirm(answer(["Contact: <sip:other@192.0.2.1>", "Record-Route: <sip:p3;lr>"]));
    expect([dialog.routeSet, formatUri(dialog.remoteTarget)]).toEqual([[], "sip:bob@192.0.2.1"]);
  });

  test("a UAS just confirms; what has ended stays ended", () => {
    const dialog = uas();
    dialog.confirm();
    expect(dialog.state).toBe("confirmed");
    dialog.terminate();
    dialog.confirm();
    expect(dialog.state).toBe("terminated");
  });
});
