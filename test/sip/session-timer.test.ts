import { beforeEach, describe, expect, test } from "bun:test";
import { VirtualClock } from "../../src/sip/clock.ts";
import {
  parseSessionExpires,
  type RefreshRequest,
  SessionTimer,
  type SessionTimerOptions,
} from "../../src/sip/session-timer.ts";

let clock: VirtualClock;
let events: [what: string, second: number][];
beforeEach(() => {
  clock = new VirtualClock();
  events = [];
});

function timer(options: Partial<SessionTimerOptions> = {}): SessionTimer {
  return new SessionTimer({
    clock,
    interval: 1800,
    refresh: () => events.push(["refresh", clock.now() / 1000]),
    expire: () => events.push(["expire", clock.now() / 1000]),
    ...options,
  });
}
const asks = (sessionExpires?: string, minSE?: string, timerSupported = true): RefreshRequest => ({
  sessionExpires,
  minSE,
  timerSupported,
});

describe("Session-Expires", () => {
  test.each([
    ["1800", { interval: 1800, refresher: undefined }],
    ["90;refresher=uas", { interval: 90, refresher: "uas" }],
    [" 90 ; x=y ; Refresher = UAC ", { interval: 90, refresher: "uac" }],
    ["90;refresher=me", { interval: 90, refresher: undefined }],
    ["4294967295", { interval: 4294967295, refresher: undefined }],
    ["99999999999", undefined],
    ["-1", undefined],
    ["soon", undefined],
    ["", undefined],
  ])("%p", (value, expected) => {
    expect<unknown>(parseSessionExpires(value)).toEqual(expected);
  });
});

describe("asking (UAC, RFC 4028 §7)", () => {
  test.each([
    ["the interval of the configuration", {}, [["Session-Expires", "1800"]]],
    ["nothing when it is 0", { interval: 0 }, []],
    [
      "with a minimum of ours",
      { interval: 200, minimum: 300 },
      [
        ["Session-Expires", "300"],
        ["Min-SE", "300"],
      ],
    ],
  ] as const)("asks %s", (_what, options, headers) => {
    expect<unknown>(timer(options).requestHeaders()).toEqual(headers);
  });

  const answers: [answer: string | undefined, insist: boolean, events: [string, number][]][] = [
    [
      "1800;refresher=uac",
      false,
      [
        ["refresh", 900],
        ["expire", 1768],
      ],
    ],
    ["1800;refresher=uas", false, [["expire", 1768]]],
    [
      "1800",
      false,
      [
        ["refresh", 900],
        ["expire", 1768],
      ],
    ],
    ["90;refresher=uas", false, [["expire", 60]]],
    ["93;refresher=uas", false, [["expire", 62]]],
    [
      "1;refresher=uac",
      false,
      [
        ["refresh", 45],
        ["expire", 60],
      ],
    ],
    ["nonsense", false, []],
    [undefined, false, []],
    [
      undefined,
      true,
      [
        ["refresh", 900],
        ["expire", 1768],
      ],
    ],
  ];
  test.each(answers)("a 2xx with %p (insisting: %p)", (answer, insist, expected) => {
    const session = timer({ insist });
    session.requestHeaders();
    session.confirmed(answer);
    clock.advance(10_000_000);
    expect(events).toEqual(expected);
    expect([clock.pending, session.agreed]).toEqual([0, undefined]);
  });

  test("an interval beyond what a timer holds is cut, and refreshed early", () => {
    const session = timer();
    session.requestHeaders();
    session.confirmed("4294967295;refresher=uac");
    clock.advance(864_000 * 1000);
    expect(events).toEqual([["refresh", 864_000]]);
  });

  test("a refresh starts the interval anew and keeps the roles", () => {
    const session = timer();
    session.requestHeaders();
    session.confirmed("300;refresher=uac");
    for (let round = 1; round <= 3; round++) {
      clock.advance(150_000);
      expect(session.requestHeaders()).toEqual([["Session-Expires", "300;refresher=uac"]]);
      session.confirmed("300;refresher=uac");
    }
    expect(events).toEqual([
      ["refresh", 150],
      ["refresh", 300],
      ["refresh", 450],
    ]);
    expect(session.agreed).toEqual({ interval: 300, refresher: "us" });
  });

  test("a request of ours leaves the refreshing to a peer that does it", () => {
    const session = timer();
    session.requestHeaders();
    session.confirmed("300;refresher=uas");
    expect(session.requestHeaders()).toEqual([["Session-Expires", "300;refresher=uas"]]);
    expect(session.agreed).toEqual({ interval: 300, refresher: "them" });
  });

  test("422 raises what we ask for, as long as it asks for more", () => {
    const session = timer({ interval: 120 });
    session.requestHeaders();
    expect(session.tooSmall("600")).toBe(true);
    expect(session.requestHeaders()).toEqual([
      ["Session-Expires", "600"],
      ["Min-SE", "600"],
    ]);
    for (const useless of ["600", "90", "86401", "x", undefined]) expect(session.tooSmall(useless)).toBe(false);
  });

  test("a 2xx without Session-Expires turns a running timer off", () => {
    const session = timer();
    session.requestHeaders();
    session.confirmed("300;refresher=uac");
    session.requestHeaders();
    session.confirmed(undefined);
    expect([clock.pending, session.agreed]).toEqual([0, undefined]);
  });

  test("a refresh that fails is tried again while there is time, then the session expires", () => {
    const session = timer();
    session.requestHeaders();
    session.confirmed("180;refresher=uac");
    for (let failures = 0; failures < 8; failures++) {
      const before = events.length;
      clock.advance(1000);
      while (events.length === before && clock.pending > 0) clock.advance(1000);
      session.refreshFailed();
    }
    expect(events.map(([what]) => what)).toEqual(["refresh", "refresh", "refresh", "refresh", "expire"]);
    expect(events.at(-1)).toEqual(["expire", 148]);
    session.refreshFailed();
    expect(clock.pending).toBe(0);
  });
});

