/** From the location service to targets of a proxy: who is meant (GRUUs included), and by which way each contact is reached. */
import type { Flow } from "../../sip/flow.ts";
import { canonicalHost } from "../../sip/host.ts";
import { isSipUri, parseUri, type SipUri, unescapeUri } from "../../sip/uri.ts";
import type { ProxyTarget } from "../target.ts";
import { aorOf, type DomainOf } from "./aor.ts";
import type { Binding, FlowRef } from "./binding.ts";
import type { Gruus } from "./gruu.ts";
import type { Location } from "./location.ts";

/** What of the transport layer is needed: the flow that a binding came by, while it is there. */
export interface FlowFinder {
  flowOf(ref: FlowRef): Flow | undefined;
}

export interface LocateOptions {
  readonly location: Location;
  readonly domainOf: DomainOf;
  readonly gruus?: Gruus | undefined;
}

/** `aor` is undefined, and there are no bindings, where the URI cannot be an address-of-record of ours. */
export interface Located {
  readonly aor: string | undefined;
  readonly bindings: readonly Binding[];
  /** Of a GRUU that does not hold there is no user, whatever the accounts say: 404 (RFC 5627 §6.1). */
  readonly invalidGruu?: true;
}

const nobody: Located = { aor: undefined, bindings: [] };

/** Looks a Request-URI up: as an address-of-record, or as a GRUU of one device of it. */
export function locate(uri: SipUri, { location, domainOf, gruus }: LocateOptions): Located {
  const domain = domainOf(uri.host, uri.port);
  if (domain === undefined) return nobody;
  const gr = uri.params.size === 0 ? undefined : uri.params.get("gr");
  if (gr === "") {
    const said = gruus?.read(uri.user ?? "");
    const bindings = said === undefined ? [] : location.lookup(said.aor).filter((each) => said.isFor(each));
    if (said === undefined || bindings.length === 0) return { ...nobody, invalidGruu: true };
    return { aor: said.aor, bindings };
  }
  const aor = aorOf(uri, domain);
  if (aor === undefined) return nobody;
  const bindings = location.lookup(aor);
  if (gr === undefined) return { aor, bindings };
  const instance = unescapeUri(gr);
  return { aor, bindings: bindings.filter((each) => each.instance === instance) };
}

/**
 * The targets that bindings make. Of one instance there is one target, the flow that was refreshed last and is there; its
 * others stand by (RFC 5626 §7, RFC 5627 §6.1). Contacts that are not SIP are left out: only a redirect can name them.
 */
export function targetsOf(bindings: readonly Binding[], ways: FlowFinder): ProxyTarget[] {
  const [only] = bindings;
  if (only === undefined) return [];
  if (bindings.length === 1) {
    const target = targetOf(only, ways);
    return target === undefined ? [] : [target];
  }
  const targets: ProxyTarget[] = [];
  const instances = new Map<string, Binding[]>();
  for (const binding of bindings) {
    const { instance } = binding;
    if (instance === undefined) {
      const target = targetOf(binding, ways);
      if (target !== undefined) targets.push(target);
    } else {
      const others = instances.get(instance);
      if (others === undefined) instances.set(instance, [binding]);
      else others.push(binding);
    }
  }
  for (const ofInstance of instances.values()) {
    const target = oneOf(ofInstance, ways);
    if (target !== undefined) targets.push(target);
  }
  return targets;
}

/** The ways to one device as one target. */
function oneOf(bindings: readonly Binding[], ways: FlowFinder): ProxyTarget | undefined {
  const flows = [...bindings]
    .sort((a, b) => b.refreshed - a.refreshed || b.id - a.id)
    .map((binding) => targetOf(binding, ways))
    .filter((target) => target !== undefined);
  const there = flows.filter((target) => target.lost === undefined);
  const [first, ...failover] = there;
  if (first === undefined) return flows[0];
  return failover.length === 0 ? first : { ...first, failover };
}

function targetOf(binding: Binding, ways: FlowFinder): ProxyTarget | undefined {
  const { contact: uri, q } = binding;
  if (!isSip(uri)) return undefined;
  const route = binding.path;
  if (route.length > 0) return { uri, route, q };
  if (!binding.direct && !binding.natted) return { uri, q };
  const outbound = binding.regId !== undefined;
  const ref = binding.flow;
  // A client on UDP is where its contact says, unless there is a NAT before it, or it asked for this flow.
  if (ref.transport === "udp" && !binding.natted && !outbound) return { uri, q };
  const flow = ways.flowOf(ref);
  if (flow !== undefined) return { uri, q, flow };
  if (!outbound && isListening(uri, ref)) return { uri, q };
  return { uri, q, lost: outbound ? 430 : 480 };
}

function isSip(contact: string): boolean {
  return contact.startsWith("sip:") || /^sips?:/i.test(contact);
}

/** Can a client whose connection is gone be connected to? It must have named a port of its host that is not that connection's. */
function isListening(contact: string, { transport, remote }: FlowRef): boolean {
  if (transport !== "tcp" && transport !== "tls") return false;
  const uri = parseUri(contact);
  if (uri === undefined || !isSipUri(uri) || uri.params.has("maddr")) return false;
  const port = uri.port ?? (uri.scheme === "sips" || transport === "tls" ? 5061 : 5060);
  return canonicalHost(uri.host) === canonicalHost(remote.host) && port !== remote.port;
}
