/** Digest between siproc's parts and programs of others: phones at our authorizer, our client at the registrars of others. */
import { afterEach, describe, expect, test } from "bun:test";
import { resolve } from "node:path";
import { Registration, type RegistrationState, register } from "../../src/agent/index.ts";
import type { DigestAlgorithm } from "../../src/sip/digest.ts";
import { type AuthServer, authServer } from "../support/auth-server.ts";
import { has } from "../support/peers/available.ts";
import { Baresip, phoneHost } from "../support/peers/baresip.ts";
import { kamailio, registrarAndProxy } from "../support/peers/kamailio.ts";
import { Linphone } from "../support/peers/linphone.ts";
import { netSipAnswerer } from "../support/peers/netsip.ts";
import { freePort } from "../support/peers/ports.ts";
import { Program } from "../support/peers/program.ts";
import { sipp } from "../support/peers/sipp.ts";
import { realAgent } from "../support/real-agent.ts";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function server(algorithms: readonly DigestAlgorithm[]): Promise<AuthServer & { address: string }> {
  const one = await authServer(phoneHost, {
    algorithms,
    isOwn: (host) => host === "example.com" || host === phoneHost,
  });
  closing.push(() => one.close());
  return { ...one, address: `${phoneHost}:${one.port}` };
}
const home = (address: string, password = "wonderland") => ({ server: address, domain: "example.com", password });

describe("phones register at our authorizer", () => {
  test.skipIf(!has("sipp"))(
    "SIPp, over UDP and TCP, and a wrong password is refused",
    async () => {
      const { address, story } = await server(["MD5"]);
      for (const transport of ["udp", "tcp"] as const) {
        const run = (password: string) =>
          sipp({ scenario: "uac-register", values: { password }, remote: address, host: phoneHost, transport });
        expect(await run("wonderland")).toMatchObject({ successful: 1, failed: 0 });
        expect(await run("queen")).toMatchObject({ successful: 0, failed: 1 });
        expect(story.splice(0).filter((line) => line.startsWith("REGISTER"))).toEqual([
          "REGISTER challenged",
          "REGISTER accepted alice MD5",
          "REGISTER challenged",
          "REGISTER wrong alice MD5",
        ]);
      }
    },
    30_000,
  );

  test.skipIf(!has("baresip"))(
    "baresip",
    async () => {
      const { address, story } = await server(["MD5"]);
      const phone = await Baresip.start({ user: "alice", registers: home(address) });
      closing.push(() => phone.stop());
      expect(story).toEqual(["REGISTER challenged", "REGISTER accepted alice"]);
    },
    30_000,
  );

  const offers = ["MD5", "SHA-256 MD5"];
  /** The algorithms of an offer. */
  const offered = (offer: string) => (["SHA-256", "MD5"] as const).filter((one) => offer.split(" ").includes(one));

  test.skipIf(!has("linphonec")).each(offers)(
    "Linphone, offered %s, takes the first and uses the nonce again",
    async (offer) => {
      const algorithms = offered(offer);
      const [taken] = algorithms;
      const { address, story, said } = await server(algorithms);
      const phone = await Linphone.start({ registers: { ...home(address), user: "alice", transport: "udp" } });
      await phone.stop();
      await said(`REGISTER accepted alice ${taken}`);
      expect(story).toEqual([
        "REGISTER challenged",
        `REGISTER accepted alice ${taken}`,
        `REGISTER accepted alice ${taken}`,
      ]);
    },
    30_000,
  );

  test.skipIf(!has("Net::SIP")).each(offers)(
    "Net::SIP, offered %s",
    async (offer) => {
      const { address, story } = await server(offered(offer));
      const { program } = await netSipAnswerer({ ...home(address, "builder"), user: "bob" });
      closing.push(() => program.stop());
      expect(program.lines[0]).toBe("REGISTERED 600");
      expect(story).toEqual(["REGISTER challenged", "REGISTER accepted bob MD5"]);
    },
    30_000,
  );

  test.skipIf(!has("Net::SIP"))(
    "Net::SIP with a wrong password is refused",
    async () => {
      const { address } = await server(["MD5"]);
      const { program } = await netSipAnswerer({ ...home(address, "wrong"), user: "bob" });
      expect(program.lines[0]).toStartWith("REFUSED");
    },
    30_000,
  );
});

describe("we register elsewhere", () => {
  /** Registers, renews, takes it back; the states. With another password than `right` the first state is all. */
  async function registering(address: string, password: string): Promise<RegistrationState[]> {
    const agent = await realAgent(phoneHost);
    closing.push(() => agent.close());
    const states: RegistrationState[] = [];
    const { promise, resolve: done } = Promise.withResolvers<void>();
    const options = {
      registrar: "sip:example.com",
      proxy: `sip:${address};lr`,
      aor: "<sip:alice@example.com>",
      auth: { user: "alice", password },
      expires: 600,
    };
    const one = register(agent.context, options, (state) => {
      states.push(state);
      if (state.name !== "registered" || !(one instanceof Registration)) done();
      else if (states.length === 1) one.refresh();
      else one.stop();
    });
    await promise;
    return states;
  }
  const names = (states: readonly RegistrationState[]) =>
    states.map((state) => (state.name === "failed" ? state.status : state.name));

  test.skipIf(!has("kamailio")).each<[string]>([["MD5"], ["SHA-256"]])(
    "at Kamailio with %s",
    async (algorithm) => {
      const { parameters = [], ...rest } = registrarAndProxy({ domain: "example.com", users: { alice: "wonderland" } });
      const registrar = await kamailio({ ...rest, parameters: [...parameters, `auth|algorithm|${algorithm}`] });
      closing.push(() => registrar.stop());
      expect(names(await registering(registrar.address, "wonderland"))).toEqual(["registered", "registered", "ended"]);
      expect(names(await registering(registrar.address, "queen"))).toEqual([401]);
    },
    30_000,
  );

  test.skipIf(!has("Net::SIP"))(
    "at Net::SIP",
    async () => {
      const own = `${phoneHost}:${await freePort()}`;
      const script = resolve(import.meta.dir, "netsip/registrar.pl");
      const registrar = new Program({ command: ["perl", script, own, "example.com", "alice", "wonderland"] });
      closing.push(() => registrar.stop());
      await registrar.line(/^READY/);
      expect(names(await registering(own, "wonderland"))).toEqual(["registered", "registered", "ended"]);
      await registrar.line(/^UNREGISTER alice/);
      expect(names(await registering(own, "queen"))).toEqual([401]);
    },
    30_000,
  );

  test("at our own authorizer, with each algorithm", async () => {
    for (const algorithm of ["MD5", "SHA-256", "SHA-512-256"] as const) {
      const { address, story } = await server([algorithm]);
      expect(names(await registering(address, "wonderland"))).toEqual(["registered", "registered", "ended"]);
      expect(story).toEqual(["REGISTER challenged", ...Array(3).fill(`REGISTER accepted alice ${algorithm}`)]);
      expect(names(await registering(address, "queen"))).toEqual([401]);
    }
  });
});
