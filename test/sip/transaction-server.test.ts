/** The non-INVITE server transaction, arrow by arrow of figure 8 (RFC 3261, RFC 4320), in virtual time. */
import { describe } from "bun:test";
import { type Cases, legacy, play } from "./server-bench.ts";

const nonInviteServer: Cases = {
  "trying → completed: the final response again for each request, until timer J": {
    transport: "udp",
    steps: [
      ["OPTIONS", "TU OPTIONS", "trying"],
      ["OPTIONS", "", "trying"],
      ["respond 200", "sent 200", "completed"],
      ["OPTIONS", "sent 200", "completed"],
      ["respond 404", "not sent", "completed"],
      ["respond 100", "not sent", "completed"],
      [31_999, "", "completed"],
      ["OPTIONS", "sent 200", "completed"],
      [1, "", "terminated"],
    ],
  },
  "trying → completed over TCP: timer J is zero": {
    transport: "tcp",
    steps: [
      ["OPTIONS", "TU OPTIONS", "trying"],
      ["respond 404", "sent 404", "terminated"],
    ],
  },
  "trying: 100 when the client's timer E reaches T2, not before, though the TU may want it (RFC 4320)": {
    transport: "udp",
    steps: [
      ["OPTIONS", "TU OPTIONS", "trying"],
      ["respond 100", "not sent", "trying"],
      [3499, "", "trying"],
      ["OPTIONS", "", "trying"],
      [1, "sent 100", "proceeding"],
      ["OPTIONS", "sent 100", "proceeding"],
      ["respond 100", "sent 100", "proceeding"],
      ["respond 200", "sent 200", "completed"],
      [32_000, "", "terminated"],
    ],
  },
  "trying over TCP: 100 whenever the TU likes, or at 3.5 s": {
    transport: "tcp",
    steps: [
      ["OPTIONS", "TU OPTIONS", "trying"],
      ["respond 100", "sent 100", "proceeding"],
      [3500, "", "proceeding"],
      ["respond 200", "sent 200", "terminated"],
      ["OPTIONS", "TU OPTIONS", "trying"],
      [3500, "sent 100", "proceeding"],
      ["respond 200", "sent 200", "terminated"],
    ],
  },
  "never a provisional response but 100 (RFC 4320 §4.1)": {
    transport: "tcp",
    steps: [
      ["OPTIONS", "TU OPTIONS", "trying"],
      ["respond 180", "not sent", "trying"],
      ["respond 183", "not sent", "trying"],
      ["respond 200", "sent 200", "terminated"],
    ],
  },
  "never a 408, nor another final response after one (RFC 4320 §4.2)": {
    transport: "udp",
    steps: [
      ["OPTIONS", "TU OPTIONS", "trying"],
      ["respond 408", "not sent", "completed"],
      ["OPTIONS", "", "completed"],
      ["respond 200", "not sent", "completed"],
      [32_000, "", "terminated"],
    ],
  },
  "never a late response: after 64*T1 the transaction is over": {
    transport: "udp",
    steps: [
      ["OPTIONS", "TU OPTIONS", "trying"],
      [31_999, "sent 100", "proceeding"],
      [1, "TU timeout", "terminated"],
      ["respond 200", "not sent", "terminated"],
    ],
  },
  "proceeding and completed: a transport error is told, and changes nothing": {
    transport: "udp",
    steps: [
      ["OPTIONS", "TU OPTIONS", "trying"],
      ["flow fails", "", "trying"],
      [3500, "TU transport error", "proceeding"],
      ["OPTIONS", "TU transport error", "proceeding"],
      ["respond 200", "TU transport error", "completed"],
      ["flow works", "", "completed"],
      ["OPTIONS", "sent 200", "completed"],
      [32_000, "", "terminated"],
    ],
  },
  "CANCEL of a non-INVITE: 200, and no effect": {
    transport: "udp",
    steps: [
      ["OPTIONS", "TU OPTIONS", "trying"],
      ["CANCEL", "sent 200", "trying"],
      ["respond 200", "sent 200", "completed"],
      [32_000, "", "terminated"],
    ],
  },
};

describe("non-INVITE server transaction", () => play(nonInviteServer));
describe("non-INVITE server transaction of an RFC 2543 client", () => play(nonInviteServer, legacy));
