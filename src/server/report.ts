/** What the server says of itself to `siproc status`, and what it can be told. */
import { isIP } from "node:net";
import { accountOfFields } from "../accounts/index.ts";
import type { Config } from "../config/config.ts";
import type { Control, Status } from "../control/status.ts";
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
  /** Takes the configuration over again: what depends on the accounts is made anew. */
  apply(config: Config): void;
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
    contacts(limit) {
      const contacts = [];
      for (const binding of location.all()) {
        if (contacts.length === limit) break;
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
      return "banned";
    },
    unban: (source) => guard.bans.lift(socketHost(source)),
    accounts(limit) {
      const { configured, stored } = services;
      const rows = [
        ...[...configured].map((account) => ({ account, kept: "configuration" as const })),
        ...[...stored].map((account) => ({ account, kept: "store" as const })),
      ];
      return rows.slice(0, limit).map(({ account: { user, domain, name, disabled }, kept }) => ({
        user,
        domain,
        name,
        disabled,
        kept,
      }));
    },
    async putAccount(fields) {
      const read = accountOfFields(fields);
      if (!("account" in read)) return read.problems;
      services.stored.put(read.account);
      parts.apply(parts.config());
      await parts.store.flush();
      return [];
    },
    async removeAccount(user, domain) {
      if (!services.stored.remove(user, domain)) return false;
      services.forgetStrangers();
      parts.apply(parts.config());
      await parts.store.flush();
      return true;
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
