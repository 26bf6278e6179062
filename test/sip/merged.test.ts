/** Merged requests: RFC 3261 §8.2.2.2. */
import { describe, expect, test } from "bun:test";
import { VirtualClock } from "../../src/sip/clock.ts";
import { MergeGuard } from "../../src/sip/merged.ts";
import { type RequestParts, requestFrom } from "../support/fake-flow.ts";

const guard = () => new MergeGuard(new VirtualClock());

describe("a request is merged", () => {
  test.each<[title: string, second: RequestParts, merged: boolean]>([
    ["when the same comes by another branch", { branch: "z9hG4bK2" }, true],
    ["when the same comes from another hop", { via: "SIP/2.0/UDP p.example.com;branch=z9hG4bK1" }, true],
    ["whatever its Request-URI", { branch: "z9hG4bK2", uri: "sip:bob@192.0.2.1" }, true],
    ["not when it is the very same again", {}, false],
    ["not with another Call-ID", { branch: "z9hG4bK2", callId: "call-2" }, false],
    ["not with another CSeq, as after a challenge", { branch: "z9hG4bK2", sequence: 2 }, false],
    ["not with another method", { branch: "z9hG4bK2", method: "OPTIONS" }, false],
    ["not with another From tag", { branch: "z9hG4bK2", from: "<sip:alice@example.org>;tag=a2" }, false],
    ["not within a dialog", { branch: "z9hG4bK2", to: "<sip:bob@example.com>;tag=b1" }, false],
  ])("%s", (_, second, merged) => {
    const requests = guard();
    expect(requests.isMerged(requestFrom())).toBe(false);
    expect(requests.isMerged(requestFrom(second))).toBe(merged);
  });

  test("each further copy", () => {
    const requests = guard();
    const copies = [1, 2, 3].map((n) => requests.isMerged(requestFrom({ branch: `z9hG4bK${n}` })));
    expect(copies).toEqual([false, true, true]);
  });

  test("not when the first was answered statelessly and forgotten", () => {
    const requests = guard();
    requests.isMerged(requestFrom());
    requests.forget(requestFrom());
    expect(requests.isMerged(requestFrom({ branch: "z9hG4bK2" }))).toBe(false);
  });
});

describe("requests are remembered", () => {
  test.each([
    [0, true],
    [31_999, true],
    [64_000, false],
  ])("for 32 s at least and 64 s at most: after %d ms, %p", (ms, merged) => {
    const clock = new VirtualClock();
    const requests = new MergeGuard(clock);
    requests.isMerged(requestFrom());
    clock.advance(ms);
    expect(requests.isMerged(requestFrom({ branch: "z9hG4bK2" }))).toBe(merged);
    expect(clock.pending).toBe(0);
  });

  test("up to a limit", () => {
    const requests = new MergeGuard(new VirtualClock(), { limit: 100 });
    for (let n = 0; n < 1000; n++) requests.isMerged(requestFrom({ callId: `call-${n}` }));
    expect(requests.size).toBeLessThanOrEqual(100);
    expect(requests.isMerged(requestFrom({ callId: "call-999", branch: "z9hG4bK2" }))).toBe(true);
  });
});
