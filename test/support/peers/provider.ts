/**
 * A small provider of telephony: a domain, its users, and a server that registers them and brings them together. It is
 * dist/siproc; with the environment variable SIPROC_REFERENCE=kamailio it is Kamailio, which tells whether a failing test is
 * siproc's fault or that of the phones and of what runs them.
 */
import { phoneHost, type Registration } from "./baresip.ts";
import { type KamailioOptions, kamailio, registrarAndProxy } from "./kamailio.ts";
import type { Place } from "./netns.ts";
import { freePort } from "./ports.ts";
import { Program } from "./program.ts";
import { siproc } from "./siproc.ts";

export const domain = "example.com";
/** user → password */
export const users = { alice: "wonderland", bob: "builder", carol: "christmas", dave: "goliath" } as const;
export type User = keyof typeof users;

export interface ProviderOptions {
  /** Files of the server's certificate, its key, and the certificate that signed it. With them it also speaks TLS and WSS. */
  certificates?: { certificate: string; key: string; ca: string };
  /** Also speaks WS. */
  websocket?: boolean;
  /** Relays media. */
  relay?: boolean;
  /** How siproc forwards: `stateful` by default. */
  mode?: "stateless" | "stateful";
  /** YAML before the route to who is registered, and at the end of the file. */
  routes?: readonly string[];
  config?: string;
  /** Beside the configuration. */
  files?: Readonly<Record<string, string>>;
  place?: Place;
}

export interface Provider {
  host: string;
  /** `host:port` of UDP and TCP. */
  address: string;
  /** `host:port` by transport; empty where it does not listen. */
  at: Readonly<Record<"udp" | "tcp" | "tls" | "ws" | "wss", string>>;
  registration(user: User, transport?: "udp" | "tcp" | "tls"): Registration;
  program: Program;
  /** How its program was started, to start it again. */
  started: { command: readonly string[]; folder: string };
  stop(): Promise<unknown>;
}

export async function provider(options: ProviderOptions = {}): Promise<Provider> {
  const started = process.env.SIPROC_REFERENCE === "kamailio" ? await reference(options) : await tested(options);
  return {
    ...started,
    address: started.at.udp,
    registration: (user, transport = "udp") => ({
      server: started.at[transport],
      domain,
      password: users[user],
      ...(transport !== "tls" || options.certificates === undefined ? {} : { ca: options.certificates.ca }),
    }),
  };
}

type Started = Omit<Provider, "address" | "registration">;

async function tested(options: ProviderOptions): Promise<Started> {
  const { certificates, mode = "stateful" } = options;
  const nat = options.relay ? ", nat: relay" : "";
  const server = await siproc({
    host: options.place?.host ?? phoneHost,
    prefix: options.place?.prefix ?? [],
    files: options.files ?? {},
    listen: [
      ...(options.websocket ? ["ws" as const] : []),
      ...(certificates === undefined ? [] : ["tls" as const, "wss" as const]),
    ],
    config: [
      `domains: [${domain}]`,
      "accounts:",
      ...Object.entries(users).map(([user, password]) => `  - { user: ${user}, password: ${password} }`),
      ...(certificates === undefined ? [] : [`tls: { cert: ${certificates.certificate}, key: ${certificates.key} }`]),
      "routes:",
      ...(options.routes ?? []).map((route) => `  - ${route}`),
      `  - { to: "*@${domain}", location: true, auth: true, mode: ${mode}${nat} }`,
      "  - { method: OPTIONS, reply: 200 }",
      options.config ?? "",
    ].join("\n"),
  });
  const on = (port: number) => (port === 0 ? "" : `${server.host}:${port}`);
  return {
    ...server,
    started: server,
    at: {
      udp: server.address,
      tcp: server.address,
      tls: on(server.ports.tls),
      ws: on(server.ports.ws),
      wss: on(server.ports.wss),
    },
  };
}

async function reference(options: ProviderOptions): Promise<Started> {
  const { certificates, websocket = false } = options;
  const prefix = options.place?.prefix ?? [];
  const control = `127.0.0.1:${await freePort()}`;
  const media = `--interface=${options.place?.host ?? phoneHost}`;
  const relay = options.relay
    ? new Program({
        command: [
          ...[...prefix, "rtpengine", "--config-file=none", media, "-f", "--table=-1", "-E"],
          ...[`--listen-ng=${control}`, `--listen-cli=127.0.0.1:${await freePort()}`],
        ],
      })
    : undefined;
  await relay?.line(/Startup complete/);
  const wanted: KamailioOptions = {
    ...registrarAndProxy({ domain, users, ...(relay === undefined ? {} : { rtpengine: `udp:${control}` }) }),
    websocket,
    host: options.place?.host ?? phoneHost,
    prefix,
    ...(certificates === undefined ? {} : { tls: certificates }),
  };
  const server = await kamailio(wanted);
  const tls = server.tlsPort === 0 ? "" : `${server.host}:${server.tlsPort}`;
  return {
    ...server,
    started: { command: [], folder: "" },
    stop: async () => await Promise.all([server.stop(), relay?.stop()]),
    at: {
      udp: server.address,
      tcp: server.address,
      tls,
      ws: websocket ? server.address : "",
      wss: websocket ? tls : "",
    },
  };
}
