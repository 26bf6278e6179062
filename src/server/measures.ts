/** A server's state and counts, as metrics for Prometheus and as the overview of `siproc top`. */
import { readdirSync } from "node:fs";
import type { Family, HistogramCounts, Labels } from "../control/metrics/exposition.ts";
import type { Histogram, Histograms, Tally } from "../control/metrics/instruments.ts";
import type { Measures, Overview } from "../control/overview.ts";
import type { Status } from "../control/status.ts";
import { type EngineStats, lateBounds } from "../media/index.ts";
import type { Meters } from "./meters.ts";

export interface MeasureParts {
  readonly meters: Meters;
  readonly status: () => Status;
  readonly media: () => EngineStats;
  readonly bans: () => number;
}

export function measuresOf(parts: MeasureParts): Measures {
  return {
    overview: () => overviewOf(parts),
    packets: () => packetsOf(parts.meters),
    answers: () => codeCounts(parts.meters.answers),
    families: () => families(parts),
  };
}

function packetsOf({ packets }: Meters): Overview["packets"] {
  return { received: packets.get("received"), sent: packets.get("sent"), lost: packets.get("lost") };
}

function overviewOf({ meters, status }: MeasureParts): Overview {
  meters.lag.look();
  return {
    time: Date.now(),
    status: status(),
    requests: Object.fromEntries([...meters.requests.entries()].map(([method, , count]) => [method, count])),
    answers: codeCounts(meters.answers),
    results: codeCounts(meters.results),
    calls: {
      begun: total(meters.begun),
      answered: total(meters.answered),
      refused: total(meters.turned),
    },
    packets: packetsOf(meters),
    sources: meters.busiest(),
    late: meters.lag.takeWorst(),
  };
}

/** A few dozen, whatever strangers send. */
function families(parts: MeasureParts): readonly Family[] {
  const { meters } = parts;
  meters.lag.look();
  const now = parts.status();
  return [
    ...processFamilies(now),
    ...signallingFamilies(meters, now),
    ...callFamilies(meters, now),
    ...mediaFamilies(meters, parts.media()),
    ...stateFamilies(meters, now, parts.bans()),
  ];
}

function processFamilies({ version, started, process: { memory, cpu } }: Status): Family[] {
  return [
    gauge("siproc_build_info", "The version that runs.", [[{ version }, 1]]),
    counter("process_cpu_seconds_total", "CPU time of the process, user and system.", cpu),
    gauge("process_resident_memory_bytes", "Resident memory of the process.", memory),
    gauge("process_start_time_seconds", "When the process started, in seconds since 1970.", started / 1000),
    gauge("process_open_fds", "Open file descriptors.", openDescriptors()),
  ];
}

function signallingFamilies(meters: Meters, now: Status): Family[] {
  return [
    histogram(
      "siproc_event_loop_lag_seconds",
      "How late the main thread is with its timers; measured while somebody asks for metrics.",
      [[{}, meters.lag.histogram]],
    ),
    counter(
      "siproc_sip_requests_received_total",
      "Requests that came, repetitions included.",
      byName(meters.requests, "method"),
    ),
    counter("siproc_sip_responses_received_total", "Responses that came.", byName(meters.responses, "code")),
    counter(
      "siproc_sip_answers_total",
      "Final responses that we gave, by the method of the request.",
      byNames(meters.answers, (method, code) => ({ method, code })),
    ),
    counter(
      "siproc_sip_results_total",
      "What became of requests that we sent; code 408: nobody answered, 503: also one that could not be sent.",
      byNames(meters.results, (method, code) => ({ method, code })),
    ),
    histogram(
      "siproc_sip_server_transaction_seconds",
      "From a request that came to our final response; what is answered without a transaction is not in it.",
      timed(meters.serving, "method"),
    ),
    histogram(
      "siproc_sip_client_transaction_seconds",
      "From a request that we sent to its first final response.",
      timed(meters.asking, "method"),
    ),
    gauge("siproc_sip_transactions", "Open transactions.", now.transactions),
    gauge("siproc_connections", "Open TCP, TLS and WebSocket connections.", now.connections),
    gauge("siproc_proxy_requests", "Requests that are being forwarded.", now.calls.forwarding),
  ];
}

function callFamilies(meters: Meters, now: Status): Family[] {
  return [
    gauge("siproc_calls", "Calls that handlers have.", now.calls.handled),
    counter(
      "siproc_calls_begun_total",
      "Calls that were given to a handler, or placed.",
      byName(meters.begun, "direction"),
    ),
    counter("siproc_calls_answered_total", "Calls that were answered.", byName(meters.answered, "direction")),
    counter(
      "siproc_calls_refused_total",
      "INVITEs that got 503 since we had too much to do, or were stopping.",
      byName(meters.turned, "reason"),
    ),
    counter(
      "siproc_calls_ended_total",
      "Calls of handlers that are over: who ended them, why, and the SIP status that tells it best.",
      byNames(meters.endings, (direction, ending) => {
        const [by = "", cause = "", code = ""] = ending.split(" ");
        return { direction, by, cause, code };
      }),
    ),
    counter(
      "siproc_forwarded_calls_total",
      "Calls that proxies forwarded and that are over: how they ended, and the final status of the INVITE.",
      byNames(meters.forwarded, (ending, code) => ({ ending, code })),
    ),
    histogram("siproc_call_setup_seconds", "From the INVITE to the answer.", timed(meters.setup, "direction")),
    histogram("siproc_call_duration_seconds", "From the answer to the end.", timed(meters.lasted, "direction")),
    histogram("siproc_handler_seconds", "From a call's beginning to the first command of its handler.", [
      [{}, meters.handling],
    ]),
  ];
}

