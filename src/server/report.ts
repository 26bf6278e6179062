/** What the server says of itself to `siproc status`, and what it can be told. */
import { isIP } from "node:net";
import type { Config } from "../config/config.ts";
import type { AccountsControl } from "../control/accounts.ts";
import type { Feed } from "../control/feed.ts";
import type { Control, Status } from "../control/status.ts";
import type { Binding } from "../routing/registrar/index.ts";
import { decodeUtf8 } from "../sip/text.ts";
import type { TransactionLayer } from "../sip/transaction/index.ts";
import { withoutPassword } from "../sip/uri.ts";
import type { Store } from "../store/index.ts";
import { formatAddress, socketHost, type TransportLayer } from "../transport/index.ts";
import { version } from "../version.ts";
import type { Calls } from "./calls.ts";
import type { Services } from "./services.ts";
import type { Trunks } from "./trunks.ts";

export interface ReportParts {
  config: () => Config;
  feed: Feed;
  accounts: AccountsControl;
  calls: Calls;
  services: Services;
  store: Store;
  transport: TransportLayer;
  transactions: TransactionLayer;
  trunks: Trunks;
}

export function report(parts: ReportParts): Control {
  const { services } = parts;
  const { guard, location } = services;
  const started = Date.now();
  return {
    status: () => statusOf(parts, started),
    contacts(limit, { offset = 0, text } = {}) {
      const contacts = [];
      const wanted = text?.toLowerCase();
      const textOf = ({ aor, contact }: Binding) => decodeUtf8(`${aor}\n${contact}`).toLowerCase();
      let passed = 0;
      for (const binding of location.all()) {
        if (contacts.length === limit) break;
        if (wanted !== undefined && !textOf(binding).includes(wanted)) continue;
        if (passed++ < offset) continue;
        const { transport, remote } = binding.flow;
        contacts.push({
          user: decodeUtf8(binding.aor),
          contact: withoutPassword(decodeUtf8(binding.contact)),
          transport,
          source: formatAddress(remote),
          expires: location.secondsLeft(binding),
          agent: binding.userAgent === undefined ? undefined : decodeUtf8(binding.userAgent),
        });
      }
      return contacts;
    },
    bans: () => guard.bans.list(),
    relays: async (limit) => await services.relays(limit),
    ban(written, ms) {
      if (isIP(written) === 0) return "no address";
      const source = socketHost(written);
      guard.bans.add(source, Math.max(0, ms), "an operator");
      if (guard.hears(source)) {
        guard.bans.lift(source);
        return "exempt";
      }
      parts.transport.disconnect(source);
      parts.feed.publish("ban.began", { source, why: "an operator", until: Date.now() + Math.max(0, ms) });
      return "banned";
    },
    unban(written) {
      const source = socketHost(written);
      const lifted = guard.bans.lift(source);
      if (lifted) parts.feed.publish("ban.lifted", { source });
      return lifted;
    },
    accounts(limit) {
      const rows = [];
      for (const { user, domain, name, disabled, kept } of parts.accounts.views()) {
        if (rows.length === limit) break;
        rows.push({ user, domain, name, disabled, kept });
      }
      return rows;
    },
    async putAccount(fields) {
      if (typeof fields !== "object" || fields === null) return ["expected an account"];
      // What is no array and no null can be looked into by name.
      const outcome = await parts.accounts.change([{ type: "put", fields: fields as Record<string, unknown> }]);
      return outcome.ok ? [] : outcome.faults.map(({ message }) => message);
    },
    async removeAccount(user, domain) {
      const outcome = await parts.accounts.change([{ type: "remove", user, domain }]);
      return outcome.ok;
    },
  };
}

function statusOf(
  { config, calls, services, store, transport, transactions, trunks }: ReportParts,
  started: number,
): Status {
  const { guard, location, stateful } = services;
  const { user, system } = process.cpuUsage();
  return {
    version,
    pid: process.pid,
    file: config().file,
    started,
    listening: transport.listening.map(({ transport: kind, local }) => `${kind}://${formatAddress(local)}`),
    calls: { handled: calls.size, relayed: services.relayed, forwarding: stateful.size },
    transactions: transactions.size,
    connections: transport.connections,
    trunks: trunks.status(),
    registrations: services.takesRegistrations ? { users: location.users, contacts: location.size } : undefined,
    accounts: config().accounts === undefined ? undefined : services.accounts.size,
    store: store.state,
    abuse: { ...guard.counts },
    process: { memory: process.memoryUsage.rss(), cpu: (user + system) / 1_000_000 },
  };
}
