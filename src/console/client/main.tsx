/** The console begins: finds its place in the page, and draws itself. */
import "./style/base.css";
import { render } from "preact";
import { App } from "./app.tsx";

const place = document.getElementById("console");
if (place !== null) render(<App />, place);
