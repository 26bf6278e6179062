/** The registrar by RFC 3261 §10.3, rule by rule, in virtual time. */
import { describe, expect, test } from "bun:test";
import { servedDomains } from "../../../src/routing/registrar/index.ts";
import { Office, told } from "./office.ts";

const phone = "<sip:alice@192.0.2.9>";
const desk = "<sip:alice@192.0.2.10:5070;transport=tcp>";

describe("bindings", () => {
  test("a contact is bound, and told with the time that it has", () => {
    const office = new Office();
    expect(told(office.register({ contacts: [phone] }))).toBe("200 OK <sip:alice@192.0.2.9>;expires=3600");
    expect(office.events).toEqual(["registered sip:alice@192.0.2.9"]);
    office.clock.advance(600_500);
    expect(office.contacts()).toEqual(["sip:alice@192.0.2.9;expires=3000"]);
  });

  test("a REGISTER without Contact only asks", () => {
    const office = new Office();
    office.register({ contacts: [phone, desk] });
    expect(told(office.register())).toBe(
      "200 OK <sip:alice@192.0.2.9>;expires=3600 <sip:alice@192.0.2.10:5070;transport=tcp>;expires=3600",
    );
    expect(office.events).toHaveLength(2);
    expect(told(office.register({ user: "bob" }))).toBe("200 OK");
  });

  test("several contacts in one header and in several, with q and their own expiration", () => {
    const office = new Office();
    const answer = office.register({
      contacts: [`${phone};q=0.7;expires=100, ${desk};q=.25`, "<tel:+1234>"],
      lines: ["Expires: 200"],
    });
    expect(answer.values("contact")).toEqual([
      "<sip:alice@192.0.2.9>;expires=100;q=0.7",
      "<sip:alice@192.0.2.10:5070;transport=tcp>;expires=200;q=0.25",
      "<tel:+1234>;expires=200",
    ]);
  });

  test("parameters come back as they were sent; what the registrar alone may say does not", () => {
    const office = new Office();
    const answer = office.register({
      contacts: [`${phone};methods="INVITE,BYE";expires=90;audio;pub-gruu="sip:x@y;gr=1";temp-gruu="sip:z@y;gr";q=1`],
    });
    expect(answer.values("contact")).toEqual([`<sip:alice@192.0.2.9>;expires=90;methods="INVITE,BYE";audio`]);
  });

  test("a contact that is equal by RFC 3261 §19.1.4 is refreshed, not added", () => {
    const office = new Office();
    office.register({ contacts: ["<sip:%61lice@atlanta.example.org;Transport=TCP;x=1>"] });
    office.clock.advance(1000);
    office.register({ contacts: ["<sip:alice@AtLanTa.example.org;transport=tcp>"] });
    expect(office.contacts()).toEqual(["sip:alice@AtLanTa.example.org;transport=tcp;expires=3600"]);
    office.register({ contacts: ["<sip:ALICE@atlanta.example.org;transport=tcp>"] });
    expect(office.contacts()).toHaveLength(2);
  });

  test("of a contact that one REGISTER names twice the last word counts", () => {
    const office = new Office();
    office.register({ contacts: [`${phone};expires=100`, `<sip:alice@192.0.2.9;a=1>;expires=200`] });
    expect(office.contacts()).toEqual(["sip:alice@192.0.2.9;a=1;expires=200"]);
    office.register({ contacts: [`${phone};expires=300`, `${phone};expires=0`] });
    expect(office.contacts()).toEqual([]);
  });

  test("expires=0 removes one, * all, and what is not there is removed in peace", () => {
    const office = new Office();
    office.register({ contacts: [phone, desk] });
    expect(told(office.register({ contacts: [`${phone};expires=0`] }))).toBe(
      "200 OK <sip:alice@192.0.2.10:5070;transport=tcp>;expires=3600",
    );
    expect(told(office.register({ contacts: ["<sip:nobody@192.0.2.77>"], lines: ["Expires: 0"] }))).toStartWith("200");
    office.register({ contacts: [phone] });
    expect(told(office.register({ contacts: ["*"], lines: ["Expires: 0"] }))).toBe("200 OK");
    expect(office.location.size).toBe(0);
    expect(office.location.users).toBe(0);
  });

  test("a binding expires at its time, and costs no timer afterwards", () => {
    const office = new Office();
    office.register({ contacts: [`${phone};expires=60`, `${desk};expires=90`] });
    office.clock.advance(59_999);
    expect(office.contacts()).toHaveLength(2);
    office.clock.advance(1);
    expect(office.contacts()).toEqual(["sip:alice@192.0.2.10:5070;transport=tcp;expires=30"]);
    office.clock.advance(31_000);
    expect(office.events.slice(2)).toEqual([
      "expired sip:alice@192.0.2.9",
      "expired sip:alice@192.0.2.10:5070;transport=tcp",
    ]);
    expect(office.location.size).toBe(0);
    office.clock.advance(60_000);
    expect(office.clock.pending).toBe(0);
  });

  test("a refresh puts the end off, an earlier end comes earlier", () => {
    const office = new Office();
    office.register({ contacts: [`${phone};expires=100`] });
    office.clock.advance(90_000);
    office.register({ contacts: [`${phone};expires=100`] });
    office.clock.advance(90_000);
    expect(office.contacts()).toEqual(["sip:alice@192.0.2.9;expires=10"]);
    office.register({ contacts: [`${phone};expires=7200`] });
    office.register({ contacts: [`${phone};expires=60`] });
    office.clock.advance(62_000);
    expect(office.events.at(-1)).toBe("expired sip:alice@192.0.2.9");
  });
});

