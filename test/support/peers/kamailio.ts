/** Kamailio (Debian's kamailio), one process of it per test: a configuration of our own, its own ports, in memory only. */
import { join } from "node:path";
import { phoneHost } from "./baresip.ts";
import { temporaryFolder } from "./folder.ts";
import { freePort, untilBound } from "./ports.ts";
import { Program, ProgramError } from "./program.ts";

export interface KamailioOptions {
  host?: string;
  /** What it listens on beside UDP and TCP, which share a port. WS and WSS are answered on the ports of TCP and TLS. */
  tls?: { certificate: string; key: string };
  websocket?: boolean;
  /** Names of modules beside those that every configuration here has (`sl`, `tm`, `rr`, `pv`, …). */
  modules?: readonly string[];
  /** `module|name|value`, where a value that is no number is text. */
  parameters?: readonly string[];
  /** `request_route { … }` and what else follows: see the three configurations below. */
  routes: string;
  /** Words put before the command, such as `ip netns exec outside`. */
  prefix?: readonly string[];
}

export interface Kamailio {
  host: string;
  /** UDP and TCP, and WS where asked for. */
  port: number;
  /** TLS, and WSS where asked for; 0 without `tls`. */
  tlsPort: number;
  address: string;
  program: Program;
  stop(): Promise<unknown>;
}

const always = ["kex", "corex", "pv", "tm", "sl", "rr", "maxfwd", "textops", "siputils", "xlog"];

/** Starts it; resolves when it listens. */
export async function kamailio(options: KamailioOptions): Promise<Kamailio> {
  const port = await freePort();
  const tlsPort = options.tls === undefined ? 0 : await freePort();
  const host = options.host ?? phoneHost;
  const modules = [
    ...always,
    ...(options.tls === undefined ? [] : ["tls"]),
    ...(options.websocket ? ["xhttp", "websocket"] : []),
    ...(options.modules ?? []),
  ];
  const config = [
    "#!KAMAILIO",
    "debug=1",
    "log_stderror=yes",
    "fork=yes",
    // One worker: with more, messages of one dialog overtake each other.
    "children=1",
    "tcp_children=1",
    "auto_aliases=no",
    "dns=no",
    "rev_dns=no",
    "tcp_accept_no_cl=yes",
    "tcp_connection_lifetime=3600",
    `listen=udp:${host}:${port}`,
    `listen=tcp:${host}:${port}`,
    ...(options.tls === undefined ? [] : ["enable_tls=yes", `listen=tls:${host}:${tlsPort}`]),
    ...modules.map((name) => `loadmodule "${name}.so"`),
    'modparam("rr", "append_fromtag", 1)',
    ...(options.tls === undefined
      ? []
      : [
          `modparam("tls", "certificate", "${options.tls.certificate}")`,
          `modparam("tls", "private_key", "${options.tls.key}")`,
          'modparam("tls", "tls_method", "TLSv1.2+")',
        ]),
    ...(options.parameters ?? []).map((line) => {
      const [module, name, value = ""] = line.split("|");
      return `modparam("${module}", "${name}", ${/^\d+$/.test(value) ? value : `"${value}"`})`;
    }),
    options.routes,
    ...(options.websocket ? [handshake] : []),
    "",
  ].join("\n");
  const folder = temporaryFolder("kamailio", { "kamailio.cfg": config });
  const program = new Program({
    command: [
      ...(options.prefix ?? []),
      ...["kamailio", "-DD", "-E", "-f", join(folder, "kamailio.cfg"), "-Y", folder, "-w", folder, "-m", "32"],
    ],
    cwd: folder,
  });
  const bound = Promise.all([
    untilBound(port, "udp", 8000, program.pid),
    untilBound(port, "tcp", 8000, program.pid),
    tlsPort === 0 || untilBound(tlsPort, "tcp", 8000, program.pid),
  ]);
  const ready = await Promise.race([bound.then((all) => all.every(Boolean)), program.exited.then(() => false)]);
  if (!ready) {
    await program.stop();
    throw new ProgramError(`kamailio did not start:\n${program.lines.slice(-30).join("\n")}`);
  }
  return { host, port, tlsPort, address: `${host}:${port}`, program, stop: () => program.stop() };
}

const handshake = `
event_route[xhttp:request] {
  if ($hdr(Upgrade) =~ "websocket" && $rm == "GET") {
    if (ws_handle_handshake()) exit;
  }
  xhttp_reply("404", "Not Found", "", "");
}`;

