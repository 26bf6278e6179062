/** What siproc promises under stress, with the binary: order, and that nobody suffers from what another call, script, program or peer does. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { has } from "../support/peers/available.ts";
import { gaps, listen, losses } from "../support/peers/listener.ts";
import { received, type SippOptions, type SippResult, sipp, startSipp } from "../support/peers/sipp.ts";
import { type Server, siproc } from "../support/peers/siproc.ts";
import { sine, wav } from "../support/peers/sound.ts";
import { until } from "../support/peers/until.ts";
import { handlers } from "./handlers/scripts.ts";

const script = (body: string) => `export default async function (call: Call) {\n${body}\n}\n`;

/** What goes wrong in a script once its call is answered, on line 3, and what the log says of it. */
const bombs: Readonly<Record<string, [body: string, log: RegExp]>> = {
  // QuickJS knows no line for an empty loop by itself, only that of the statement before.
  loop: ["for (;;) {}", /without waiting for anything \(loop\.ts:/],
  "promise-chain": ["const f = (): any => Promise.resolve().then(f); await f();", /without waiting for anything/],
  arrays: ["const a = []; for (;;) a.push('x'.repeat(1e5) + a.length);", /out of memory \(arrays\.ts:3:/],
  strings: ["let s = 'a'.repeat(1e6); for (;;) s += s;", /too long|out of memory/],
  recursion: ["const f = (): number => f() + 1; f();", /stack overflow \(recursion\.ts:3:/],
  regex: ['/^(a+)+$/.test("a".repeat(40) + "b");', /without waiting for anything \(regex\.ts:3:/],
  timers: [
    "for (let i = 0; i < 1e4; i++) setTimeout(() => {}, 1e6); await new Promise(() => {});",
    /more than 1000 timers/,
  ],
  sparse: ["new Array(1e9) + '';", /RangeError.*\(sparse\.ts:3:/],
  json: ["JSON.parse('['.repeat(1e6));", /SyntaxError.*\(json\.ts:3:/],
};

/** The same for programs. */
const programs: Readonly<Record<string, [body: string, log: RegExp]>> = {
  "flood.sh": ["exec yes nonsense", /does not read its events/],
  "killed.sh": ["kill -9 $$", /was ended by SIGKILL/],
  "gone.sh": ["exit 7", /exited with status 7/],
};

const files = {
  ...Object.fromEntries(Object.entries(handlers).map(([name, text]) => [`${name}.ts`, text])),
  ...Object.fromEntries(
    Object.entries(bombs).map(([name, [body]]) => [`${name}.ts`, script(`await call.answer();\n${body}`)]),
  ),
  ...Object.fromEntries(
    Object.entries(programs).map(([name, [body]]) => [name, `#!/bin/sh\necho ANSWER\nread -r connected\n${body}\n`]),
  ),
  "quick.ts": script("call.ringing(); await call.answer(); for await (const _ of call);"),
  "early-bomb.ts": script("for (;;) {}"),
  "long.ts": script('await call.answer(); await call.play("long.wav");'),
  "fetches.ts": script(
    'await call.answer(); console.log("fetching"); await fetch("http://127.0.0.1:" + env.get("SILENT"));',
  ),
  "deaf.sh": "#!/bin/sh\necho ANSWER\necho waiting >&2\nexec sleep 60\n",
  "long.wav": wav(8000, sine(440, 9000, 0.3)),
};

describe.skipIf(!has("sipp"))("while others misbehave", () => {
  let server: Server;
  const silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  beforeAll(async () => {
    const routes = Object.keys(files).map((file) => {
      const [, name = "", extension] = /^(.*)\.(ts|sh|wav)$/.exec(file) ?? [];
      if (extension === "wav") return "";
      return extension === "ts"
        ? `  - { to: "${name}@*", script: ${file} }`
        : `  - { to: "${file}@*", exec: [./${file}] }`;
    });
    server = await siproc({
      config: `routes:\n${routes.filter(Boolean).join("\n")}\nscripts: { cpu: 100ms, allow: { read: [.], net: ["127.0.0.1:${silent.port}"], env: [SILENT] } }\nlimits: { drain: 0s }`,
      files,
      env: { SILENT: `${silent.port}` },
      mediaPorts: 1000,
    });
  });
  afterAll(async () => {
    silent.stop(true);
    expect(await server.stop()).toBe(0);
  });

  const call = async (service: string, options: Partial<SippOptions> = {}) => {
    const run = await sipp({ scenario: "uac-call", service, remote: server.address, ...options });
    // What SIPp has to say besides, such as of a message that comes again after its call, is no failure.
    const { code, failed } = run;
    expect({ service, code, failed, errors: code === 0 ? "" : run.errors }).toEqual({
      service,
      code: 0,
      failed: 0,
      errors: "",
    });
    return run;
  };
  const log = (from: number) => server.program.stderr.slice(from).join("\n");

  /** New calls are answered well within SIPp's first repetition: T1, 500 ms. */
  const expectPrompt = async () => {
    const run = await call("answer", { values: { pause: "0" }, calls: 40, rate: 40, trace: false });
    expect(run.successful).toBe(40);
    expect(milliseconds(run)).toBeLessThan(100);
  };

  test.each(["udp", "tcp"] as const)(
    "R2: a thousand quick calls ring before they are answered, over %s",
    async (transport) => {
      // The order is asked for, and not how many calls a second code bears that was never run.
      await call("quick", { scenario: "uac-order", transport, calls: 200, rate: 80, trace: false });
      const run = await call("quick", {
        scenario: "uac-order",
        transport,
        calls: 1000,
        rate: 200,
        timeout: 40_000,
        trace: false,
      });
      expect(run.successful).toBe(1000);
    },
  );

  test("R3: scripts and programs that run wild end their own calls, a playing call loses nothing, and new ones are answered", async () => {
    const before = server.program.stderr.length;
    const ear = await listen();
    const playing = await startSipp({
      scenario: "uac-hungup",
      service: "long",
      values: { sdp: ear.sdp, pause: "20000" },
      remote: server.address,
    });
    await until("audio", () => ear.packets.length > 25);
    const ended = [...Object.keys(bombs), ...Object.keys(programs)].map(async (service) => {
      const run = await call(service, { scenario: "uac-hungup", values: { pause: "15000" } });
      expect(received(run).filter((head) => head !== "100 INVITE" && head !== "200 INVITE")).toEqual(["BYE"]);
    });
    const refused = call("early-bomb", { scenario: "uac-rejected", values: { status: "500" } });
    await Promise.all([...ended, refused]);
    await expectPrompt();
    const unsaid = [...Object.values(bombs), ...Object.values(programs)].filter(([, said]) => !said.test(log(before)));
    expect(unsaid).toEqual([]);

    const heard = await playing.result;
    ear.close();
    expect({ code: heard.code, errors: heard.errors }).toEqual({ code: 0, errors: "" });
    expect(losses(ear.packets)).toEqual({ lost: 0, disordered: 0 });
    // 9 s of 20 ms each, all of it.
    expect(ear.packets.length).toBeWithin(445, 475);
    const late = gaps(ear.packets);
    expect(late[Math.floor(late.length * 0.99)]).toBeLessThan(70);
  });

  test("R4: a peer that reads nothing, a program that reads nothing and a server that says nothing delay no other call", async () => {
    const before = server.program.stderr.length;
    const dumb = connect(server.port, server.host);
    dumb.pause();
    dumb.on("error", () => {});
    const options = optionsRequest(server.address).repeat(20);
    const shouting = setInterval(() => void dumb.write(options), 5);
    const stuck = ["deaf.sh", "fetches"].map((service) =>
      startSipp({ scenario: "uac-hungup", service, values: { pause: "30000" }, remote: server.address }),
    );
    await until("stuck handlers", () => /waiting/.test(log(before)) && /fetching/.test(log(before)));
    await expectPrompt();
    clearInterval(shouting);
    dumb.destroy();
    for (const run of await Promise.all(stuck)) await run.program.stop();
  });

  test("R1: garbage by UDP and TCP does not keep calls from being answered", async () => {
    const garbage = await garbler(server.host, server.port);
    const run = await call("answer", { values: { pause: "0" }, calls: 40, rate: 20, trace: false });
    expect(run.successful).toBe(40);
    expect(garbage.stop()).toBeGreaterThan(2000);
    await call("answer", { transport: "tcp" });
  });
});

/** The mean time from INVITE to 200, as SIPp has measured it. */
function milliseconds(run: SippResult): number {
  const [hours = 0, minutes = 0, seconds = 0, micro = 0] = (run.statistics["ResponseTime1(C)"] ?? "")
    .split(":")
    .map(Number);
  return (hours * 3600 + minutes * 60 + seconds) * 1000 + micro / 1000;
}

function optionsRequest(address: string): string {
  return [
    `OPTIONS sip:${address} SIP/2.0`,
    "Via: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bKsame",
    "Max-Forwards: 70",
    "From: <sip:dumb@127.0.0.1>;tag=1",
    `To: <sip:${address}>`,
    "Call-ID: dumb",
    "CSeq: 1 OPTIONS",
    "Content-Length: 0",
    "\r\n",
  ].join("\r\n");
}

/** Sends nonsense, and SIP with single octets changed, until it is stopped; `stop` tells how many pieces were sent. */
async function garbler(host: string, port: number): Promise<{ stop(): number }> {
  const socket = await Bun.udpSocket({ hostname: "127.0.0.66" });
  let seed = 4475;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  const piece = () => {
    const bytes =
      random(2) === 0 ? Buffer.from(optionsRequest(`${host}:${port}`), "latin1") : Buffer.alloc(random(1400));
    const changes = bytes[0] === 0x4f ? 1 + random(4) : bytes.length;
    for (let n = 0; n < changes; n++) bytes[random(bytes.length)] = random(256);
    return bytes;
  };
  let sent = 0;
  const timer = setInterval(() => {
    for (let n = 0; n < 20; n++, sent++) socket.send(piece(), port, host);
    const stream = connect({ port, host, localAddress: "127.0.0.66" });
    stream.on("error", () => {});
    stream.end(piece());
    sent++;
  }, 10);
  return {
    stop() {
      clearInterval(timer);
      socket.close();
      return sent;
    },
  };
}
