/** /etc/resolv.conf and /etc/hosts, whatever stands in them. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VirtualClock } from "../../../src/sip/clock.ts";
import { parseHosts, parseResolvConf, WatchedFile } from "../../../src/transport/resolve/system-files.ts";

const folder = mkdtempSync(join(tmpdir(), "siproc-resolve-"));
afterAll(() => rmSync(folder, { recursive: true }));

const confs: [text: string, servers: string[], search: string[]][] = [
  ["nameserver 192.0.2.53\nnameserver 2001:DB8::53\n", ["192.0.2.53:53", "2001:db8::53:53"], []],
  ["# nameserver 192.0.2.1\n; nameserver 192.0.2.2\nnameserver\t192.0.2.3 # ours\n", ["192.0.2.3:53"], []],
  ["", ["127.0.0.1:53"], []],
  ["nameserver ns.example.com\noptions ndots:5\n", ["127.0.0.1:53"], []],
  ["domain a.example\nsearch B.example. c.example\n", ["127.0.0.1:53"], ["b.example", "c.example"]],
  ["search a b c d e f g h\n", ["127.0.0.1:53"], ["a", "b", "c", "d", "e", "f"]],
  ["search ../etc \x00 good.example\n", ["127.0.0.1:53"], ["good.example"]],
];
test.each(confs)("resolv.conf %j", (text, servers, search) => {
  const conf = parseResolvConf(text);
  expect(conf.servers.map(({ host, port }) => `${host}:${port}`)).toEqual(servers);
  expect([...conf.search]).toEqual(search);
});

test("the hosts file has names in any case, several addresses for one, and junk that is ignored", () => {
  const hosts = parseHosts(
    "127.0.0.1\tLocalhost\n::1 localhost ip6-localhost\n192.0.2.1 pbx.example.com pbx # pbx2\nnonsense x\n192.0.2.1 pbx\n__proto__ y\n",
  );
  expect([...hosts]).toEqual([
    ["localhost", ["127.0.0.1", "::1"]],
    ["ip6-localhost", ["::1"]],
    ["pbx.example.com", ["192.0.2.1"]],
    ["pbx", ["192.0.2.1"]],
  ]);
});

test("a file is read again when it has changed, and looked at every ten seconds at most", () => {
  const clock = new VirtualClock();
  const path = join(folder, "hosts");
  const file = new WatchedFile(path, clock, (text) => text);
  expect(file.value).toBe("");
  writeFileSync(path, "one");
  expect(file.value).toBe("");
  clock.advance(10_000);
  expect(file.value).toBe("one");
  writeFileSync(path, "three");
  clock.advance(10_000);
  expect(file.value).toBe("three");
  rmSync(path);
  clock.advance(10_000);
  expect(file.value).toBe("");
});
