// The page's side of the worker: calls become messages.

const policy = globalThis.trustedTypes?.createPolicy("tapetum", {
  createScriptURL(url) {
    if (url !== "worker.js") {
      throw new TypeError(`not a script of this page: ${url}`);
    }
    return url;
  },
});

export class Keeper {
  #worker;
  #waiting = new Map();
  #next = 0;

  // A worker with the compiled module. One that is ended takes the key with it.
  static async start(module) {
    const keeper = new Keeper();
    const url = policy ? policy.createScriptURL("worker.js") : "worker.js";
    keeper.#worker = new Worker(url, { type: "module" });
    keeper.#worker.onmessage = ({ data }) => keeper.#answer(data);
    keeper.#worker.onerror = (event) => {
      const reason = event.message || "its script could not be loaded";
      keeper.#end(`The part of the page that computes has stopped (${reason}): reload the page`);
    };
    await keeper.call("start", { module });
    return keeper;
  }

  // Resolves to `{ result, milliseconds }`.
  call(operation, values) {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, operation, values });
    });
  }

  forget() {
    this.#worker.terminate();
    this.#end("The key was forgotten: load it again");
  }

  #answer({ id, result, milliseconds, error }) {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) {
      waiting.resolve({ result, milliseconds });
    } else {
      waiting.reject(new Error(error));
    }
  }

  #end(reason) {
    for (const { reject } of this.#waiting.values()) {
      reject(new Error(reason));
    }
    this.#waiting.clear();
  }
}
