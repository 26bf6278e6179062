/** A server that is being started, and one that is being stopped. */
import { afterEach, expect, test } from "bun:test";
import { freePort } from "../support/peers/ports.ts";
import { openServer, stopAll } from "../support/server.ts";
import { turns, UdpPeer } from "../support/udp-peer.ts";

afterEach(stopAll);

test("what comes while the server is being put together is answered once it is", async () => {
  const port = await freePort();
  const peer = await UdpPeer.open(port);
  let ready = false;
  const opening = openServer({ udpPort: port }).finally(() => {
    ready = true;
  });
  const sent: string[] = [];
  while (!ready) {
    const request = peer.compose("OPTIONS");
    sent.push(request.callId);
    peer.send(request.bytes());
    await turns(1000);
  }
  const { log } = await opening;
  await peer.probe();
  // The socket is bound some time before all else is there; what came before that met a closed port.
  const answered = peer.responses.map(({ callId }) => callId).filter((callId) => sent.includes(callId));
  expect(answered.length).toBeGreaterThan(0);
  expect(answered).toEqual(sent.slice(-answered.length));
  expect(log.filter((line) => line.includes(" error "))).toEqual([]);
});

test("a call whose CANCEL nobody answers is forgotten when the server stops, without an alarm", async () => {
  const silent = await UdpPeer.open(await freePort());
  const { server, log } = await openServer();
  const ended: string[] = [];
  server.call(
    { uri: `sip:bob@${silent.host}:${silent.port}` },
    { start: (call) => call.listen(() => {}) },
    ({ cause }) => ended.push(cause),
  );
  await server.stop();
  expect(ended).toEqual(["shutdown"]);
  expect(log.filter((line) => / (warn|error) /.test(line))).toEqual([]);
});
