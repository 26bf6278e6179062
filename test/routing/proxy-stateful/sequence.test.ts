/** Targets one after the other by q, and how long each is waited for: timer C, `noResponse`, `noAnswer`. */
import { describe } from "bun:test";
import { play } from "./bench.ts";

describe("targets in sequence by q", () => {
  const targets = [
    { uri: "sip:c@198.51.100.3", q: 0.5 },
    { uri: "sip:b@198.51.100.2", q: 0.9 },
    { uri: "sip:d@198.51.100.4", q: 0.5 },
  ];
  play({
    "busy, then the next two at once": {
      targets,
      steps: [
        ["a INVITE", "a: 100, b: INVITE"],
        ["b 486", "b: ACK, c: INVITE, d: INVITE"],
        ["c 180", "a: 180"],
        ["d 200", "a: 200, c: CANCEL"],
        ["c CANCEL 200", ""],
        ["c 487", "c: ACK"],
      ],
    },
    "a 6xx ends the search": {
      targets,
      steps: [
        ["a INVITE", "a: 100, b: INVITE"],
        ["b 603", "a: 603, b: ACK"],
      ],
    },
    "dead, then the next": {
      targets,
      steps: [
        ["b fails", ""],
        ["a INVITE", "a: 100"],
        [10, "c: INVITE, d: INVITE"],
        ["c 404", "c: ACK"],
        ["d 486", "a: 404, d: ACK"],
      ],
    },
    "silent until timer B, then the next": {
      targets,
      steps: [
        ["a INVITE", "a: 100, b: INVITE"],
        [32_000, "b: INVITE, b: INVITE, b: INVITE, b: INVITE, b: INVITE, b: INVITE, c: INVITE, d: INVITE"],
        ["c 200", "a: 200"],
        ["d 200", "a: 200"],
      ],
    },
    "silent for `noResponse`, then the next; what it says later is cancelled": {
      targets,
      forward: { noResponse: 2000 },
      steps: [
        ["a INVITE", "a: 100, b: INVITE"],
        [2000, "b: INVITE, b: INVITE, c: INVITE, d: INVITE"],
        ["b 180", "a: 180, b: CANCEL"],
        ["b CANCEL 200", ""],
        ["b 487", "b: ACK"],
        ["c 486", "c: ACK"],
        ["d 404", "a: 486, d: ACK"],
      ],
    },
    "rings for `noAnswer`, then the next; its 487 counts no more": {
      targets,
      forward: { noAnswer: 20_000 },
      steps: [
        ["a INVITE", "a: 100, b: INVITE"],
        ["b 180", "a: 180"],
        [20_000, "b: CANCEL, c: INVITE, d: INVITE"],
        ["b CANCEL 200", ""],
        ["c 486", "c: ACK"],
        ["d 486", "d: ACK"],
        ["b 487", "a: 486, b: ACK"],
      ],
    },
    "rings for `noAnswer`, and answers as it is cancelled": {
      targets,
      forward: { noAnswer: 20_000 },
      steps: [
        ["a INVITE", "a: 100, b: INVITE"],
        ["b 180", "a: 180"],
        [20_000, "b: CANCEL, c: INVITE, d: INVITE"],
        ["c 180", "a: 180"],
        ["b 200", "a: 200, c: CANCEL"],
        ["b CANCEL 481", ""],
        ["c CANCEL 200", ""],
        ["c 487", "c: ACK"],
        ["d 100", "d: CANCEL"],
        ["d CANCEL 200", ""],
        ["d 487", "d: ACK"],
      ],
    },
    "the last ones may ring on": {
      targets,
      forward: { noAnswer: 20_000 },
      steps: [
        ["a INVITE", "a: 100, b: INVITE"],
        ["b 404", "b: ACK, c: INVITE, d: INVITE"],
        ["c 180", "a: 180"],
        ["d 180", "a: 180"],
        [60_000, ""],
        ["c 200", "a: 200, d: CANCEL"],
        ["d CANCEL 200", ""],
        ["d 487", "d: ACK"],
      ],
    },
  });
});

describe("timer C (RFC 3261 §16.8)", () => {
  play({
    "fires when nothing new comes: CANCEL, then 408": {
      steps: [
        ["a INVITE", "a: 100, b: INVITE"],
        ["b 180", "a: 180"],
        [184_900, ""],
        [200, "b: CANCEL"],
        ["b CANCEL 200", ""],
        ["b 487", "a: 408, b: ACK"],
      ],
    },
    "each provisional response but 100 puts it off": {
      steps: [
        ["a INVITE", "a: 100, b: INVITE"],
        ["b 180", "a: 180"],
        [180_000, ""],
        ["b 183", "a: 183"],
        [180_000, ""],
        ["b 100", ""],
        [5000, "b: CANCEL"],
        ["b CANCEL 200", ""],
        ["b 487", "a: 408, b: ACK"],
      ],
    },
    "its length is a setting": {
      forward: { timerC: 200_000 },
      steps: [
        ["a INVITE", "a: 100, b: INVITE"],
        ["b 180", "a: 180"],
        [199_900, ""],
        [200, "b: CANCEL"],
        ["b CANCEL 200", ""],
        ["b 200", "a: 200"],
      ],
    },
    "the next target is tried": {
      targets: [
        { uri: "sip:b@198.51.100.2", q: 0.9 },
        { uri: "sip:c@198.51.100.3", q: 0.5 },
      ],
      steps: [
        ["a INVITE", "a: 100, b: INVITE"],
        ["b 180", "a: 180"],
        [185_000, "b: CANCEL, c: INVITE"],
        ["b CANCEL 200", ""],
        ["b 487", "b: ACK"],
        ["c 404", "a: 404, c: ACK"],
      ],
    },
  });
});
