/**
 * A DTLS 1.2 association (RFC 6347) that gives SRTP its keys (RFC 5764). Mutual authentication: each side proves, by its
 * signature, that it holds the key of the certificate whose print the signalling named (RFC 5763 §5).
 *
 *   client                                           server
 *     ClientHello                        ------->                                              flight 1
 *                                        <-------    ServerHello .. ServerHelloDone            flight 4
 *     Certificate .. Finished            ------->                                              flight 5
 *                                        <-------    Finished                                  flight 6
 *
 * As a server it asks for no cookie: what reaches it has passed ICE's checks, so its source is proven.
 */
import { createECDH, type ECDH, type KeyObject, randomBytes, timingSafeEqual } from "node:crypto";
import { hasFingerprint, type OwnCertificate, privateKeyOf, publicKeyOf } from "./certificate.ts";
import { type HandshakeMessage, handshakeType } from "./handshake.ts";
import {
  type ClientHello,
  type DtlsSrtpProfile,
  readClientHello,
  readServerHello,
  secp256r1,
  srtpProfileNumbers,
  srtpProfiles,
  suites,
  writeClientHello,
  writeServerHello,
} from "./hello.ts";
import { type DtlsClock, Link } from "./link.ts";
import { alerts, DtlsFault, Octets, uint, uint16s, vector } from "./octets.ts";
import { exported, masterSecret, type Randoms, recordKeys, verifyData } from "./prf.ts";
import { acceptedSchemes, checkSigned, ownScheme, signed } from "./signature.ts";

export type { DtlsSrtpProfile } from "./hello.ts";
export type { DtlsClock } from "./link.ts";

/** Master keys and salts of SRTP, one after the other (RFC 5764 §4.2). */
export interface SrtpKeying {
  readonly profile: DtlsSrtpProfile;
  readonly local: Uint8Array;
  readonly remote: Uint8Array;
}

export interface AssociationOptions {
  readonly role: "client" | "server";
  readonly certificate: OwnCertificate;
  /** Values of the peer's `a=fingerprint`. */
  readonly fingerprints: readonly string[];
  readonly clock: DtlsClock;
  send(datagram: Uint8Array): void;
  /** The peer is who it said, and these are the keys. */
  connected(keying: SrtpKeying): void;
  /** The handshake failed, or the peer closed the association. Once, last; not after `close`. */
  ended(reason: string): void;
}

/** The message that is waited for; `flight`: the rest of the peer's, in its order. */
type State = "hello" | "certificate" | "key-exchange" | "request-or-done" | "done" | "verify" | "finished" | "up";

const keyLengths: Readonly<Record<DtlsSrtpProfile, { key: number; salt: number }>> = {
  AEAD_AES_128_GCM: { key: 16, salt: 12 },
  AES_CM_128_HMAC_SHA1_80: { key: 16, salt: 14 },
  AEAD_AES_256_GCM: { key: 32, salt: 12 },
};

export class Association {
  readonly #options: AssociationOptions;
  readonly #link: Link;
  readonly #client: boolean;
  #state: State = "hello";
  readonly #random = randomBytes(32);
  #peerRandom: Uint8Array = new Uint8Array(0);
  #extendedMasterSecret = false;
  #profile: DtlsSrtpProfile | undefined;
  #suite: number = suites.ecdsa;
  #peerKey: KeyObject | undefined;
  #exchange: ECDH | undefined;
  #peerPoint: Uint8Array = new Uint8Array(0);
  #certificateWanted = false;
  #cookieSeen = false;
  #master: Buffer | undefined;

