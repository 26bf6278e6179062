/** The door of the message layer: the messages, and what parses, builds and checks them. */
export { type BuildResponseOptions, buildRequest, buildResponse } from "./build.ts";
export { checkRequest, checkResponse, type Refusal } from "./check.ts";
export { InvalidHeaderValue, MalformedHeader } from "./errors.ts";
export { type ParseFailure, parseMessage } from "./parse.ts";
export { type HeaderList, Message, Request, Response } from "./request-response.ts";
