// The server's interface, as docs/service.md has it. Whatever leaves the page leaves it here.

// When a request is sent again, as crates/client/src/http/retry.rs has it, in seconds: for how long the server may be too
// busy, an earlier request may hold what this one needs, and the server may be out of reach.
const BUSY = 180;
const TAKEN = 60;
const UNREACHABLE = 15;
// The first random pause is at most this long; each may be twice as long as the one before, up to the largest.
const FIRST_PAUSE = 0.5;
const LARGEST_PAUSE = 8;
// A server does not make a client wait longer than this at once.
const LONGEST_WAIT = 60;
const SMALLEST_CHUNK = 1 << 19;
const LARGEST_CHUNK = 1 << 22;
// So many steps of progress.
const CHUNKS = 32;
// Seconds for which the server may hold back the answer about a job.
const WAIT = 20;
const FINAL = ["succeeded", "failed", "cancelled"];

const ADVICE = {
  401: "Check the token, or ask for a new one.",
  403: "Ask the owner for a token with that scope.",
  404: "It may have been deleted: press Look again and choose another model.",
  507: "Ask the owner to delete what is not needed.",
};

const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));

// A request that did not succeed.
export class Refusal extends Error {
  constructor(message, status, wait) {
    super(message);
    this.status = status;
    // Seconds after which it may be repeated at the earliest; undefined if that is of no use.
    this.wait = wait;
  }
}

// The failures of one request. Pauses are random, so that those who were refused together do not return together, and
// what ends it is the time that has passed.
class Retry {
  #since;
  #failures = 0;

  // Waits until the request may be sent again, or throws the error if it has failed for too long.
  async pause(error, least, patience) {
    const now = performance.now() / 1000;
    this.#since ??= now;
    const most = Math.min(FIRST_PAUSE * 2 ** this.#failures++, LARGEST_PAUSE);
    const seconds = Math.min(least, LONGEST_WAIT) + most * Math.random();
    if (now + seconds > this.#since + patience) {
      throw error;
    }
    await pause(seconds);
  }
}

const patience = (error) => (error.status === 0 ? UNREACHABLE : BUSY);

async function refusal(response) {
  let problem = {};
  try {
    problem = await response.json();
  } catch {
    // A proxy's answer, perhaps. The status says enough.
  }
  const what = problem.detail ?? `the server answered with status ${response.status}`;
  const advice = ADVICE[response.status] ?? "";
  const message = `${problem.title ?? "The server refuses"}: ${what}. ${advice}`.trim();
  const isBusy = response.status === 429 || response.status === 503;
  // A date in its place, from a proxy, is not a number.
  const wait = isBusy ? Number(response.headers.get("Retry-After")) || 1 : undefined;
  return new Refusal(message, response.status, wait);
}

export class Server {
  #token;

  constructor(token) {
    this.#token = token;
  }

  async #once(method, path, headers, body) {
    let response;
    try {
      response = await fetch(path, {
        method,
        headers: { Authorization: `Bearer ${this.#token}`, ...headers },
        body,
        credentials: "omit",
        redirect: "error",
        cache: "no-store",
        referrerPolicy: "no-referrer",
      });
    } catch {
      const message = "The server cannot be reached: check that it runs and that you are connected, then try again";
      throw new Refusal(message, 0, 0);
    }
    if (!response.ok) {
      throw await refusal(response);
    }
    return response;
  }

  // Repeated while the server is busy or out of reach; only for requests that can be.
  async #send(method, path, headers = {}, body = undefined) {
    const retry = new Retry();
    for (;;) {
      try {
        return await this.#once(method, path, headers, body);
      } catch (error) {
        if (!(error instanceof Refusal) || error.wait === undefined) {
          throw error;
        }
        await retry.pause(error, error.wait, patience(error));
      }
    }
  }

  async whoami() {
    // At once: it is the first request, and a wrong address should not take a minute to be found out.
    return (await this.#once("GET", "/v1/whoami", {})).json();
  }

  // All objects of a collection.
  async all(collection) {
    const objects = [];
    for (;;) {
      const after = objects.length === 0 ? "" : `&after=${encodeURIComponent(objects.at(-1).id)}`;
      const page = await (await this.#send("GET", `/v1/${collection}?limit=100${after}`)).json();
      objects.push(...page.items);
      if (page.items.length < 100) {
        return objects;
      }
    }
  }

  // A file by the tus protocol: an upload that is interrupted goes on where it ended. Returns its id.
  async upload(bytes, checksum, progress) {
    const tus = { "Tus-Resumable": "1.0.0" };
    const made = await this.#send("POST", "/v1/uploads", {
      ...tus,
      "Upload-Length": String(bytes.length),
      "Upload-Metadata": `blake3 ${btoa(checksum)}`,
    });
    const path = new URL(made.headers.get("Location"), location.href).pathname;
    const chunk = Math.min(Math.max(SMALLEST_CHUNK, Math.ceil(bytes.length / CHUNKS)), LARGEST_CHUNK);
    let offset = 0;
    let retry = new Retry();
    while (offset < bytes.length) {
      progress(offset / bytes.length);
      const part = bytes.subarray(offset, offset + chunk);
      const headers = { ...tus, "Upload-Offset": String(offset), "Content-Type": "application/offset+octet-stream" };
      try {
        const answer = await this.#once("PATCH", path, headers, part);
        offset = Number(answer.headers.get("Upload-Offset"));
        retry = new Retry();
      } catch (error) {
        const isTaken = error.status === 409 || error.status === 423;
        if (error.wait === undefined && !isTaken) {
          throw error;
        }
        await retry.pause(error, error.wait ?? 0, isTaken ? TAKEN : patience(error));
        offset = Number((await this.#send("HEAD", path, tus)).headers.get("Upload-Offset"));
      }
    }
    progress(1);
    return path.split("/").pop();
  }

  // Makes something of what was sent; a repeated request makes nothing twice.
  async make(collection, document) {
    const headers = { "Content-Type": "application/json", "Idempotency-Key": crypto.randomUUID() };
    return (await this.#send("POST", `/v1/${collection}`, headers, JSON.stringify(document))).json();
  }

  // Has a job done, and waits for it. Returns it.
  async #finish(collection, document, progress) {
    let job = await this.make(collection, document);
    while (!FINAL.includes(job.state)) {
      job = await (await this.#send("GET", `/v1/${collection}/${job.id}?wait=${progress ? 1 : WAIT}`)).json();
      progress?.(job.progress.done / Math.max(job.progress.total, 1));
    }
    if (job.state !== "succeeded") {
      const reason = job.problem?.detail ?? "it was cancelled";
      throw new Refusal(`The server did not do it: ${reason}. Try again, or choose another model`, 0);
    }
    return job;
  }

  // Has an upload classified by a model, or by a network under a set of keys. Returns the job's id.
  async classify({ model, keySet }, upload, progress) {
    return (await this.#finish("classifications", { model, key_set: keySet, upload }, progress)).id;
  }

  // Has a model trained. Returns its id.
  async train(name, dataSet, keySet, progress) {
    const document = { name, data_set: dataSet, key_set: keySet };
    return (await this.#finish("training-jobs", document, progress)).result;
  }

  // The encrypted scores, and the checksum that they should have.
  async scores(job) {
    const response = await this.#send("GET", `/v1/classifications/${job}/content`);
    const bytes = new Uint8Array(await response.arrayBuffer());
    return { bytes, checksum: response.headers.get("Tapetum-Blake3") };
  }

  async remove(collection, id) {
    await this.#send("DELETE", `/v1/${collection}/${id}`);
  }
}
