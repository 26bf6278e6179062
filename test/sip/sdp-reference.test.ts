/** The parser held against sdp-transform, an independent one, on the descriptions of other projects' tests. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "sdp-transform";
import { type MediaDescription, parseSdp } from "../../src/sip/sdp.ts";
import { dataJson, dataPath } from "../support/data.ts";

interface Sample {
  name: string;
  text: string;
}

function filesOf(folder: string[], accept: RegExp): Sample[] {
  const path = dataPath(...folder);
  return readdirSync(path)
    .filter((file) => accept.test(file))
    .map((file) => ({ name: [...folder, file].join("/"), text: readFileSync(join(path, file), "latin1") }));
}

const bodyOf = ({ name, text }: Sample): Sample => ({ name, text: text.slice(text.indexOf("\r\n\r\n") + 4) });
const hasSdp = ({ text }: Sample) => /^c(?:ontent-type)?[ \t]*:[ \t]*application\/sdp/im.test(text);

const samples: Sample[] = [
  ...filesOf(["sdp-transform"], /\.sdp$/),
  ...filesOf(["resiprocate", "sdp"], /./),
  ...filesOf(["sofia-sip", "sdp"], /./),
  ...filesOf(["sofia-sip", "literals", "sdp"], /./),
  ...filesOf(["osip", "res"], /^sdp/),
  ...readFileSync(dataPath("osip", "res", "torture_sdps"), "latin1")
    .split(/^\|.*\n/m)
    .map((text, at) => ({ name: `osip/res/torture_sdps#${at}`, text }))
    .filter(({ text }) => text !== ""),
  ...filesOf(["pjproject", "literals", "sdp"], /./),
  ...filesOf(["vendor-excerpts"], /\.sip$/)
    .filter(hasSdp)
    .map(bodyOf),
  ...filesOf(["rfc5118", "crlf_fixed"], /./).filter(hasSdp).map(bodyOf),
];

/** Descriptions that we refuse whole, and why that is right. The library has no refusals: it skips what it cannot read. */
const refused: Record<string, string> = {
  "sofia-sip/literals/sdp/test_nta_c-L706.sdp":
    "Its m-line has port and kind in the wrong order: nothing tells what is offered.",
  "sofia-sip/literals/sdp/test_soa_c-L2114.sdp":
    "`m=rtpmap:96 GSM/8000` is an attribute under the wrong letter: a second stream without port.",
  "sofia-sip/literals/sdp/torture_sdp_c-L474.sdp":
    "A telephone number as connection (RFC 2848): no media can be sent there.",
  "sofia-sip/literals/sdp/torture_sdp_c-L484.sdp": "The same, with a space before it.",
};

type Reference = ReturnType<typeof parse>["media"][number];

/** The facts of an m-line that both know, in one form. */
function factsOf(media: MediaDescription) {
  return {
    kind: media.kind,
    port: media.port,
    protocol: media.protocol,
    formats: media.formats.join(" "),
    rtpmap: media.payloads.map((p) => [p.payloadType, p.encoding, p.clockRate || undefined, p.channels]),
    fmtp: media.payloads.map((p) => p.fmtp),
    host: media.connection?.host,
    direction: media.direction,
    ptime: media.ptime,
    maxptime: media.maxptime,
    rtcp: media.rtcp?.port,
    rtcpMux: media.rtcpMux,
    mid: media.mid,
    crypto: media.crypto.length,
  };
}

function referenceFacts(media: Reference, session: ReturnType<typeof parse>, ours: MediaDescription) {
  const last = <T>(list: readonly T[] | undefined, accept: (item: T) => boolean) => list?.filter(accept).at(-1);
  return {
    kind: media.type.toLowerCase(),
    port: media.port > 65535 ? 0 : media.port,
    protocol: media.protocol,
    formats: String(media.payloads ?? "").trim(),
    // A type without rtpmap has its static meaning, which the library does not know.
    rtpmap: ours.payloads.map((p) => {
      const map = last(media.rtp, (one) => one.payload === p.payloadType);
      if (map === undefined) return [p.payloadType, p.encoding, p.clockRate || undefined, p.channels];
      return [p.payloadType, String(map.codec).toUpperCase(), map.rate, Number(map.encoding ?? 1)];
    }),
    fmtp: ours.payloads.map((p) => last(media.fmtp, (one) => one.payload === p.payloadType)?.config.trimEnd()),
    host: (media.connection ?? session.connection)?.ip.split("/")[0],
    direction: media.direction ?? session.direction ?? "sendrecv",
    ptime: media.ptime,
    maxptime: media.maxptime,
    rtcp: media.rtcp?.port,
    rtcpMux: media.rtcpMux !== undefined,
    mid: media.mid === undefined ? undefined : String(media.mid),
    crypto: media.crypto?.length ?? 0,
  };
}

describe("a description of another project's tests means what sdp-transform says", () => {
  test.each(samples.map((sample) => [sample.name, sample.text] as const))("%s", (name, text) => {
    const ours = parseSdp(text);
    if ("failure" in ours) {
      expect(refused).toHaveProperty([name]);
      return;
    }
    expect(refused).not.toHaveProperty([name]);
    const reference = parse(text);
    const facts = ours.media.map(factsOf);
    const expected = reference.media.map((media, at) => {
      const own = ours.media[at];
      return own === undefined ? undefined : referenceFacts(media, reference, own);
    });
    expect<unknown>(facts).toEqual(expected);
  });
});

test("the reference itself has not changed under us", () => {
  // The file maps names to parses; each is compared as a whole below.
  const recorded = dataJson("sdp-transform", "reference-parse.json") as Record<string, unknown>;
  for (const { name, text } of samples.filter((sample) => sample.name.startsWith("sdp-transform/")))
    expect<unknown>(JSON.parse(JSON.stringify(parse(text)))).toEqual(recorded[name.replace("sdp-transform/", "")]);
});
