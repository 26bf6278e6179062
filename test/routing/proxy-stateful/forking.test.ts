/** Forking as a matrix: which responses in which order go upstream, and what is cancelled (RFC 3261 §16.7). */
import { describe } from "bun:test";
import { play, type Step } from "./bench.ts";

const ringing: readonly Step[] = [
  ["a INVITE", "a: 100, b: INVITE, c: INVITE"],
  ["b 180", "a: 180"],
  ["c 180", "a: 180"],
];

describe("one target", () => {
  play({
    "a call that is answered": {
      steps: [
        ["a INVITE", "a: 100, b: INVITE"],
        ["b 100", ""],
        ["b 180", "a: 180"],
        ["b 183", "a: 183"],
        ["b 200", "a: 200"],
      ],
    },
    "a call that is refused": {
      steps: [
        ["a INVITE", "a: 100, b: INVITE"],
        ["b 486", "a: 486, b: ACK"],
        ["a ACK b", ""],
      ],
    },
    "a retransmitted INVITE is answered with the last response": {
      steps: [
        ["a INVITE", "a: 100, b: INVITE"],
        ["a INVITE", "a: 100"],
        ["b 180", "a: 180"],
        ["a INVITE", "a: 180"],
      ],
    },
    "no answer at all: 408": {
      steps: [
        ["a INVITE", "a: 100, b: INVITE"],
        [31_500, "b: INVITE, b: INVITE, b: INVITE, b: INVITE, b: INVITE, b: INVITE"],
        [500, "a: 408"],
        ["a ACK", ""],
      ],
    },
    "a 503 becomes a 500": {
      steps: [
        ["a INVITE", "a: 100, b: INVITE"],
        ["b 503", "a: 500, b: ACK"],
      ],
    },
    "no target: 480": { targets: [], steps: [["a INVITE", "a: 480"]] },
    "a 2xx that comes again goes on again": {
      steps: [
        ["a INVITE", "a: 100, b: INVITE"],
        ["b 200", "a: 200"],
        [500, ""],
        ["b 200", "a: 200"],
        ["a INVITE", ""],
        [31_000, ""],
        ["b 200", "a: 200"],
        [600, ""],
        ["b 200", ""],
      ],
    },
    "a failure that comes again is acknowledged again, not sent on": {
      steps: [
        ["a INVITE", "a: 100, b: INVITE"],
        ["b 404", "a: 404, b: ACK"],
        ["b 404", "b: ACK"],
        [500, "a: 404"],
        ["a ACK", ""],
        [4000, ""],
      ],
    },
  });
});

describe("two targets in parallel", () => {
  const targets = ["b", "c"];
  play({
    "one answers, the other is cancelled": {
      targets,
      steps: [...ringing, ["b 200", "a: 200, c: CANCEL"], ["c CANCEL 200", ""], ["c 487", "c: ACK"]],
    },
    "the other has said nothing yet: it is cancelled when it does": {
      targets,
      steps: [
        ["a INVITE", "a: 100, b: INVITE, c: INVITE"],
        ["b 200", "a: 200"],
        [500, "c: INVITE"],
        ["c 180", "c: CANCEL"],
        ["c CANCEL 200", ""],
        ["c 487", "c: ACK"],
      ],
    },
    "the other has only said 100": {
      targets,
      steps: [
        ["a INVITE", "a: 100, b: INVITE, c: INVITE"],
        ["c 100", ""],
        ["b 200", "a: 200, c: CANCEL"],
        ["c CANCEL 200", ""],
        ["c 487", "c: ACK"],
      ],
    },
    "both answer: both 2xx go on, and no CANCEL follows the second": {
      targets,
      steps: [
        ...ringing,
        ["b 200", "a: 200, c: CANCEL"],
        ["c 200", "a: 200"],
        ["c CANCEL 481", ""],
        ["c 200", "a: 200"],
        ["b 200", "a: 200"],
      ],
    },
    "one is busy: the other rings on and answers": {
      targets,
      steps: [...ringing, ["b 486", "b: ACK"], [60_000, ""], ["c 200", "a: 200"]],
    },
    "both refuse: the best goes on when the last has come": {
      targets,
      steps: [...ringing, ["b 500", "b: ACK"], ["c 404", "a: 404, c: ACK"]],
    },
    "a 6xx cancels the other, and goes on when that is done": {
      targets,
      steps: [...ringing, ["b 603", "b: ACK, c: CANCEL"], ["c CANCEL 200", ""], ["c 487", "a: 603, c: ACK"]],
    },
    "a 6xx, and the other answers all the same: its 2xx goes on": {
      targets,
      steps: [...ringing, ["b 603", "b: ACK, c: CANCEL"], ["c 200", "a: 200"], ["c CANCEL 481", ""]],
    },
    "a 6xx, and the other never ends: 64*T1 after the CANCEL the 6xx goes on": {
      targets,
      steps: [
        ...ringing,
        ["b 600", "b: ACK, c: CANCEL"],
        ["c CANCEL 200", ""],
        [31_900, ""],
        [200, "a: 600"],
        ["a ACK", ""],
      ],
    },
    "one cannot be reached: the other decides": {
      targets,
      steps: [
        ["b fails", ""],
        ["a INVITE", "a: 100, c: INVITE"],
        [10, ""],
        ["c 486", "a: 486, c: ACK"],
      ],
    },
    "neither can be reached: 500": {
      targets,
      steps: [
        ["b fails", ""],
        ["c fails", ""],
        ["a INVITE", "a: 100"],
        [10, "a: 500"],
      ],
    },
    "provisional responses after the answer are dropped": {
      targets,
      steps: [...ringing, ["b 200", "a: 200, c: CANCEL"], ["c 183", ""], ["c CANCEL 200", ""], ["c 487", "c: ACK"]],
    },
  });
});

