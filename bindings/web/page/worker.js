// Everything that touches the secret key or a picture's content. The policy that comes with this file forbids every
// connection and every other script, so what leaves this worker is what it answers to the page: descriptions,
// ciphertexts, verdicts, and pictures for the screen. A script may be asked for under an address that tells something, so
// this file imports none: what binds it to WebAssembly is put in front of it when the page is made.
const { NetworkKey, Owner, Silhouettes, Training, checksum, isNetworkPlan } = wasm_bindgen;

// A secret key has a quarter of a byte for each coefficient; statistics and plans are text.
const MAX_KEY = 1 << 20;
const MAX_PIPELINE = 64 << 20;
const MAX_PICTURE = 32 << 20;
const THUMBNAIL = 28;

let owner = null;
let silhouettes = null;
let look = null;
// A key that is new, and for which nothing is trained yet.
let training = null;

async function read(file, most, name) {
  if (file.size > most) {
    throw new Error(`${name} has ${file.size} bytes, more than the ${most} that it may have: choose another file`);
  }
  return new Uint8Array(await file.arrayBuffer());
}

function needsOwner() {
  if (owner === null) {
    throw new Error("There is no key yet: load one or make one first");
  }
  return owner;
}

function owns(next) {
  owner?.free();
  owner = next;
  look?.free();
  look = null;
  return JSON.parse(owner.description());
}

// A file for the server, and its checksum.
function file(bytes) {
  return { bytes, checksum: checksum(bytes) };
}

// An address under which the person, and no script, can save something.
function saveable(content) {
  return URL.createObjectURL(new Blob([content], { type: "application/octet-stream" }));
}

function unpacked() {
  silhouettes ??= new Silhouettes();
  return silhouettes;
}

// What is shown of a picture. The features stay here until they are encrypted, those on the screen are a copy.
function shown() {
  const { side, isColoured, pixels, features } = look;
  return { side, isColoured, pixels, features };
}

const operations = {
  async start({ module }) {
    await wasm_bindgen({ module_or_path: module });
  },
  async open({ secret, pipeline, passphrase }) {
    const key = await read(secret, MAX_KEY, "The secret key");
    const statistics = await read(pipeline, MAX_PIPELINE, "The file beside it");
    try {
      const text = new TextDecoder("utf-8", { fatal: true }).decode(statistics);
      return owns(new (isNetworkPlan(text) ? NetworkKey : Owner)(key, text, passphrase));
    } finally {
      key.fill(0);
      statistics.fill(0);
    }
  },
  // A new key, and how it is to be used.
  begin({ animal, train, test }) {
    training?.free();
    training = new Training(unpacked(), animal, train, test);
    return { ...file(training.parametersFile()), recipe: training.recipe() };
  },
  evaluationKeys() {
    return file(training.evaluationKeysFile());
  },
  images() {
    return file(training.imagesFile());
  },
  finish({ passphrase }) {
    const heldOut = [...training.heldOut()];
    const made = training.finish(passphrase);
    const description = owns(made.owner());
    const secret = made.secretKeyFile();
    const files = { secret: saveable(secret), statistics: saveable(made.statisticsFile()) };
    secret.fill(0);
    made.free();
    training.free();
    training = null;
    return { description, heldOut, files };
  },
  async look({ picture, asSilhouette }) {
    const bytes = await read(picture, MAX_PICTURE, "The picture");
    const found = needsOwner().look(bytes, asSilhouette);
    look?.free();
    look = found;
    return shown();
  },
  lookAtSilhouette({ number }) {
    const found = needsOwner().lookAtSilhouette(unpacked(), number);
    look?.free();
    look = found;
    return { ...shown(), label: unpacked().label(number) };
  },
  thumbnails({ numbers }) {
    const all = unpacked();
    const one = (number) => ({ number, label: all.label(number), pixels: all.pixels(number, THUMBNAIL) });
    return { side: THUMBNAIL, items: numbers.map(one) };
  },
  encrypt({ model }) {
    if (look === null) {
      throw new Error("There is no picture yet: choose one first");
    }
    return file(needsOwner().encrypt(model, look));
  },
  decrypt({ model, answer, expected }) {
    if (expected !== null && checksum(answer) !== expected) {
      throw new Error("The answer was damaged on its way: classify again");
    }
    return JSON.parse(needsOwner().decrypt(model, answer));
  },
};

self.onmessage = async ({ data: { id, operation, values } }) => {
  const started = performance.now();
  try {
    const result = await operations[operation](values);
    // Large files are handed over, not copied.
    const transfer = result?.bytes instanceof Uint8Array ? [result.bytes.buffer] : [];
    self.postMessage({ id, result, milliseconds: performance.now() - started }, transfer);
  } catch (error) {
    // A panic: what is in memory may be half done.
    const broken = error instanceof WebAssembly.RuntimeError;
    const reason = error instanceof Error ? error.message : String(error);
    const message = broken ? `The computation broke off (${reason}): reload the page` : reason;
    self.postMessage({ id, error: message });
  }
};
