/**
 * Calls and registrations that nobody makes. A server that has just started runs code that was never run, several times as
 * slowly as the same code some thousand calls later, while the compiler takes its share of the processor: the first burst
 * would be late. So a second server, with a stage for a network, plays what the configuration will be asked for, while
 * the first one has nothing to do.
 */
import { type Config, readConfig } from "../config/index.ts";
import { hash } from "../hash.ts";
import type { Log } from "../log.ts";
import { MediaError } from "../media/index.ts";
import { DigestClient } from "../sip/digest-client.ts";
import { parseMessage, type Response } from "../sip/message.ts";
import { secureRandom } from "../sip/random.ts";
import { ownCopy } from "../sip/text.ts";
import { SystemClock } from "../transport/index.ts";
import type { UdpOptions, UdpSocket } from "../udp.ts";
import type { Server, ServerOptions, World } from "./server.ts";

/** Addresses that are for documentation (RFC 5737). */
const we = "192.0.2.1";
const caller = "198.51.100.1";
const callee = "203.0.113.1";
const port = 5060;
const domain = "example.com";
const users = Array.from({ length: 40 }, (_, i) => `a${i}`);

/** How a phone writes what others write otherwise. */
interface Phone {
  /** Behind the sent-by of its Via. */
  readonly via: string;
  readonly name: string;
  readonly contact: (user: string) => string;
  readonly further: string;
  /** Each Via of its responses has a line of its own. */
  readonly lines: boolean;
}

const plain: Phone = {
  via: "",
  name: "a ",
  contact: (user) => `sip:${user}@${caller}:${port}`,
  further: "Subject: Rehearsal\r\n",
  lines: false,
};
const phones: readonly Phone[] = [
  plain,
  {
    via: ";rport",
    name: '"A" ',
    contact: (user) => `<sip:${user}@${caller}:${port}>`,
    further: "User-Agent: rehearsal\r\nAllow: INVITE,ACK,BYE,CANCEL,OPTIONS\r\n",
    lines: true,
  },
  {
    via: "",
    name: "",
    contact: (user) => `<sip:${user}@${caller}:${port};transport=UDP>`,
    further: "",
    lines: true,
  },
];

export type Play = "registration" | "stateless" | "stateful";
/** How often each is played: the compiler has seen each function often enough then. */
const rounds = 2000;

/** What this configuration will be asked for. */
export function repertoire({ routes }: Config, registers: boolean): Play[] {
  const proxies = routes.flatMap(({ action }) =>
    action.type === "location" || action.type === "proxy" ? [action.mode] : [],
  );
  return [
    ...(registers ? (["registration"] as const) : []),
    ...(["stateless", "stateful"] as const).filter((mode) => proxies.includes(mode)),
  ];
}