describe("how long", () => {
  test.each([
    ["nothing said", [phone], [], "3600"],
    ["the header's word", [phone], ["Expires: 120"], "120"],
    ["the parameter before the header", [`${phone};expires=90`], ["Expires: 120"], "90"],
    ["more than is given", [`${phone};expires=100000`], [], "7200"],
    ["more than fits a number", [`${phone};expires=99999999999999999999999`], [], "3600"],
    ["what is no number", [`${phone};expires=soon`], [], "3600"],
    ["a header that is no number", [phone], ["Expires: tomorrow"], "3600"],
  ])("%s", (_name, contacts, lines, seconds) => {
    expect(told(new Office().register({ contacts, lines }))).toBe(`200 OK <sip:alice@192.0.2.9>;expires=${seconds}`);
  });

  test("too short is 423 with Min-Expires, and nothing of the request is done", () => {
    const office = new Office();
    const answer = office.register({ contacts: [desk, `${phone};expires=59`] });
    expect([answer.status, answer.header("min-expires")]).toEqual([423, "60"]);
    expect(office.location.size).toBe(0);
  });
});

describe("order and completeness", () => {
  test("a REGISTER of the same call with a lower number changes nothing: 500", () => {
    const office = new Office();
    office.register({ contacts: [phone], cseq: 5 });
    const answer = office.register({ contacts: [desk, `${phone};expires=0`], cseq: 4 });
    expect(told(answer)).toBe("500 CSeq Out Of Order");
    expect(office.contacts()).toEqual(["sip:alice@192.0.2.9;expires=3600"]);
    expect(told(office.register({ contacts: [phone], cseq: 5, branch: "z9hG4bKother" }))).toBe("500 CSeq Out Of Order");
    expect(told(office.register({ contacts: ["*"], lines: ["Expires: 0"], cseq: 5, branch: "z9hG4bKx" }))).toStartWith(
      "500",
    );
  });

  test("the very same REGISTER, after its transaction is forgotten, gets the answer once more", () => {
    const office = new Office();
    const first = office.register({ contacts: [phone], cseq: 5 });
    office.clock.advance(40_000);
    const again = office.register({ contacts: [phone], cseq: 5 });
    expect(told(again)).toBe(told(first).replace("3600", "3560"));
    expect(office.events).toEqual(["registered sip:alice@192.0.2.9"]);
  });

  test("another call may have any number", () => {
    const office = new Office();
    office.register({ contacts: [phone], cseq: 5 });
    expect(office.register({ contacts: [phone], cseq: 1, callId: "restarted" }).status).toBe(200);
    expect(office.register({ contacts: ["*"], lines: ["Expires: 0"], cseq: 1, callId: "third" }).status).toBe(200);
  });

  test("one contact too many, and none is taken", () => {
    const office = new Office({ limits: { minExpires: 60, defaultExpires: 60, maxExpires: 60, maxContacts: 2 } });
    office.register({ contacts: [phone] });
    expect(told(office.register({ contacts: [desk, "<sip:alice@192.0.2.11>"] }))).toBe("403 Too Many Contacts");
    expect(office.contacts()).toHaveLength(1);
    expect(office.register({ contacts: [`${phone};expires=0`, desk, "<sip:alice@192.0.2.11>"] }).status).toBe(200);
    expect(office.contacts()).toHaveLength(2);
  });

  test("when all places are taken: 503, and who is there can still refresh and leave", () => {
    const office = new Office({ maxBindings: 1 });
    office.register({ contacts: [phone] });
    const answer = office.register({ user: "bob", contacts: [desk] });
    expect([answer.status, answer.header("retry-after")]).toEqual([503, "60"]);
    expect(office.register({ contacts: [phone] }).status).toBe(200);
    expect(office.register({ contacts: ["*"], lines: ["Expires: 0"] }).status).toBe(200);
    expect(office.register({ user: "bob", contacts: [desk] }).status).toBe(200);
  });
});

