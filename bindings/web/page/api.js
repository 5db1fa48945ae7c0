// The server's interface, as docs/service.md has it. Whatever leaves the page leaves it here.

const TRIES = 6;
const LONGEST_WAIT = 20;
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
    // Seconds after which it may be repeated; undefined if that is of no use.
    this.wait = wait;
  }
}

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
  const wait = isBusy ? Number(response.headers.get("Retry-After") ?? 1) : undefined;
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
      throw new Refusal(message, 0, 1);
    }
    if (!response.ok) {
      throw await refusal(response);
    }
    return response;
  }

  // Repeated while the server is busy or out of reach; only for requests that can be.
  async #send(method, path, headers = {}, body = undefined) {
    for (let tried = 1; ; tried++) {
      try {
        return await this.#once(method, path, headers, body);
      } catch (error) {
        if (!(error instanceof Refusal) || error.wait === undefined || tried === TRIES) {
          throw error;
        }
        await pause(Math.min(error.wait * tried, LONGEST_WAIT));
      }
    }
  }

  async whoami() {
    // At once: it is the first request, and a wrong address should not take a minute to be found out.
    return (await this.#once("GET", "/v1/whoami", {})).json();
  }

  async models() {
    const models = [];
    for (;;) {
      const after = models.length === 0 ? "" : `&after=${encodeURIComponent(models.at(-1).id)}`;
      const page = await (await this.#send("GET", `/v1/models?limit=100${after}`)).json();
      models.push(...page.items);
      if (page.items.length < 100) {
        return models;
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
    let failures = 0;
    while (offset < bytes.length) {
      progress(offset / bytes.length);
      const part = bytes.subarray(offset, offset + chunk);
      const headers = { ...tus, "Upload-Offset": String(offset), "Content-Type": "application/offset+octet-stream" };
      try {
        const answer = await this.#once("PATCH", path, headers, part);
        offset = Number(answer.headers.get("Upload-Offset"));
        failures = 0;
      } catch (error) {
        const canGoOn = error.wait !== undefined || error.status === 409 || error.status === 423;
        if (!canGoOn || ++failures === TRIES) {
          throw error;
        }
        await pause(Math.min((error.wait ?? 1) * failures, LONGEST_WAIT));
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

  // Has an upload classified. Returns the job's id.
  async classify(model, upload) {
    return (await this.#finish("classifications", { model, upload })).id;
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