describe("being asked (UAS, RFC 4028 §9)", () => {
  const required = ["Require", "timer"];
  const verdicts: [
    what: string,
    options: Partial<SessionTimerOptions>,
    request: RefreshRequest,
    headers: unknown,
    events: [string, number][],
  ][] = [
    [
      "the peer asks: it refreshes",
      {},
      asks("1800"),
      [required, ["Session-Expires", "1800;refresher=uac"]],
      [["expire", 1768]],
    ],
    [
      "it wants to",
      {},
      asks("600;refresher=uac"),
      [required, ["Session-Expires", "600;refresher=uac"]],
      [["expire", 568]],
    ],
    [
      "it wants us to",
      {},
      asks("600;refresher=uas"),
      [required, ["Session-Expires", "600;refresher=uas"]],
      [
        ["refresh", 300],
        ["expire", 568],
      ],
    ],
    [
      "it can but does not ask: we do",
      {},
      asks(),
      [required, ["Session-Expires", "1800;refresher=uac"]],
      [["expire", 1768]],
    ],
    [
      "we ask for no less than its Min-SE",
      {},
      asks(undefined, "3600"),
      [required, ["Session-Expires", "3600;refresher=uac"]],
      [["expire", 3568]],
    ],
    ["neither asks", { interval: 0 }, asks(), [], []],
    ["it cannot", {}, asks(undefined, undefined, false), [], []],
    [
      "it cannot, and we insist",
      { insist: true },
      asks(undefined, undefined, false),
      [],
      [
        ["refresh", 900],
        ["expire", 1768],
      ],
    ],
    [
      "a proxy asks for it: we refresh",
      {},
      asks("600", undefined, false),
      [["Session-Expires", "600;refresher=uas"]],
      [
        ["refresh", 300],
        ["expire", 568],
      ],
    ],
    ["a proxy asks for too little", {}, asks("30", undefined, false), [], []],
    [
      "a very long interval is reduced",
      {},
      asks("4294967295"),
      [required, ["Session-Expires", "1728000;refresher=uac"]],
      [["expire", 1_727_968]],
    ],
  ];
  test.each(verdicts)("%s", (_what, options, request, headers, expected) => {
    const session = timer(options);
    expect(session.judge(request)).toEqual({ ok: true });
    expect<unknown>(session.responseHeaders()).toEqual(headers);
    session.responded();
    for (let days = 0; days < 21; days++) clock.advance(86_400_000);
    expect(events).toEqual(expected);
  });

  const refusals: [
    what: string,
    request: RefreshRequest,
    minimum: number,
    status: number,
    minSE: string | undefined,
  ][] = [
    ["less than 90 s", asks("89"), 90, 422, "90"],
    ["less than our minimum", asks("299", "90"), 300, 422, "300"],
    ["an interval that is no number", asks("soon"), 90, 400, undefined],
    ["a minimum that is no number", asks("1800", "soon"), 90, 400, undefined],
  ];
  test.each(refusals)("refuses %s", (_what, request, minimum, status, minSE) => {
    expect<unknown>(timer({ minimum }).judge(request)).toEqual({
      ok: false,
      status,
      headers: minSE === undefined ? [] : [["Min-SE", minSE]],
    });
  });

  test("the peer's refreshes keep the session, until they cease", () => {
    const session = timer();
    for (let round = 0; round < 5; round++) {
      session.judge(asks("300;refresher=uac"));
      session.responded();
      clock.advance(150_000);
    }
    expect(events).toEqual([]);
    clock.advance(150_000);
    expect(events).toEqual([["expire", 4 * 150 + 268]]);
  });

  test("a Min-SE once seen stays in our requests (RFC 4028 §7.4)", () => {
    const session = timer();
    session.judge(asks("600;refresher=uas", "400"));
    session.responded();
    expect(session.requestHeaders()).toEqual([
      ["Session-Expires", "600;refresher=uac"],
      ["Min-SE", "400"],
    ]);
  });

  test("stop leaves no timer", () => {
    const session = timer();
    session.judge(asks("600;refresher=uas"));
    session.responded();
    session.stop();
    expect(clock.pending).toBe(0);
  });
});
