/** The console begins: finds its place in the page, draws itself, and follows the server. */
import "./style/tokens.css";
import "./style/base.css";
import "./style/shell.css";
import "./style/parts.css";
import "./style/grid.css";
import "./style/call.css";
import { render } from "preact";
import { App } from "./app.tsx";
import { follow } from "./live.ts";
import { status } from "./server.ts";

const place = document.getElementById("console");
if (place !== null) {
  render(<App />, place);
  follow();
  status.start();
}
