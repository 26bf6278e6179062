/** What is kept of calls and of what passes: quality while they are up, records when they are over, messages and packets. */
import type { Config } from "../config/config.ts";
import { HepSender } from "../control/capture/hep-sender.ts";
import { Capture } from "../control/capture/store.ts";
import type { Feed } from "../control/feed.ts";
import { defaultCapture, type RecordSettings } from "../control/keeping.ts";
import {
  type CallRecord,
  defaultRecords,
  type KeptRecord,
  type RecordQuery,
  type RecordsControl,
} from "../control/records.ts";
import type { Log } from "../log.ts";
import { LogFile } from "../log-file.ts";
import type { Clock } from "../sip/clock.ts";
import { type RecordCondition, type Store, StoreError } from "../store/index.ts";
import type { TransportLayer } from "../transport/index.ts";
import { CallRecords } from "./call-records.ts";
import type { Calls } from "./calls.ts";
import type { Gateway } from "./gateway.ts";
import { PacketLog, type PacketSource, packetsSize } from "./packet-log.ts";
import { type CountedRelay, QualityMonitor } from "./quality-monitor.ts";
import type { Relay } from "./relay.ts";

export interface KeepingParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly store: Store;
  readonly calls: Calls;
  readonly relay: Relay;
  readonly gateway: Gateway;
  readonly transport: Pick<TransportLayer, "tap">;
  readonly media: PacketSource;
  readonly feed: Feed;
}

export { packetsSize } from "./packet-log.ts";

/** @throws StoreError when the file of records cannot be written */
export async function keep(config: Config, parts: KeepingParts): Promise<Keeping> {
  return new Keeping(config, parts);
}

export class Keeping implements RecordsControl {
  readonly quality: QualityMonitor;
  readonly made: CallRecords;
  readonly capture: Capture;
  readonly #parts: KeepingParts;
  readonly #packetsSize: number;
  readonly #packets: PacketLog;
  readonly #relayed: PacketLog;
  #file: { readonly settings: RecordSettings; readonly file: LogFile } | undefined;
  #hep: { readonly settings: string; readonly sender: HepSender } | undefined;

