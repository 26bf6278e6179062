/** siproc.js: defines <siproc-phone>, the whole phone, and <siproc-call>, a button that calls. */
import { CallElement } from "./call-element.ts";
import { PhoneElement } from "./phone-element.ts";

if (customElements.get("siproc-phone") === undefined) customElements.define("siproc-phone", PhoneElement);
if (customElements.get("siproc-call") === undefined) customElements.define("siproc-call", CallElement);