describe("CANCEL from upstream", () => {
  play({
    "cancels what rings; its 487 goes on": {
      steps: [
        ["a INVITE", "a: 100, b: INVITE"],
        ["b 180", "a: 180"],
        ["a CANCEL", "a: 200 CANCEL, b: CANCEL"],
        ["b CANCEL 200", ""],
        ["b 487", "a: 487, b: ACK"],
        ["a ACK", ""],
      ],
    },
    "cancels all branches; one 487 goes on": {
      targets: ["b", "c"],
      steps: [
        ...ringing,
        ["a CANCEL", "a: 200 CANCEL, b: CANCEL, c: CANCEL"],
        ["b CANCEL 200", ""],
        ["c CANCEL 200", ""],
        ["b 487", "b: ACK"],
        ["c 487", "a: 487, c: ACK"],
      ],
    },
    "glare: the 200 was under way": {
      steps: [
        ["a INVITE", "a: 100, b: INVITE"],
        ["b 180", "a: 180"],
        ["a CANCEL", "a: 200 CANCEL, b: CANCEL"],
        ["b 200", "a: 200"],
        ["b CANCEL 481", ""],
      ],
    },
    "after the 200 it changes nothing": {
      steps: [
        ["a INVITE", "a: 100, b: INVITE"],
        ["b 200", "a: 200"],
        ["a CANCEL", "a: 200 CANCEL"],
      ],
    },
    "before any response: the CANCEL waits for one": {
      steps: [
        ["a INVITE", "a: 100, b: INVITE"],
        ["a CANCEL", "a: 200 CANCEL"],
        ["b 100", "b: CANCEL"],
        ["b CANCEL 200", ""],
        ["b 487", "a: 487, b: ACK"],
      ],
    },
    "before any response, and none comes: 487": {
      steps: [
        ["a INVITE", "a: 100, b: INVITE"],
        ["a CANCEL", "a: 200 CANCEL"],
        [32_000, "b: INVITE, b: INVITE, b: INVITE, b: INVITE, b: INVITE, b: INVITE, a: 487"],
        ["a ACK", ""],
      ],
    },
    "targets of lower q are not tried": {
      targets: [
        { uri: "sip:b@198.51.100.2", q: 1 },
        { uri: "sip:c@198.51.100.3", q: 0.5 },
      ],
      steps: [
        ["a INVITE", "a: 100, b: INVITE"],
        ["b 180", "a: 180"],
        ["a CANCEL", "a: 200 CANCEL, b: CANCEL"],
        ["b CANCEL 200", ""],
        ["b 486", "a: 486, b: ACK"],
      ],
    },
    "a CANCEL that is lost is repeated": {
      steps: [
        ["a INVITE", "a: 100, b: INVITE"],
        ["b 180", "a: 180"],
        ["a CANCEL", "a: 200 CANCEL, b: CANCEL"],
        [500, "b: CANCEL"],
        ["a CANCEL", "a: 200 CANCEL"],
        ["b CANCEL 200", ""],
        ["b 487", "a: 487, b: ACK"],
      ],
    },
  });
});