  /** @throws StoreError when the file of records cannot be written */
  constructor(config: Config, parts: KeepingParts) {
    const { clock, log, relay, gateway, calls, store, transport } = parts;
    this.#parts = parts;
    this.#packetsSize = packetsSize(config);
    this.#packets = new PacketLog(parts.media);
    this.#relayed = new PacketLog(parts.relay);
    const now = Date.now;
    const { feed } = parts;
    this.quality = new QualityMonitor({
      ...{ clock, now },
      relay: this.#forwarded(relay, gateway),
      changed(call, callId, { poor, direction, moment: { mos, loss, jitter } }) {
        log.info(poor ? "a call sounds bad" : "a call sounds well again", {
          callId,
          call,
          direction,
          mos,
          loss,
          jitter,
        });
        feed.publish("call.quality", { poor, direction, mos, loss, jitter }, { call, callId });
      },
    });
    this.made = new CallRecords({
      ...{ clock, now, log },
      quality: this.quality,
      carries: (callId) => relay.carries(callId) || gateway.carries(callId),
    });
    this.capture = new Capture({
      size: 0,
      packets: async (calls) => (await Promise.all([this.#packets.of(calls), this.#relayed.of(calls)])).flat(),
      watch: (on) => {
        transport.tap = on ? this.capture : undefined;
      },
    });
    this.made.listeners.add((record) => {
      store.records.append(record);
      this.#file?.file.take(lineOf(record));
      if (feed.active) feed.publish("call.recorded", { record }, { call: record.call, callId: record.callId });
    });
    calls.observers.add(this.made);
    calls.observers.add({
      counted: ({ facts, audio }) => this.#packets.note(facts.callId, audio?.id),
      ended: ({ facts, audio }) => this.#packets.note(facts.callId, audio?.id),
    });
    relay.ended = (report) => {
      this.#relayed.note(report.callId, report.session);
      this.made.relayEnded(report);
    };
    relay.begun = () => this.quality.wake();
    gateway.begun = () => this.quality.wake();
    gateway.ended = (report) => {
      for (const session of report.sessions) this.#packets.note(report.callId, session);
      this.made.relayEnded(report);
    };
    this.#openFile(config.records);
    this.#set(config);
  }

  /** Takes over a configuration that was read again. */
  use(config: Config): void {
    if (packetsSize(config) !== this.#packetsSize)
      this.#parts.log.warn("capture.packets has changed; that takes a restart");
    try {
      this.#openFile(config.records);
    } catch (error) {
      this.#parts.log.error(error instanceof Error ? error.message : String(error));
    }
    this.#set(config);
  }

  #set(config: Config): void {
    const { keep, most } = config.records;
    this.#parts.store.records.retain({ keep, most });
    this.capture.size = captureSize(config);
    const settings = JSON.stringify(config.hep);
    if (settings === this.#hep?.settings) return;
    this.#hep?.sender.close();
    const { hep } = config;
    this.#hep = hep && { settings, sender: new HepSender(hep, this.capture, this.#parts.log) };
  }

  async records(query: RecordQuery): Promise<readonly KeptRecord[]> {
    const { limit = defaultRecords, before } = query;
    const found = await this.#parts.store.records.find({ limit, before, where: conditionsOf(query) });
    // What the store has of ours was written by this program: its members are those of a CallRecord.
    return found.map(([id, record]) => ({ ...(record as CallRecord), id }));
  }

  onRecord(heard: (record: CallRecord) => void): () => void {
    const listener = (record: CallRecord) => heard(record);
    this.made.listeners.add(listener);
    return () => void this.made.listeners.delete(listener);
  }

  /** Opens the file of records anew, which was renamed away. */
  reopen(): void {
    this.#file?.file.reopen();
  }

  /** No call is up any more. Resolves when all records are on their way to the store, and in the file. */
  async close(): Promise<void> {
    this.made.finish();
    this.quality.close();
    this.#hep?.sender.close();
    this.capture.close();
    await this.#file?.file.close();
  }

  /** Those that pass media on as it is, and those that convert it. */
  #forwarded(relay: Relay, gateway: Gateway): CountedRelay {
    return {
      get size() {
        return relay.size + gateway.size;
      },
      counts: async () => {
        const [relayed, converted] = await Promise.all([relay.counts(), gateway.counts()]);
        for (const { callId, session } of relayed) this.#relayed.note(callId, session);
        for (const { callId, sessions } of converted)
          for (const session of sessions) this.#packets.note(callId, session);
        return [...relayed, ...converted];
      },
    };
  }

  #openFile(settings: RecordSettings): void {
    const before = this.#file;
    if (JSON.stringify(before?.settings) === JSON.stringify(settings)) return;
    this.#file = undefined;
    void before?.file.close();
    const { file: path, rotate, files } = settings;
    if (path === undefined) return;
    const { log } = this.#parts;
    try {
      const file = new LogFile({
        path,
        format: "json",
        rotate: { size: rotate, keep: files },
        // Each record is a line already; what else is written says how many were lost.
        render: ({ message, fields }) =>
          fields.lines === undefined ? message : JSON.stringify({ lost: fields.lines }),
        failed: (reason) => log.error("call records are not written to their file", { reason }),
      });
      this.#file = { settings, file };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new StoreError("unwritable", `call records cannot be written to ${path}: ${reason}; change records.file`);
    }
  }
}

/** Octets for messages: where the API can be asked for them, some by default. */
function captureSize({ capture, control }: Config): number {
  return capture.size ?? (control === undefined ? 0 : defaultCapture.size);
}

function lineOf(record: CallRecord) {
  return { time: new Date(record.end), level: "info", message: JSON.stringify(record), fields: {} } as const;
}

function conditionsOf(query: RecordQuery): RecordCondition[] {
  const { from, until, user, callId, answered, status, handler, mosBelow } = query;
  const conditions: (RecordCondition | undefined)[] = [
    from === undefined ? undefined : { member: "begin", is: ">=", value: from },
    until === undefined ? undefined : { member: "begin", is: "<", value: until },
    user === undefined ? undefined : { anyOf: ["callerUser", "calleeUser", "user"], is: "=", value: user },
    callId === undefined ? undefined : { member: "callId", is: "=", value: callId },
    answered === undefined ? undefined : { member: "answer", is: answered ? "there" : "missing" },
    status === undefined
      ? undefined
      : { member: "status", is: status < 10 ? ">=" : "=", value: status < 10 ? status * 100 : status },
    status === undefined || status >= 10 ? undefined : { member: "status", is: "<", value: status * 100 + 100 },
    handler === undefined ? undefined : { member: "handler", is: "=", value: handler },
    mosBelow === undefined ? undefined : { member: "worstMos", is: "<", value: mosBelow },
  ];
  return conditions.filter((condition) => condition !== undefined);
}
