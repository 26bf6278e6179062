/** The short way of reading a name-addr finds what the long way finds, for whatever it takes. */
import { expect, test } from "bun:test";
import { parseClosely, parseNameAddr } from "../../src/sip/name-addr.ts";
import { below, pick, seeded } from "../support/random.ts";

const pieces = [
  ...'<>;=@:,"\\ ?.-_~%[]\t',
  "sip:",
  "sips:",
  "SIP:",
  "tel:+1",
  "alice",
  "Bob",
  "Anne Marie ",
  "tag=",
  ";tag=a1",
  "lr",
  "transport=udp",
  ":5060",
  ":0",
  ":99999",
  "127.0.0.1",
  "[2001:db8::1]",
  "example.com",
  "example-.com",
  "<sip:alice@example.com>",
  "<sip:bob:secret@example.com:5060;lr;x=%20>",
  "%41",
  "\u00e9",
];

function shown(text: string, parse: typeof parseNameAddr): unknown {
  const address = parse(text);
  if (address === undefined) return undefined;
  const { display, uri, uriText, params, tag } = address;
  return {
    display,
    uriText,
    tag,
    uri: JSON.stringify(uri),
    uriParams: "params" in uri ? `${uri.params}` : "",
    params: `${params}`,
  };
}

test("random texts are read alike both ways", () => {
  const random = seeded(8);
  const deadline = performance.now() + 3000;
  let understood = 0;
  for (let round = 0; round < 200_000 && performance.now() < deadline; round++) {
    let text = "";
    for (let count = 1 + below(random, 8); count > 0; count--) text += pick(random, pieces);
    const closely = shown(text, parseClosely);
    if (closely !== undefined) understood++;
    expect({ text, found: shown(text, parseNameAddr) }).toEqual({ text, found: closely });
  }
  expect(understood).toBeGreaterThan(1000);
});

test.each([
  ["<sip:alice@example.com>;tag=a1", "a1"],
  ["<sip:alice@example.com>;x=1;tag=a1", "a1"],
  ["<sip:alice@example.com>;tag=a1;x", "a1"],
  ["<sip:alice@example.com>", undefined],
  ["sip:alice@example.com;tag=a1", "a1"],
  ["Alice <sip:alice@example.com:5080>;TAG=a1", "a1"],
])("the tag of %s", (text, tag) => {
  expect(parseNameAddr(text)?.tag).toBe(tag);
});
