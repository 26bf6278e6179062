/** The console's small files: the page that console.js fills, its picture, and the licences of what console.js contains. */
import { underMit } from "../mit-licence.ts";

export const consoleHtml = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>siproc</title>
<link rel="icon" href="icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="console.css">
<script src="console.js" defer></script>
</head>
<body>
<div id="console"></div>
<noscript><p>The console needs JavaScript. Without it: siproc status, siproc top, siproc calls.</p></noscript>
</body>
</html>
`;

export const consoleIcon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0b6b4f"/><path fill="none" stroke="#fff" stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round" d="M6 11h17l-4.5-4M26 21H9l4.5 4"/></svg>
`;

export const consoleLicences = `The console is part of siproc, which is under the MIT licence. console.js contains:

Preact, https://preactjs.com, and @preact/signals
Copyright (c) 2015-present Jason Miller; Copyright (c) 2022-present Preact Team

uPlot, https://github.com/leeoniya/uPlot
Copyright (c) 2022 Leon Sorokin

${underMit}`;
