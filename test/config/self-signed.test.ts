import { expect, test } from "bun:test";
import { readConfig } from "../../src/config/index.ts";

const places: [environment: Record<string, string>, folder: string][] = [
  [{}, "/etc/siproc/tls"],
  [{ STATE_DIRECTORY: "" }, "/etc/siproc/tls"],
  [{ STATE_DIRECTORY: "/var/lib/siproc" }, "/var/lib/siproc/tls"],
  [{ STATE_DIRECTORY: "/var/lib/siproc:/var/lib/other" }, "/var/lib/siproc/tls"],
];

test.each(places)("with %p the self-signed certificates are made in %s", async (environment, folder) => {
  const text =
    "listen: [wss://127.0.0.1:0]\ntls: self-signed\ncontrol: { listen: 127.0.0.1:0, tls: self-signed }\nroutes: []\n";
  const loaded = await readConfig(new TextEncoder().encode(text), "/etc/siproc/siproc.yaml", { environment });
  if (!loaded.ok) throw new TypeError(loaded.problems[0]?.message);
  const { tls, control } = loaded.config;
  const expected = { cert: `${folder}/self-signed.cert.pem`, key: `${folder}/self-signed.key.pem`, selfSigned: true };
  expect(tls).toMatchObject(expected);
  expect(control?.tls).toMatchObject(expected);
});
