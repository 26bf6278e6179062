/** Forking as a matrix: which responses in which order go upstream, and what is cancelled (RFC 3261 §16.7). */
import { describe } from "bun:test";
import { play } from "./bench.ts";

describe("one target", () => {
  play({
    "a call that is answered": {
      steps: [
        ["a INVITE", "a: 100, b: INVITE"],
        ["b 100", ""],
        ["b 180", "a: 180"],
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
  });
});
