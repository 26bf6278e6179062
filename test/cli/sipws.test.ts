/** The command line of SIPWS: letters together, sipws.cfg, and what they make of a server. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { readArguments } from "../../src/cli/arguments.ts";
import { sipwsSettings } from "../../src/cli/sipws-config.ts";
import { sipwsOperands, sipwsOptions, withCfg, wordsOf } from "../../src/cli/sipws-options.ts";
import { temporaryFolder } from "../support/peers/folder.ts";
import { below, seeded } from "../support/random.ts";

function arguments_(line: string) {
  const read = readArguments(line.split(" "), sipwsOptions, sipwsOperands);
  if (!read.ok) throw new TypeError(read.reason);
  return read.given;
}

describe("options", () => {
  test.each([
    ["-fvvv -r 8082 -p8080 k1 k2", "foreground verbose,verbose,verbose httpport=8082 port=8080 | k1 k2"],
    ["-vvfu5060", "verbose,verbose foreground udpport=5060 |"],
    ["-f -v -8 -l ru_RU.UTF-8 --skipconfig", "foreground verbose utf8 locale=ru_RU.UTF-8 skipconfig |"],
    ["--httpport=8082 --db registry.js --data first.json 1", "httpport=8082 db=registry.js data=first.json | 1"],
    [
      "-i 192.168.43.113 -t 5060 -s 443 -c a.pem -k b.pem -w test",
      "interface=192.168.43.113 tcpport=5060 tlsport=443 certificate=a.pem pk=b.pem password=test |",
    ],
  ])("%s", (line, says) => {
    const { options, operands } = arguments_(line);
    const shown = [...options].map(([name, values]) =>
      values.every((value) => value === "") ? values.map(() => name).join() : `${name}=${values.join()}`,
    );
    expect(`${shown.join(" ")} | ${operands.join(" ")}`.trimEnd()).toBe(says);
  });

  test.each([
    ["-fx", "there is no option -fx"],
    ["-fr", "--httpport needs a value: --httpport PORT"],
    ["-help", "there is no option -help; did you mean --help?"],
  ])("%s is refused", (line, says) => {
    expect(() => arguments_(line)).toThrow(says);
  });
});

describe("sipws.cfg", () => {
  test.each([
    ["-vvv -r 8082\n-b registry.js  123456\n", ["-vvv", "-r", "8082", "-b", "registry.js", "123456"]],
    [`-b 'my registry.js' "k\\"1" a\\ b '' $HOME`, ["-b", "my registry.js", 'k"1', "a b", "", "$HOME"]],
    ["-u 5060 \\\n-p 8080", ["-u", "5060", "-p", "8080"]],
    ["-b 'open", undefined],
    ['"', undefined],
  ])("%j is split as a shell would", (text, words) => {
    expect(wordsOf(text)).toEqual(words);
  });

  test("any text is split, or has an open quote", () => {
    const random = seeded(3);
    for (let n = 0; n < 5000; n++) {
      const text = Array.from({ length: below(random, 12) }, () => `a'"\\ \n-`[below(random, 7)]).join("");
      const words = wordsOf(text);
      expect(words === undefined ? /['"]/.test(text) : words.join("").length <= text.length).toBe(true);
    }
  });

  test("is taken from beside the binary, then from here; the command line wins, and keys of both count", () => {
    const beside = temporaryFolder("cfg", { "sipws.cfg": " \n" });
    const here = temporaryFolder("cfg", { "sipws.cfg": "-vvv -u 5060 -r 8082 k2" });
    const places = { binary: beside, folder: here };
    const read = withCfg(arguments_("-u 5070 k1"), places);
    if (!read.ok) throw new TypeError(read.reason);
    expect(read.file).toBe(join(here, "sipws.cfg"));
    expect(read.given.options.get("udpport")).toEqual(["5070"]);
    expect(read.given.options.get("httpport")).toEqual(["8082"]);
    expect(read.given.operands).toEqual(["k1", "k2"]);
    const skipped = withCfg(arguments_("--skipconfig k1"), places);
    expect(skipped).toMatchObject({ ok: true, file: undefined, given: { operands: ["k1"] } });
  });

  test.each([
    ["-q", /sipws\.cfg: there is no option -q/],
    ["'", /sipws\.cfg: a quote in it is not closed/],
  ])("with %j in it is told by its name", (text, says) => {
    const folder = temporaryFolder("cfg", { "sipws.cfg": text });
    expect(withCfg(arguments_("k"), { binary: "/nowhere", folder })).toMatchObject({
      ok: false,
      reason: expect.stringMatching(says),
    });
  });
});

describe("what the options make", () => {
  test("listeners, a registrar, a proxy that asks for passwords, and the HTTP port with its keys", async () => {
    const settings = await sipwsSettings(
      arguments_("-i ::1 -u 5060 -t 5061 -p 8080 -r 8082 -b r.js -d d.json one two"),
    );
    expect(settings.config.listen).toEqual([
      { transport: "udp", host: "::1", port: 5060 },
      { transport: "tcp", host: "::1", port: 5061 },
      { transport: "ws", host: "::1", port: 8080 },
    ]);
    expect(settings.config.accounts).toEqual([]);
    expect(settings.config.routes.at(-1)).toMatchObject({
      ...{ action: { type: "location" }, auth: ["from-is-auth-user"] },
    });
    expect(settings.http).toMatchObject({
      listen: [{ host: "::1", port: 8082 }],
      keys: [{ key: "one" }, { key: "two" }],
    });
    expect([settings.database, settings.request]).toEqual([join(process.cwd(), "r.js"), join(process.cwd(), "d.json")]);
    expect(settings.foreground).toBe(false);
  });

  test.each([
    ["-f -u 5060", "error"],
    ["-fv -u 5060", "error"],
    ["-fvv -u 5060", "warn"],
    ["-fvvv -u 5060", "debug"],
  ])("%s logs from %s on", async (line, level) => {
    expect((await sipwsSettings(arguments_(line))).config.log.level).toBe(level as "error");
  });

  test.each([
    ["-r 8082 key", "enable at least one transport: -u PORT for UDP, -t for TCP, -p for WS, -s for WSS"],
    ["-u 5060 -r 8082", "-r needs a key that requests must have"],
    ["-u 0", "--udpport is a port from 1 to 65535; found “0”"],
    ["-u 5060 -i no.such.host.invalid", "--interface is an IP address of this machine"],
    ["-s 8443 -c /no/such.pem", "there is no file /no/such.pem"],
  ])("%s is refused", async (line, says) => {
    expect(await sipwsSettings(arguments_(line)).catch((error: Error) => error.message)).toContain(says);
  });
});