/** What every proxy does first, up to requests inside dialogs; `route[RELAY]` is what the configuration defines. */
const beginning = `
  if (!mf_process_maxfwd_header("70")) { sl_send_reply("483", "Too Many Hops"); exit; }
  if (is_method("CANCEL")) { if (t_check_trans()) route(RELAY); exit; }
  t_check_trans();
  if (has_totag()) {
    if (loose_route()) {
      if ($du == $null) handle_ruri_alias();
      if (is_method("INVITE|UPDATE") && is_first_hop()) add_contact_alias();
      route(RELAY); exit;
    }
    if (is_method("ACK")) { if (t_check_trans()) route(RELAY); exit; }
    sl_send_reply("404", "Not Here"); exit;
  }`;

/** A Route of its own is taken off; where that names nowhere else (no further Route, nor `received` of a Path), `next` is next. */
const onward = (next: string) => `loose_route();
  if ($du == $null) $du = "${next}";
  route(RELAY);`;

export interface KamailioServer {
  domain: string;
  /** user → password */
  users: Readonly<Record<string, string>>;
  /** `udp:host:port` of an rtpengine that every call's media goes through. */
  rtpengine?: string;
}

/** A registrar with digest authentication, and the proxy to whoever is registered. */
export function registrarAndProxy({ domain, users, rtpengine }: KamailioServer): Omit<KamailioOptions, "host"> {
  const passwords = Object.entries(users)
    .map(([user, password]) => `  if ($au == "${user}") $var(password) = "${password}";`)
    .join("\n");
  const relay = rtpengine === undefined ? "" : 'rtpengine_manage("replace-origin replace-session-connection");';
  return {
    modules: ["usrloc", "registrar", "auth", "nathelper", "path", ...(rtpengine === undefined ? [] : ["rtpengine"])],
    parameters: [
      "usrloc|db_mode|0",
      "registrar|use_path|1",
      "registrar|path_mode|0",
      "registrar|received_avp|$avp(received)",
      "nathelper|received_avp|$avp(received)",
      "registrar|method_filtering|0",
      // It gives them out, but does not find them again within dialogs.
      "registrar|gruu_enabled|0",
      ...(rtpengine === undefined ? [] : [`rtpengine|rtpengine_sock|${rtpengine}`]),
    ],
    routes: `
alias="${domain}"
request_route {
  force_rport();
  ${beginning}
  if (is_method("OPTIONS") && uri == myself && $rU == $null) { sl_send_reply("200", "OK"); exit; }
  $var(password) = "";
  if (is_method("REGISTER")) {
    if (!has_credentials("${domain}")) { www_challenge("${domain}", "1"); exit; }
${passwords}
    if (!pv_www_authenticate("${domain}", "$var(password)", "0") || $au != $tU) { www_challenge("${domain}", "1"); exit; }
    consume_credentials();
    fix_nated_register();
    save("location"); exit;
  }
${passwords}
  if (!pv_proxy_authenticate("${domain}", "$var(password)", "0")) { proxy_challenge("${domain}", "1"); exit; }
  consume_credentials();
  if (is_method("INVITE|SUBSCRIBE|REFER")) { record_route(); if (is_first_hop()) add_contact_alias(); }
  if (!lookup("location")) { sl_send_reply("480", "Temporarily Unavailable"); exit; }
  route(RELAY);
}
route[RELAY] {
  ${relay}
  t_on_reply("ANSWER");
  if (!t_relay()) sl_reply_error();
}
onreply_route[ANSWER] { if (is_first_hop()) add_contact_alias(); ${relay} }
`,
  };
}

/** A proxy that stays in the path of dialogs and sends everything on to one place. `next` is a SIP URI. */
export function throughProxy(next: string, mark = ""): Omit<KamailioOptions, "host"> {
  return {
    modules: ["nathelper"],
    routes: `
request_route {
  ${beginning}
  if (is_method("INVITE|SUBSCRIBE|REFER")) record_route("${mark}");
  ${onward(next)}
}
route[RELAY] { if (!t_relay()) sl_reply_error(); }
`,
  };
}

/** An edge (RFC 3327): phones register through it, and calls to them come back by the Path that it adds. */
export function edge(next: string): Omit<KamailioOptions, "host"> {
  return {
    modules: ["nathelper", "path"],
    parameters: ["path|use_received|1"],
    routes: `
request_route {
  ${beginning}
  if (is_method("REGISTER")) add_path_received();
  if (is_method("INVITE|SUBSCRIBE|REFER")) record_route();
  ${onward(next)}
}
route[RELAY] { if (!t_relay()) sl_reply_error(); }
`,
  };
}