function mediaFamilies({ packets, jitter, opinion }: Meters, media: EngineStats): Family[] {
  const { late } = media;
  return [
    gauge("siproc_media_sessions", "Audio sessions of calls that handlers have, and of pages.", media.sessions),
    gauge("siproc_media_ports_free", "Pairs of media ports that are bound and free.", media.free),
    gauge("siproc_media_ports", "Pairs of media ports that there may be.", media.pairs),
    histogram(
      "siproc_media_late_seconds",
      "How late the media worker is with what it sends every 20 ms.",
      late === undefined ? [] : [[{}, { bounds: lateBounds, ...late, count: late.counts.reduce((a, b) => a + b, 0) }]],
    ),
    counter("siproc_media_restarts_total", "How often the media worker had to be started anew.", media.restarts),
    counter(
      "siproc_rtp_packets_total",
      "RTP packets of calls that handlers have, and of relayed calls that are over.",
      [
        [{ direction: "received" }, packets.get("received")],
        [{ direction: "sent" }, packets.get("sent")],
      ],
    ),
    counter(
      "siproc_rtp_packets_lost_total",
      "RTP packets that were sent and did not arrive: here, or as the peer says.",
      [
        [{ direction: "received" }, packets.get("lost")],
        [{ direction: "sent" }, packets.get("lost by the peer")],
      ],
    ),
    counter(
      "siproc_rtp_packets_refused_total",
      "Datagrams on media ports that were of a stranger, or no RTP.",
      packets.get("dropped"),
    ),
    histogram(
      "siproc_call_mos",
      "Mean opinion score of calls that are over, as the E-model estimates it; of what came, and of what we sent.",
      timed(opinion, "direction"),
    ),
    histogram(
      "siproc_rtp_jitter_seconds",
      "Interarrival jitter (RFC 3550) of each call that is over.",
      timed(jitter, "direction"),
    ),
  ];
}

function stateFamilies(
  meters: Meters,
  { registrations, accounts, trunks, store, calls, abuse }: Status,
  bans: number,
): Family[] {
  return [
    gauge("siproc_relayed_calls", "Calls whose audio is relayed.", calls.relayed),
    gauge("siproc_registered_users", "Users that are registered.", registrations?.users),
    gauge("siproc_registered_contacts", "Contacts that are registered.", registrations?.contacts),
    counter(
      "siproc_registrations_total",
      "What became of contacts: registered, refreshed, unregistered, expired.",
      byName(meters.registrations, "event"),
    ),
    gauge("siproc_accounts", "Accounts.", accounts),
    gauge(
      "siproc_trunk_up",
      "1: the trunk is registered, or needs no registration.",
      trunks.map(({ name, state }) => [{ trunk: name }, state === "registered" || state === "unregistered" ? 1 : 0]),
    ),
    gauge("siproc_store_waiting", "Changes that are not written yet.", store.waiting),
    gauge("siproc_store_up", "1: the store can be written.", store.failure === undefined ? 1 : 0),
    gauge("siproc_bans", "Addresses that are not answered.", bans),
    counter("siproc_bans_begun_total", "Bans that began.", abuse.banned),
    counter("siproc_requests_limited_total", "Requests over the rate of their source.", abuse.limited),
    counter("siproc_scanner_requests_total", "Requests of scanners, which get no answer.", abuse.scanners),
    counter("siproc_abuse_failures_total", "Wrong passwords, calls to nobody and the like.", abuse.failures),
  ];
}

type Samples = readonly (readonly [labels: Labels, value: number])[];

function gauge(name: string, help: string, value: number | undefined | Samples): Family {
  return { name, help, type: "gauge", samples: samplesOf(value) };
}

function counter(name: string, help: string, value: number | undefined | Samples): Family {
  return { name, help, type: "counter", samples: samplesOf(value) };
}

function histogram(name: string, help: string, samples: readonly (readonly [Labels, HistogramCounts])[]): Family {
  return { name, help, type: "histogram", samples };
}

function samplesOf(value: number | undefined | Samples): Samples {
  if (value === undefined) return [];
  return typeof value === "number" ? [[{}, value]] : value;
}

function byName(tally: Tally, label: string): Samples {
  return [...tally.entries()].map(([name, , count]) => [{ [label]: name }, count]);
}

function byNames(tally: Tally, labels: (name: string, detail: string) => Labels): Samples {
  return [...tally.entries()].map(([name, detail, count]) => [labels(name, detail), count]);
}

function timed(histograms: Histograms, label: string): (readonly [Labels, Histogram])[] {
  return [...histograms.entries()].map(([name, each]) => [{ [label]: name }, each]);
}

function codeCounts(tally: Tally): Overview["answers"] {
  return [...tally.entries()].map(([method, code, count]) => ({ method, code: Number(code) || 0, count }));
}

function total(tally: Tally): number {
  return [...tally.entries()].reduce((sum, [, , count]) => sum + count, 0);
}

/** Undefined where the system does not tell. */
function openDescriptors(): number | undefined {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch {
    return undefined;
  }
}