/** Plays one of them with each step, in less than a millisecond once the code is compiled; gives how many went well. */
export async function* rehearsal(
  which: readonly Play[],
  start: (config: Config, options: ServerOptions) => Promise<Server>,
  times = rounds,
): AsyncGenerator<void, number, void> {
  if (which.length === 0) return 0;
  // Two: code that has only seen one clock, one table of routes and so on is compiled for just these.
  const stages = [new Stage(), new Stage()] as const;
  const servers = await Promise.all(
    stages.map(async (world) => start(await scene(world.password), { log: silent, world })),
  );
  let well = 0;
  try {
    // A server waits for its last parts before it takes the first message.
    await Bun.sleep(1);
    // In turn: whatever comes first, and ends this, has been rehearsed as often as the rest.
    for (let i = 0; i < times; i++) {
      const stage = stages[i & 1] ?? stages[0];
      const phone = phones[i % phones.length] ?? plain;
      for (const play of which) {
        if (play === "registration" ? stage.register(phone, users[i % users.length] ?? "") : stage.call(play, phone))
          well++;
        yield;
      }
    }
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
  return well;
}

async function scene(password: string): Promise<Config> {
  const text = `
listen: ["udp://${we}:${port}"]
domains: [${domain}]
accounts: [${users.map((user) => `{ user: ${user}, password: "${password}" }`).join(", ")}]
limits: { requests_per_source: 1000000 }
routes:
  - { to: "stateless@*", proxy: "sip:${callee}:${port}", mode: stateless }
  - { to: "stateful@*", proxy: "sip:${callee}:${port}", mode: stateful }
`;
  const read = await readConfig(new TextEncoder().encode(text), "/rehearsal.yaml", { environment: {} });
  if (!read.ok) throw new TypeError(`the rehearsal's configuration is refused: ${read.problems[0]?.message}`);
  return read.config;
}

const sdp = `v=0\r\no=- 1 1 IN IP4 ${caller}\r\ns=-\r\nc=IN IP4 ${caller}\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0 8\r\n`;

/** The world of a server that is alone: its clock runs ahead where nobody wants to wait, and what it sends comes here. */
class Stage implements World {
  readonly password = secureRandom.token(8);
  readonly clock = new SystemClock();
  #receive: UdpOptions["onPacket"] = () => {};
  #sent: Uint8Array[] = [];

  async bindUdp(options: UdpOptions): Promise<UdpSocket> {
    this.#receive = options.onPacket;
    const send = (octets: Uint8Array) => this.#sent.push(octets) > 0;
    return { host: options.host, port: options.port, send, gather: (work) => work(), drop() {}, close() {} };
  }

  async media() {
    return {
      open() {
        throw new MediaError("no-ports", "a rehearsal has no media");
      },
      async close() {},
      stats: { sessions: 0, free: 0, pairs: 0, restarts: 0 },
    };
  }

  /** REGISTER, 401, REGISTER with a digest, 200. */
  register(phone: Phone, user: string): boolean {
    const id = secureRandom.token(6);
    const register = (sequence: number, credentials: string): Response | undefined => {
      const sent = this.#say(
        `REGISTER sip:${domain} SIP/2.0\r\nVia: SIP/2.0/UDP ${caller}:${port}${phone.via};branch=z9hG4bK${id}${sequence}\r\n` +
          `Max-Forwards: 70\r\nFrom: <sip:${user}@${domain}>;tag=${id}\r\nTo: <sip:${user}@${domain}>\r\n` +
          `Call-ID: ${id}@${caller}\r\nCSeq: ${sequence} REGISTER\r\nContact: ${phone.contact(user)}\r\n` +
          `${phone.further}Expires: 3600\r\n${credentials}Content-Length: 0\r\n\r\n`,
        caller,
      );
      const response = parseMessage(Buffer.from(sent, "latin1"), "datagram");
      return response.type === "response" ? response : undefined;
    };
    const identities = [{ user, password: this.password }];
    const attempt = new DigestClient({ hash, random: secureRandom, identities }).attempt();
    const challenge = register(1, "");
    if (challenge?.status !== 401 || attempt.challenged(challenge) !== undefined) return false;
    const lines = attempt.headers("REGISTER", phone.lines ? `sip:${domain}` : `sip:${we}:${port}`, undefined);
    return register(2, lines.map(([name, value]) => `${name}: ${value}\r\n`).join(""))?.status === 200;
  }

  /** INVITE, 180, 200, ACK, BYE, 200. */
  call(user: string, phone: Phone): boolean {
    const id = secureRandom.token(6);
    const request = (method: string, uri: string, sequence: number, further: string, body = "") =>
      this.#say(
        `${method} ${uri} SIP/2.0\r\nVia: SIP/2.0/UDP ${caller}:${port}${phone.via};branch=z9hG4bK${id}${method}\r\n` +
          `Max-Forwards: 70\r\n${further}From: ${phone.name}<sip:a@${domain}>;tag=a${id}\r\nCall-ID: ${id}@${caller}\r\n` +
          `CSeq: ${sequence} ${method}\r\nContact: ${phone.contact("a")}\r\n${phone.further}` +
          `Content-Length: ${body.length}\r\n\r\n${body}`,
        caller,
      );
    const to = `To: <sip:${user}@${domain}>`;
    const offer = `${to}\r\nContent-Type: application/sdp\r\n`;
    const invite = request("INVITE", `sip:${user}@${domain}`, 1, offer, sdp);
    for (const status of ["180 Ringing", "200 OK"])
      this.#say(answer(invite, status, `${to};tag=b${id}`, phone), callee);
    const route = /^Record-Route: (.*)$/m.exec(invite)?.[1] ?? "";
    const inDialog = `Route: ${route}\r\n${to};tag=b${id}\r\n`;
    request("ACK", `sip:b@${callee}`, 1, inDialog);
    const bye = request("BYE", `sip:b@${callee}`, 2, inDialog);
    const end = this.#say(answer(bye, "200 OK", `${to};tag=b${id}`, phone), callee);
    this.clock.skip(100);
    return end.startsWith("SIP/2.0 200");
  }

  /** What goes out last because of these octets. */
  #say(octets: string, from: string): string {
    this.#sent = [];
    // The text of an address that comes from a socket is new, too.
    this.#receive(Buffer.from(octets, "latin1"), port, ownCopy(from));
    return Buffer.from(this.#sent.at(-1) ?? []).toString("latin1");
  }
}

function answer(request: string, status: string, to: string, { lines }: Phone): string {
  const all = request.split("\r\n");
  const vias = all.filter((line) => line.startsWith("Via:"));
  const copied = all.filter((line) => /^(?:Record-Route|From|Call-ID|CSeq):/.test(line));
  const via = lines ? vias : [`Via: ${vias.map((line) => line.slice("Via: ".length)).join(", ")}`];
  return [`SIP/2.0 ${status}`, ...via, ...copied, to, `Contact: <sip:b@${callee}>`, "Content-Length: 0", "", ""].join(
    "\r\n",
  );
}

const silent: Log = { debug() {}, info() {}, warn() {}, error() {}, with: () => silent };
