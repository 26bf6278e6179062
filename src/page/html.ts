/** The page's small files: what stands around the phone, which siproc.js brings. */
import { underMit } from "../mit-licence.ts";

export interface PageOptions {
  /** What stands at its top. */
  readonly title: string;
  /** Addresses that the page offers to call: users, `user@host`, SIP URIs. */
  readonly to: readonly string[];
  /** What is called where only a user was typed; undefined: the host that the page came from. */
  readonly domain: string | undefined;
  /** Origins whose pages may show this one in a frame. */
  readonly frames: readonly string[];
  /** STUN and TURN servers for the browser, as `stun:host:port`. */
  readonly ice: readonly string[];
  /** The port where the page is to be had by https; undefined: nowhere. */
  readonly securePort: number | undefined;
  /** Makes credentials for a TURN server, for anybody; undefined: nobody gets any from the page. */
  readonly turn: (() => object) | undefined;
}

/** Where credentials for a TURN server are. */
export const turnPath = "/turn.json";

/** The page itself. */
export function pageHtml({ title, to, domain, ice, securePort, turn }: PageOptions): string {
  const attributes = [
    ["name", title],
    ["calls", to.join(" ")],
    ["domain", domain],
    ["ice", ice.join(" ")],
    ["secure-port", securePort?.toString()],
    ["turn", turn && turnPath],
  ]
    .filter(([, value]) => value !== undefined && value !== "")
    .map(([name, value]) => ` ${name}="${escaped(value ?? "")}"`)
    .join("");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escaped(title)}</title>
<link rel="icon" href="icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="siproc.css">
<script src="siproc.js" defer></script>
</head>
<body>
<main><siproc-phone${attributes}></siproc-phone></main>
<noscript><p>This phone needs JavaScript.</p></noscript>
<footer><a href="licences.txt">Licences</a></footer>
</body>
</html>
`;
}

/** Around the phone; the phone's own looks are in client/style.ts. */
export const pageStyle = `html { color-scheme: light dark; }
html[data-theme="light"] { color-scheme: light; }
html[data-theme="dark"] { color-scheme: dark; }
body {
  margin: 0; min-height: 100dvh; display: flex; flex-direction: column;
  background: light-dark(#eef1f4, #101418); color: light-dark(#1b2329, #e6ebef);
  font: 16px/1.45 system-ui, sans-serif;
}
main { flex: 1; padding: 16px; display: flex; justify-content: center; align-items: flex-start; }
siproc-phone { width: 100%; max-width: 56rem; }
footer, noscript { padding: 8px 16px 16px; text-align: center; font-size: 0.85rem; }
footer a { color: inherit; }
@media (min-width: 48rem) { main { padding-top: 6vh; } }
@media (max-width: 26rem) { main { padding: 8px; } }
`;

export const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0b6b4f"/><path fill="#fff" d="M10.2 6.5c.8-.5 1.8-.3 2.3.5l1.8 2.9c.4.7.3 1.6-.3 2.2l-1.4 1.3c.9 2.2 2.7 4.2 5 5.4l1.5-1.2c.6-.5 1.5-.6 2.2-.1l2.7 1.9c.8.5 1 1.6.4 2.4l-1.5 2c-.8 1-2.1 1.4-3.3 1C13.7 23 9 17.5 7.3 11.3c-.4-1.3.1-2.7 1.2-3.6z"/></svg>
`;

/** Of what is in siproc.js besides our own. */
export const licences = `This page is part of siproc, which is under the MIT licence. siproc.js contains:

JsSIP 3.13.8, https://jssip.net
Copyright (c) 2012-2015 José Luis Millán <jmillan@aliax.net>, Iñaki Baz Castillo <ibc@aliax.net>, Saúl Ibarra Corretgé
<saghul@gmail.com> (Versatica, http://www.versatica.com), and contributors

debug, Copyright (c) 2014-2017 TJ Holowaychuk <tj@vision-media.ca>, Copyright (c) 2018-2021 Josh Junon
ms, Copyright (c) 2020 Vercel, Inc.
events, Copyright Joyent, Inc. and other Node contributors
sdp-transform, Copyright (c) 2013 Eirik Albrigtsen

${underMit}`;

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (found) => `&#${found.charCodeAt(0)};`);
}