  constructor(options: AssociationOptions) {
    this.#options = options;
    this.#client = options.role === "client";
    this.#link = new Link((datagram) => options.send(datagram), options.clock, {
      take: (message) => this.#take(message),
      ended: (reason) => options.ended(reason),
    });
  }

  /** A client says hello; a server waits. */
  start(): void {
    if (this.#client) this.#hello(new Uint8Array(0));
  }

  /** Takes a datagram from the peer's proven address. */
  receive(datagram: Uint8Array): void {
    if (!this.#link.over) this.#link.receive(datagram);
  }

  close(): void {
    this.#link.close();
  }

  get #randoms(): Randoms {
    return this.#client
      ? { client: this.#random, server: this.#peerRandom }
      : { client: this.#peerRandom, server: this.#random };
  }

  #hello(cookie: Uint8Array): void {
    this.#link.begin();
    this.#link.add(handshakeType.clientHello, writeClientHello(this.#random, cookie, acceptedSchemes));
    this.#link.send(true);
  }

  #take(message: HandshakeMessage): void {
    if (this.#client) this.#takeAsClient(message);
    else this.#takeAsServer(message);
  }

  #takeAsServer(message: HandshakeMessage): void {
    const { type, body } = message;
    switch (this.#state) {
      case "hello":
        try {
          expect(type, handshakeType.clientHello);
          this.#answerHello(message, readClientHello(body));
        } catch (error) {
          // ES2023-01 to -03: a hello that cannot be answered is nobody's, and the right one may still come.
          if (!(error instanceof DtlsFault)) throw error;
          this.#link.startOver();
        }
        return;
      case "certificate":
        expect(type, handshakeType.certificate);
        this.#link.note(message);
        this.#takeCertificate(body);
        this.#state = "key-exchange";
        return;
      case "key-exchange":
        expect(type, handshakeType.clientKeyExchange);
        this.#link.note(message);
        this.#peerPoint = new Octets(body).vector(1).all();
        this.#makeKeys(this.#link.hash);
        this.#state = "verify";
        return;
      case "verify":
        expect(type, handshakeType.certificateVerify);
        checkSigned(new Octets(body), this.#provenKey, this.#link.transcript);
        this.#link.note(message);
        this.#state = "finished";
        return;
      case "finished":
        this.#takeFinished(message, "client");
        this.#link.begin();
        this.#sendFinished("server");
        this.#link.send(false);
        return this.#up();
      default:
      // What comes after the end of the handshake: renegotiation is not answered.
    }
  }

  #answerHello(message: HandshakeMessage, hello: ClientHello): void {
    const profile = srtpProfiles.find((each) => hello.srtpProfiles.includes(srtpProfileNumbers[each]));
    const signature = hello.signatures.length === 0 || hello.signatures.includes(ownScheme);
    if (!hello.suites.includes(suites.ecdsa) || !hello.groups.includes(secp256r1) || !signature || !profile)
      throw new DtlsFault(alerts.handshakeFailure, "the peer offers nothing that DTLS-SRTP needs");
    const link = this.#link;
    link.note(message);
    this.#peerRandom = hello.random;
    this.#profile = profile;
    this.#extendedMasterSecret = hello.extendedMasterSecret;
    this.#exchange = createECDH("prime256v1");
    const point = this.#exchange.generateKeys();
    const parameters = Buffer.concat([uint(3, 1), uint(secp256r1, 2), vector(1, point)]);
    const text = Buffer.concat([this.#peerRandom, this.#random, parameters]);
    link.begin();
    link.add(
      handshakeType.serverHello,
      writeServerHello(this.#random, suites.ecdsa, srtpProfileNumbers[profile], hello),
    );
    link.add(handshakeType.certificate, this.#certificateChain);
    link.add(handshakeType.serverKeyExchange, Buffer.concat([parameters, signed(this.#privateKey, text)]));
    // ecdsa_sign and rsa_sign; of any authority.
    const kinds = vector(1, Uint8Array.of(64, 1));
    link.add(
      handshakeType.certificateRequest,
      Buffer.concat([kinds, vector(2, uint16s(...acceptedSchemes)), vector(2)]),
    );
    link.add(handshakeType.serverHelloDone, new Uint8Array(0));
    link.send(true);
    this.#state = "certificate";
  }

  #takeAsClient(message: HandshakeMessage): void {
    const { type, body } = message;
    const link = this.#link;
    if (this.#state === "hello" && type === handshakeType.helloVerifyRequest) return this.#takeCookie(body);
    if (this.#state === "up") return;
    if (this.#state !== "finished") link.note(message);
    switch (this.#state) {
      case "hello":
        expect(type, handshakeType.serverHello);
        this.#takeServerHello(body);
        this.#state = "certificate";
        return;
      case "certificate":
        expect(type, handshakeType.certificate);
        this.#takeCertificate(body);
        this.#state = "key-exchange";
        return;
      case "key-exchange":
        expect(type, handshakeType.serverKeyExchange);
        this.#takeServerKey(body);
        this.#state = "request-or-done";
        return;
      case "request-or-done":
        if (type === handshakeType.certificateRequest) {
          this.#certificateWanted = true;
          this.#state = "done";
          return;
        }
        expect(type, handshakeType.serverHelloDone);
        return this.#answerServer();
      case "done":
        expect(type, handshakeType.serverHelloDone);
        return this.#answerServer();
      case "finished":
        this.#takeFinished(message, "server");
        return this.#up();
    }
  }

  #takeCookie(body: Uint8Array): void {
    if (this.#cookieSeen) throw new DtlsFault(alerts.handshakeFailure, "a second cookie");
    this.#cookieSeen = true;
    const octets = new Octets(body);
    octets.uint(2);
    const cookie = octets.vector(1).all();
    this.#link.forgetTranscript();
    this.#hello(cookie);
  }

  #takeServerHello(body: Uint8Array): void {
    const hello = readServerHello(body);
    const profile = srtpProfiles.find((each) => srtpProfileNumbers[each] === hello.srtpProfile);
    if (profile === undefined || (hello.suite !== suites.ecdsa && hello.suite !== suites.rsa))
      throw new DtlsFault(alerts.illegalParameter, "the peer chose what was not offered");
    this.#peerRandom = hello.random;
    this.#profile = profile;
    this.#suite = hello.suite;
    this.#extendedMasterSecret = hello.extendedMasterSecret;
  }

  #takeServerKey(body: Uint8Array): void {
    const octets = new Octets(body);
    if (octets.uint(1) !== 3 || octets.uint(2) !== secp256r1)
      throw new DtlsFault(alerts.illegalParameter, "the peer chose a curve that was not offered");
    this.#peerPoint = octets.vector(1).all();
    const parameters = body.subarray(0, 4 + this.#peerPoint.length);
    checkSigned(octets, this.#provenKey, Buffer.concat([this.#random, this.#peerRandom, parameters]));
  }

  #answerServer(): void {
    const link = this.#link;
    this.#exchange = createECDH("prime256v1");
    const point = this.#exchange.generateKeys();
    link.begin();
    if (this.#certificateWanted) link.add(handshakeType.certificate, this.#certificateChain);
    link.add(handshakeType.clientKeyExchange, vector(1, point));
    this.#makeKeys(link.hash);
    if (this.#certificateWanted) link.add(handshakeType.certificateVerify, signed(this.#privateKey, link.transcript));
    this.#sendFinished("client");
    link.send(true);
    this.#state = "finished";
  }

  get #certificateChain(): Buffer {
    return vector(3, vector(3, Buffer.from(this.#options.certificate.certificate, "base64")));
  }

  get #privateKey(): KeyObject {
    return privateKeyOf(this.#options.certificate);
  }

  /** The key that the peer's signature must be of. */
  get #provenKey(): KeyObject {
    if (this.#peerKey === undefined) throw new DtlsFault(alerts.badCertificate, "the peer shows no certificate");
    return this.#peerKey;
  }

  #takeCertificate(body: Uint8Array): void {
    const chain = new Octets(body).vector(3);
    if (chain.rest === 0) throw new DtlsFault(alerts.badCertificate, "the peer shows no certificate");
    const der = chain.vector(3).all();
    if (!hasFingerprint(der, this.#options.fingerprints))
      throw new DtlsFault(
        alerts.badCertificate,
        "the peer's certificate is not the one whose fingerprint it signalled",
      );
    this.#peerKey = publicKeyOf(der);
    const kind = this.#client && this.#suite === suites.rsa ? "rsa" : "ec";
    if (this.#peerKey === undefined || (this.#client && this.#peerKey.asymmetricKeyType !== kind))
      throw new DtlsFault(alerts.badCertificate, "the peer's certificate has a key that cannot be used");
  }

  #makeKeys(sessionHash: Uint8Array): void {
    let secret: Uint8Array;
    try {
      secret = this.#exchange?.computeSecret(this.#peerPoint) ?? new Uint8Array(0);
    } catch {
      throw new DtlsFault(alerts.illegalParameter, "the peer's key is no point of the curve");
    }
    this.#master = masterSecret(secret, this.#randoms, this.#extendedMasterSecret ? sessionHash : undefined);
    const { client, server } = recordKeys(this.#master, this.#randoms);
    if (this.#client) this.#link.setKeys(client, server);
    else this.#link.setKeys(server, client);
  }

  #takeFinished(message: HandshakeMessage, from: "client" | "server"): void {
    expect(message.type, handshakeType.finished);
    const wanted = this.#verifyData(from);
    if (message.body.length !== wanted.length || !timingSafeEqual(message.body, wanted))
      throw new DtlsFault(alerts.decryptError, "somebody has changed the handshake");
    this.#link.note(message);
  }

  #verifyData(from: "client" | "server"): Buffer {
    if (this.#master === undefined) throw new DtlsFault(alerts.handshakeFailure, "Finished before the keys");
    return verifyData(this.#master, from, this.#link.hash);
  }

  #sendFinished(from: "client" | "server"): void {
    this.#link.add(handshakeType.finished, this.#verifyData(from));
  }

  #up(): void {
    this.#state = "up";
    this.#link.connected();
    const profile = this.#profile;
    if (profile === undefined || this.#master === undefined) return;
    const { key, salt } = keyLengths[profile];
    const block = exported(this.#master, "EXTRACTOR-dtls_srtp", this.#randoms, 2 * (key + salt));
    this.#master = undefined;
    const of = (side: 0 | 1) =>
      Buffer.concat([
        block.subarray(side * key, (side + 1) * key),
        block.subarray(2 * key + side * salt, 2 * key + (side + 1) * salt),
      ]);
    const [client, server] = [of(0), of(1)];
    this.#options.connected(
      this.#client ? { profile, local: client, remote: server } : { profile, local: server, remote: client },
    );
  }
}

/** @throws DtlsFault */
function expect(type: number, wanted: number): void {
  if (type !== wanted) throw new DtlsFault(10, `handshake message ${type} where ${wanted} was due`);
}