describe("who, and for whom", () => {
  const alice = { user: "alice", realm: "example.com" };

  test.each([
    ["one's own", "alice", "200 OK"],
    ["another's", "bob", "403 Forbidden"],
    ["one's own, escaped", "%61lice", "200 OK"],
    ["another in capitals", "Alice", "403 Forbidden"],
  ])("an authenticated user registers %s", (_name, user, says) => {
    const office = new Office();
    expect(told(office.register({ user, authenticated: alice }))).toBe(says);
  });

  test("a third party may where the program says so", () => {
    const office = new Office({ owns: (authenticated, user) => authenticated?.user === "alice" && user === "bob" });
    expect(office.register({ user: "bob", authenticated: alice, contacts: [phone] }).status).toBe(200);
    expect(office.register({ user: "carol", authenticated: alice, contacts: [phone] }).status).toBe(403);
    expect(office.register({ user: "bob", contacts: [phone] }).status).toBe(403);
  });

  test.each([
    ["another case of the domain, a port and parameters", "<sip:al%69ce@EXAMPLE.com:5060;x=1>", "200 OK"],
    ["sips", "<sips:alice@example.com>", "200 OK"],
    ["a domain that is ours, but not the one that is asked", "<sip:alice@example.net>", "404 Not Found"],
    ["a domain that is not ours", "<sip:alice@elsewhere.example>", "404 Not Found"],
    ["no user", "<sip:example.com>", "404 Not Found"],
    ["a number", "<tel:+123>", "404 Not Found"],
    ["a user with a line end", "<sip:al%0Aice@example.com>", "404 Not Found"],
    ["a user of great length", `<sip:${"a".repeat(300)}@example.com>`, "404 Not Found"],
  ])("the address-of-record is read from To: %s", (_name, to, says) => {
    const office = new Office();
    office.register({ contacts: [phone] });
    const answer = told(office.register({ to }));
    expect(answer).toBe(says === "200 OK" ? "200 OK <sip:alice@192.0.2.9>;expires=3600" : says);
  });

  test.each([
    ["one of ours", "<sip:alice@example.net>", "200 OK"],
    ["one that is not ours", "<sip:alice@elsewhere.example>", "404 Not Found"],
    ["none, as it is our address", "<sip:alice@192.0.2.1>", "200 OK"],
  ])("a REGISTER to our address is for the domain of its To: %s", (_, to, says) => {
    const isOwn = (host: string) => host === "192.0.2.1";
    const office = new Office({ isOwn, domainOf: servedDomains(["example.com", "example.net"], isOwn) });
    expect(told(office.register({ uri: "sip:192.0.2.1", to }))).toBe(says);
  });

  test.each([
    ["a REGISTER for another domain", "sip:elsewhere.example"],
    ["a REGISTER for a number", "tel:+123"],
  ])("%s is passed on", (_name, uri) => {
    expect(new Office().register({ uri, contacts: [phone] }).status).toBe(501);
  });
});

describe("what is refused", () => {
  test.each([
    ["* with another contact", ["*", phone], ["Expires: 0"], "400 Contact * Needs Expires 0 And No Other Contact"],
    ["another contact with *", [phone, "*"], ["Expires: 0"], "400 Contact * Needs Expires 0 And No Other Contact"],
    ["* without Expires", ["*"], [], "400 Contact * Needs Expires 0 And No Other Contact"],
    ["* that is to stay", ["*"], ["Expires: 60"], "400 Contact * Needs Expires 0 And No Other Contact"],
    ["a contact that leads back here", ["<sip:alice@Example.COM>"], [], "403 Contact Is No Place Of A Device"],
    ["a contact of more than 1000 octets", [`<sip:${"a".repeat(1000)}@192.0.2.9>`], [], "400 Contact Too Long"],
    ["a Call-ID of more than 256 octets", [phone], [], "400 Call-ID Too Long"],
    ["a parameter with a NUL", [`${phone};x="\0"`], [], "400 NUL In A Header"],
    ["an extension that is not known", [phone], ["Require: path, teleport"], "420 Bad Extension"],
  ])("%s", (name, contacts, lines, says) => {
    const office = new Office();
    const callId = name.includes("Call-ID") ? "c".repeat(257) : "c";
    expect(told(office.register({ contacts, lines, callId }))).toBe(says);
    expect(office.location.size).toBe(0);
  });

  test("the extension that is not known is named", () => {
    const answer = new Office().register({ lines: ["Require: path, teleport"] });
    expect(answer.header("unsupported")).toBe("teleport");
  });

  test("a contact for another port of our name, or another user, is a place", () => {
    const office = new Office();
    const contacts = ["<sip:alice@example.com:5070>", "<sip:mailbox@example.com>"];
    expect(office.register({ contacts }).status).toBe(200);
  });
});
