// Questions to the host. Owns: how one is sent, and that every failure becomes a sentence. Never: knows what one means.

import * as access from "./access.js";

/// Longest time for an answer; the server allows itself 5 s.
const WITHIN_MS = 10_000;
/// Longest silence of a stream that sends each second; then it is given up.
const SILENCE_MS = 20_000;

/// An answer that is none, or that no answer came (status 0).
export class Refused extends Error {
  constructor(status, kind, message) {
    super(message);
    this.status = status;
    this.kind = kind;
  }
}

function head(token) {
  return token === null ? {} : { Authorization: `Bearer ${token}` };
}

async function send(path, options) {
  try {
    return await fetch(path, { cache: "no-store", credentials: "omit", redirect: "error", ...options });
  } catch (error) {
    throw unreachable(error);
  }
}

function unreachable(error) {
  const late = error.name === "TimeoutError";
  return new Refused(0, "Unreachable", late ? "The host did not answer within 10 s." : "The host cannot be reached.");
}

/// The limit holds for all of an answer, not only for its head.
async function whole(response) {
  try {
    return await response.json();
  } catch (error) {
    throw unreachable(error);
  }
}

/// What a refusal says, as a sentence.
async function refusal(response) {
  let told = {};
  try {
    told = (await response.json()).error ?? {};
  } catch {
    // A proxy's words, or nothing.
  }
  const words = told.message ?? `the host answered with status ${response.status}`;
  return new Refused(response.status, told.kind ?? "", `${words[0].toUpperCase()}${words.slice(1)}.`);
}

/// Asks with the token that is in use, or with `token`. A token that the host does not take is given up.
async function answered(path, options, token = access.token()) {
  const headers = { ...options.headers, ...head(token) };
  const response = await send(path, { ...options, headers });
  if (response.ok) return response;
  const refused = await refusal(response);
  if (refused.kind === "TokenWrong" && token !== null) access.refused(token, refused);
  throw refused;
}

function query(params) {
  const given = Object.entries(params).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
}

export async function get(path, params = {}, token = undefined) {
  const options = { signal: AbortSignal.timeout(WITHIN_MS) };
  return whole(await answered(path + query(params), options, token));
}

export async function post(path, body) {
  const response = await answered(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(WITHIN_MS),
  });
  return whole(response);
}

/// Server-sent events as they come, each { kind, data }. `EventSource` would do it, but it cannot send the token.
export async function* listen(path, params, signal) {
  const silence = new AbortController();
  const stop = () => silence.abort();
  signal.addEventListener("abort", stop);
  let timer = setTimeout(stop, SILENCE_MS);
  try {
    const response = await answered(path + query(params), { signal: silence.signal });
    let rest = "";
    for await (const piece of pieces(response.body)) {
      clearTimeout(timer);
      timer = setTimeout(stop, SILENCE_MS);
      const events = (rest + piece).split("\n\n");
      rest = events.pop();
      for (const event of events) {
        const told = parse(event);
        if (told !== null) yield told;
      }
    }
  } finally {
    clearTimeout(timer);
    silence.abort();
  }
}

/// A stream as text. (Not every browser lets one be iterated.)
async function* pieces(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    let piece;
    try {
      piece = await reader.read();
    } catch {
      throw new Refused(0, "Unreachable", "The stream of the host broke off.");
    }
    if (piece.done) return;
    yield piece.value;
  }
}

function parse(event) {
  const fields = new Map();
  for (const line of event.split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).trimStart());
  }
  return fields.has("data") ? { kind: fields.get("event"), data: JSON.parse(fields.get("data")) } : null;
}
