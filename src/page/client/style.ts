/** The looks of both elements. A page changes them by the variables at the top, and by ::part(). */

const css = `
:host {
  --_accent: var(--siproc-accent, light-dark(#0b6b4f, #4fc79c));
  --_on-accent: var(--siproc-on-accent, light-dark(#fff, #06251b));
  --_stop: var(--siproc-stop, light-dark(#b3261e, #f2867e));
  --_on-stop: var(--siproc-on-stop, light-dark(#fff, #3a0a07));
  --_text: var(--siproc-text, light-dark(#1b2329, #e6ebef));
  --_quiet: var(--siproc-quiet, light-dark(#55626c, #a2b0bb));
  --_card: var(--siproc-card, light-dark(#fff, #1a2127));
  --_key: var(--siproc-key, light-dark(#edf1f4, #262f37));
  --_line: var(--siproc-line, light-dark(#86929b, #6b7a86));
  --_radius: var(--siproc-radius, 12px);
  display: block; color: var(--_text); font: 16px/1.45 var(--siproc-font, system-ui, sans-serif);
}
:host([theme="light"]) { color-scheme: light; }
:host([theme="dark"]) { color-scheme: dark; }
:host(siproc-call) { display: inline-block; min-width: 12rem; max-width: 24rem; }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
h1 { font-size: 1.15rem; margin: 0; }
h2 { font-size: 1rem; margin: 0; }
details.card { display: block; }
p { margin: 0; }
.phone { display: grid; gap: 16px; grid-template-columns: minmax(0, 1fr); align-items: start; }
.card { background: var(--_card); border-radius: var(--_radius); padding: 16px; display: grid; gap: 14px; min-width: 0; }
.side { display: grid; gap: 16px; min-width: 0; }
@media (min-width: 44rem) { .phone { grid-template-columns: minmax(0, 23rem) minmax(0, 1fr); } }
.top { display: flex; flex-wrap: wrap; gap: 2px 12px; justify-content: space-between; align-items: baseline; }
.line { color: var(--_quiet); font-size: 0.9rem; overflow-wrap: anywhere; }
.line::before { content: ""; display: inline-block; width: 0.6em; height: 0.6em; border-radius: 50%; margin-right: 0.45em; background: var(--_line); }
.line[data-type="registered"]::before, .line[data-type="anonymous"]::before { background: var(--_accent); }
.line[data-type="lost"]::before, .line[data-type="refused"]::before { background: var(--_stop); }
.problem { border-left: 4px solid var(--_stop); padding: 8px 12px; background: var(--_key); border-radius: 6px; display: grid; gap: 8px; }
.field { display: grid; gap: 4px; min-width: 0; flex: 1 1 9rem; }
.field > span { font-size: 0.85rem; color: var(--_quiet); }
input, select {
  font: inherit; color: inherit; width: 100%; min-width: 0; min-height: 44px; padding: 8px 12px;
  background: var(--_card); border: 1px solid var(--_line); border-radius: 8px;
}
button {
  font: inherit; font-weight: 600; color: inherit; min-height: 44px; padding: 8px 14px; cursor: pointer;
  background: var(--_key); border: 1px solid transparent; border-radius: 8px;
}
button:hover { border-color: var(--_line); }
button:active { transform: translateY(1px); }
button:disabled { opacity: 0.5; cursor: default; }
button[aria-pressed="true"] { background: var(--_text); color: var(--_card); }
:focus-visible { outline: 3px solid var(--_accent); outline-offset: 2px; }
.go { background: var(--_accent); color: var(--_on-accent); }
.stop { background: var(--_stop); color: var(--_on-stop); }
.row { display: flex; flex-wrap: wrap; gap: 8px; align-items: end; }
.row > button { flex: none; }
.field:has(> [name="message"]) { flex-basis: 13rem; }
.chips { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; }
.chips > span { color: var(--_quiet); font-size: 0.85rem; }
.chips button { border-radius: 22px; }
.pad { display: grid; grid-template-columns: repeat(3, 1fr); gap: 8px; }
.pad button { min-height: 56px; display: grid; justify-items: center; align-content: center; padding: 4px; line-height: 1.15; }
.pad b { font-size: 1.3rem; font-weight: 600; }
.pad small { font-size: 0.7rem; font-weight: 400; color: var(--_quiet); letter-spacing: 0.08em; }
.pad small::before { content: attr(data-letters); content: attr(data-letters) / ""; }
.call { display: grid; gap: 10px; border: 1px solid var(--_line); border-radius: var(--_radius); padding: 12px; }
.head { display: flex; gap: 12px; justify-content: space-between; align-items: baseline; }
.who { overflow-wrap: anywhere; font-size: 1.1rem; }
.clock { font-variant-numeric: tabular-nums; color: var(--_quiet); }
.meters { display: grid; gap: 4px; }
.meters > div { display: grid; grid-template-columns: 3rem 1fr; gap: 8px; align-items: center; font-size: 0.85rem; color: var(--_quiet); }
meter { width: 100%; height: 10px; appearance: none; border: 0; background: var(--_key); border-radius: 5px; overflow: hidden; }
meter::-webkit-meter-inner-element { display: block; }
meter::-webkit-meter-bar { background: var(--_key); border: 0; border-radius: 5px; height: 10px; }
meter::-webkit-meter-optimum-value { height: 100%; background: var(--_accent); transition: width 90ms linear; }
meter::-moz-meter-bar { background: var(--_accent); }
.quality { font-size: 0.85rem; color: var(--_quiet); }
.quality[data-words="poor"] { color: var(--_stop); }
.actions { display: flex; flex-wrap: wrap; gap: 8px; }
.actions button { flex: 1 1 5.5rem; }
.texts { list-style: none; margin: 0; padding: 0; display: grid; gap: 6px; max-height: 14rem; overflow-y: auto; }
.texts li { padding: 6px 10px; background: var(--_key); border-radius: 8px; overflow-wrap: anywhere; white-space: pre-wrap; justify-self: start; max-width: 90%; }
.texts li[data-mine] { justify-self: end; background: var(--_accent); color: var(--_on-accent); }
.texts small { display: block; opacity: 0.85; font-size: 0.75rem; }
.quiet { color: var(--_quiet); font-size: 0.85rem; }
details > summary { cursor: pointer; font-weight: 600; padding: 4px 0; }
details[open] > summary { margin-bottom: 10px; }
details > form, details > div { display: grid; gap: 10px; }
.button { display: grid; gap: 10px; }
@media (prefers-reduced-motion: reduce) { * { transition: none !important; } }
@media (forced-colors: active) { .line::before { forced-color-adjust: none; } }
`;

let sheet: CSSStyleSheet | undefined;

/** Puts the looks into a shadow root; a policy against inline styles does not forbid it. */
export function dress(root: ShadowRoot): void {
  if (sheet === undefined) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
  }
  root.adoptedStyleSheets = [sheet];
}
