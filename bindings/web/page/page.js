// What the person in front of the page does, and what happens then.
import { Server } from "./api.js";
import { drawBytes, drawColoured, drawGrey, drawNumbers } from "./drawing.js";
import { Keeper } from "./keeper.js";

const SHOWN = 10;
const ALL = 10_000;
// Silhouettes that a training leaves out.
const HELD_OUT = 100;

const element = (id) => document.getElementById(id);
const show = (id, text) => {
  element(id).textContent = text;
  element(id).hidden = text === "";
};
const bytesText = (count) => (count < 1e4 ? `${count} bytes` : `${(count / 1e6).toFixed(2)} MB`);
const timeText = (milliseconds) =>
  milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;

let module = null;
let keeper = null;
let server = null;
// What may be shown of the key, once there is one.
let key = null;
// The server's models by their ids, and its networks with each set of keys that they can be used with: what the server
// said of it, what it is called, and whether this key can be for it.
let models = new Map();
let picture = null;
let originalUrl = null;
let gallery = 0;
// The numbers of the silhouettes that the model of a new key has not seen; null where that is not known.
let heldOut = null;
let busy = false;
// A new key that would be lost with the tab.
let unsaved = false;

function say(text) {
  element("status").textContent = text;
}

function complain(error) {
  show("alert", error instanceof Error ? error.message : String(error));
  element("alert").focus();
  say("");
}

// One thing at a time: what is pressed meanwhile does nothing.
async function doing(what, work) {
  if (busy) {
    return;
  }
  busy = true;
  show("alert", "");
  say(what);
  document.querySelector("main").setAttribute("aria-busy", "true");
  update();
  try {
    await work();
  } catch (error) {
    complain(error);
  } finally {
    busy = false;
    document.querySelector("main").removeAttribute("aria-busy");
    update();
  }
}

const isForNetwork = () => key?.plan !== undefined;

// What can be done now.
function update() {
  const ready = keeper !== null && !busy;
  element("connect-button").disabled = !ready;
  element("key-files").disabled = !ready;
  element("make").disabled = !ready || server === null;
  element("forget").hidden = key === null;
  element("refresh").disabled = !ready || server === null;
  element("models").disabled = !ready || models.size === 0;
  element("file").disabled = !ready || key === null;
  // Networks take photographs with their colours, no silhouettes.
  element("outline").disabled = !ready || key === null || isForNetwork();
  element("gallery-field").disabled = !ready || key === null || isForNetwork();
  const missing = [
    [server === null, "connect"],
    [key === null, "load or make a key"],
    [element("models").value === "", "choose a model"],
    [picture === null, "choose a picture"],
  ];
  const steps = missing.filter(([isMissing]) => isMissing).map(([, step]) => step);
  element("classify").disabled = !ready || steps.length > 0;
  show("todo", steps.length > 0 ? `To do first: ${steps.join(", ")}.` : "");
}

async function start() {
  const response = await fetch("tapetum_bg.wasm", { credentials: "omit" });
  if (!response.ok) {
    throw new Error(`The page is not complete (status ${response.status}): reload it, or tell the operator`);
  }
  try {
    module = await WebAssembly.compileStreaming(response);
  } catch (error) {
    throw new Error(`This browser cannot run the cryptography of the page (${error.message}): use a newer one`);
  }
  keeper = await Keeper.start(module);
  say("Ready.");
}

async function connect() {
  const found = new Server(element("token").value.trim());
  const { tenant, scopes } = await found.whoami();
  if (!scopes.some((scope) => scope === "owner" || scope === "classify")) {
    throw new Error("This token does not allow classifying: ask the owner for one with the scope classify");
  }
  server = found;
  element("token").value = "";
  say("Connected.");
  show("connected", `Connected to the tenant ${tenant} as ${scopes.join(" and ")}.`);
  await findModels();
}

async function findModels() {
  const [trained, networks, keySets] = await Promise.all(["models", "networks", "key-sets"].map((of) => server.all(of)));
  const named = ({ id, name, created_at: at }) => `${name || id}, ${new Date(at).toLocaleString()}`;
  const model = (described) => {
    const { recipe, samples, plain } = described.details;
    const about = recipe ? `${samples} pictures, ${recipe.columns} features` : `not encrypted, ${plain.columns} features`;
    return {
      described,
      use: { model: described.id },
      text: `${named(described)}: ${about}`,
      // The page knows how to use those that were trained on the server.
      fits: () => !isForNetwork() && recipe?.columns === key.columns,
    };
  };
  const network = (described, keys) => ({
    described,
    use: { model: described.id, keySet: keys.id },
    text: `network ${named(described)}: ${described.details.classes.join(" or ")}; with the keys ${named(keys)}`,
    fits: () => described.details.plan === key.plan,
  });
  const usableWith = ({ details }) => keySets.filter((keys) => keys.details.parameter_set === details.parameter_set);
  const found = [...trained.map(model), ...networks.flatMap((of) => usableWith(of).map((keys) => network(of, keys)))];
  models = new Map(found.map((entry) => [Object.values(entry.use).join(" "), entry]));
  listModels();
  say(`The server has ${models.size} ${models.size === 1 ? "model" : "models"}.`);
}

// Those that this key can be for first. Whether one is, only the answer shows.
function listModels() {
  const fits = ([, entry]) => key === null || entry.fits();
  const sorted = [...models].sort(([, a], [, b]) => b.described.created_at - a.described.created_at);
  const option = (model) => {
    const [id, { text }] = model;
    const entry = new Option(fits(model) ? text : `${text} (not for this key)`, id);
    entry.disabled = !fits(model);
    return entry;
  };
  const chosen = element("models").value;
  element("models").replaceChildren(...sorted.map(option));
  const usable = sorted.filter(fits);
  element("models").value = (usable.find(([id]) => id === chosen) ?? usable[0])?.[0] ?? "";
  const none = "There is none yet: train one with tapetum remote train, then press Look again.";
  const unfit = "None of them is for this key: load the key that one was trained under.";
  element("model-help").textContent = models.size === 0 ? none : usable.length === 0 ? unfit : "";
}

// By content, not by name: a pipeline is text that begins with a brace.
async function sortKeyFiles(files) {
  if (files.length !== 2) {
    throw new Error("Choose both files together, secret.key and features.json (or network.plan.json) of the owner's directory");
  }
  const isText = async (file) => new Uint8Array(await file.slice(0, 1).arrayBuffer())[0] === 0x7b;
  const [first, second] = files;
  return (await isText(second)) ? [first, second] : [second, first];
}

// What was typed, which does not stay on the page.
function takePassphrase() {
  const field = element("passphrase");
  const { value } = field;
  field.value = "";
  return value;
}

async function loadKey(files) {
  const [secret, pipeline] = await sortKeyFiles([...files]);
  const { result } = await keeper.call("open", { secret, pipeline, passphrase: takePassphrase() });
  heldOut = null;
  unsaved = false;
  element("save").hidden = true;
  await haveKey(result, "Loaded");
}

async function haveKey(description, how) {
  key = description;
  picture = null;
  gallery = 0;
  element("journey").hidden = true;
  const classes = key.classes.join(" or ");
  const taken = isForNetwork() ? `photographs of ${key.side} × ${key.side} pixels` : `${key.columns} features (${key.features})`;
  show(
    "key-loaded",
    `${how}: tells ${classes}, from ${taken}; ring degree 2^${key.log_n}, ` +
      `${key.security_bits} bits of security.`,
  );
  listModels();
  if (isForNetwork()) {
    element("gallery").replaceChildren();
  } else {
    await showGallery();
  }
  say(`The key is ${how.toLowerCase()}.`);
}

// A new key, and a model that is trained under it: what tapetum remote prepare, append and train do.
async function makeKey() {
  const left = [];
  try {
    await makeKeyLeaving(left);
  } catch (error) {
    // What is on the server is of no use to anybody. If this fails too, the owner can delete it another time.
    for (const [collection, id] of left.reverse()) {
      await server.remove(collection, id).catch(() => {});
    }
    throw error;
  }
}

async function makeKeyLeaving(left) {
  const make = async (collection, document) => {
    const { id } = await server.make(collection, document);
    left.push([collection, id]);
    return id;
  };
  const animal = element("animal").value;
  const train = Number(element("count").value);
  // Names go in the clear: which animal it is stays here.
  const name = "made in the page";
  const bar = element("training-progress");
  const advance = (from, to) => (part) => (bar.value = from + (to - from) * part);
  const passphrase = takePassphrase();
  if (passphrase !== "" && [...passphrase].length < 8) {
    throw new Error("A passphrase has at least 8 characters: type another one, or none");
  }
  const made = async (operation, what, how = { animal, train, test: HELD_OUT }) => {
    say(`${what}…`);
    return (await keeper.call(operation, how)).result;
  };
  const send = async ({ bytes, checksum }, what, from, to) => {
    say(`Sending ${what}, ${bytesText(bytes.length)}…`);
    return server.upload(bytes, checksum, advance(from, to));
  };
  bar.value = 0;
  const begun = await made("begin", "Making a key, and features of silhouettes");
  let upload = await send(begun, "parameters", 0.05, 0.1);
  const parameters = await make("parameter-sets", { name, upload });
  const keys = await made("evaluationKeys", "Making evaluation keys");
  upload = await send(keys, "evaluation keys", 0.2, 0.5);
  const keySet = await make("key-sets", { name, parameter_set: parameters, evaluation_keys: upload });
  const images = await made("images", `Encrypting ${train} silhouettes`);
  upload = await send(images, "encrypted silhouettes", 0.6, 0.7);
  const recipe = JSON.parse(begun.recipe);
  const dataSet = await make("data-sets", { name, parameter_set: parameters, recipe });
  await server.make(`data-sets/${dataSet}/parts`, { name: "silhouettes", upload });
  say("The server trains on what it cannot see…");
  const model = await server.train(name, dataSet, keySet, advance(0.7, 0.95));
  left.push(["models", model]);
  const { description, heldOut: numbers, files } = await made("finish", "Keeping the key", { passphrase });
  heldOut = numbers;
  element("save-secret").href = files.secret;
  element("save-statistics").href = files.statistics;
  element("save").hidden = false;
  unsaved = true;
  element("key-files").value = "";
  await haveKey(description, "Made");
  await findModels();
  element("models").value = model;
  bar.value = 1;
  say(`The server has trained a model under your new key. The silhouettes below are others than those.`);
}

async function forget() {
  keeper.forget();
  keeper = null;
  key = null;
  picture = null;
  heldOut = null;
  unsaved = false;
  show("key-loaded", "");
  element("save").hidden = true;
  element("save-secret").removeAttribute("href");
  element("save-statistics").removeAttribute("href");
  element("key-files").value = "";
  element("gallery").replaceChildren();
  element("journey").hidden = true;
  keeper = await Keeper.start(module);
  listModels();
  say("The key is forgotten.");
}

async function showGallery() {
  // One of every thousand, so that every animal is there; or some of those that the model has not seen.
  const all = heldOut ?? Array.from({ length: SHOWN }, (_, i) => i * (ALL / SHOWN));
  const one = (i) => (heldOut === null ? (all[i] + gallery) % ALL : all[(i + gallery * SHOWN) % all.length]);
  const numbers = Array.from({ length: SHOWN }, (_, i) => one(i));
  const { result } = await keeper.call("thumbnails", { numbers });
  const entries = result.items.map(({ number, label, pixels }) => {
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-label", `Silhouette ${number}, ${label}`);
    button.setAttribute("aria-pressed", "false");
    button.dataset.number = number;
    const canvas = document.createElement("canvas");
    drawGrey(canvas, pixels, result.side);
    button.append(canvas);
    button.addEventListener("click", () => doing("Looking at the silhouette…", () => takeSilhouette(number)));
    const entry = document.createElement("li");
    entry.append(button);
    return entry;
  });
  element("gallery").replaceChildren(...entries);
  say(heldOut === null ? "Other silhouettes are shown." : "Silhouettes are shown that the model has not seen.");
}

function markChosen(number) {
  for (const button of element("gallery").querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(Number(button.dataset.number) === number));
  }
}

async function takeSilhouette(number) {
  const { result, milliseconds } = await keeper.call("lookAtSilhouette", { number });
  element("file").value = "";
  markChosen(number);
  begin({ name: `silhouette ${number}`, label: result.label, look: result, milliseconds, url: null });
}

async function takeFile(file) {
  const asSilhouette = element("outline").checked;
  const { result, milliseconds } = await keeper.call("look", { picture: file, asSilhouette });
  markChosen(-1);
  const url = URL.createObjectURL(file);
  begin({ name: file.name, label: null, look: result, milliseconds, url, file });
}

// A new picture: its own half of the journey is shown, the other half is empty.
function begin(chosen) {
  picture = chosen;
  if (originalUrl !== null) {
    URL.revokeObjectURL(originalUrl);
  }
  originalUrl = chosen.url;
  const { look } = chosen;
  (look.isColoured ? drawColoured : drawGrey)(element("seen"), look.pixels, look.side);
  drawNumbers(element("features"), look.features);
  const original = element("original");
  original.classList.toggle("small", chosen.url === null);
  if (chosen.url === null) {
    element("seen").toBlob((blob) => {
      originalUrl = URL.createObjectURL(blob);
      original.src = originalUrl;
    });
  } else {
    original.src = chosen.url;
  }
  show("original-note", chosen.label === null ? chosen.name : `${chosen.name}, in truth a ${chosen.label}`);
  show("seen-note", `${look.side} × ${look.side} pixels`);
  const meaning = isForNetwork() ? "red, green and blue, pixel by pixel" : "blue below the average, orange above";
  show("features-note", `${look.features.length} numbers: ${meaning}`);
  for (const id of ["sent", "answer"]) {
    drawBytes(element(id), new Uint8Array(0));
    show(`${id}-note`, "");
  }
  element("verdict").textContent = "";
  show("verdict-note", "");
  element("timings").replaceChildren();
  element("progress").value = 0;
  element("journey").hidden = false;
  note("Picture to features", "this page", chosen.milliseconds, 8 * look.features.length);
  say(`Took ${chosen.name}.`);
}

function note(step, where, milliseconds, bytes) {
  const row = document.createElement("tr");
  const texts = [step, where, timeText(milliseconds), bytes === null ? "" : String(bytes)];
  row.append(
    ...texts.map((text, i) => {
      const cell = document.createElement(i === 0 ? "th" : "td");
      if (i === 0) {
        cell.scope = "row";
      }
      cell.textContent = text;
      return cell;
    }),
  );
  element("timings").append(row);
}

// Does a step, notes how long it took, and moves the bar.
async function step(text, where, share, work) {
  say(`${text}…`);
  const started = performance.now();
  const { value, bytes } = await work();
  note(text, where, performance.now() - started, bytes);
  element("progress").value = share;
  return value;
}

async function classify() {
  const chosen = models.get(element("models").value);
  const model = JSON.stringify(chosen.described);
  element("timings").replaceChildren();
  note("Picture to features", "this page", picture.milliseconds, 8 * picture.look.features.length);
  element("verdict").textContent = "";
  show("verdict-note", "");
  element("progress").value = 0.05;

  const encrypted = await step("Encrypting", "this page", 0.2, async () => {
    const { result } = await keeper.call("encrypt", { model });
    return { value: result, bytes: result.bytes.length };
  });
  drawBytes(element("sent"), encrypted.bytes);
  show("sent-note", `${bytesText(encrypted.bytes.length)}; shown are some in the middle`);
  const upload = await step("Sending", "network", 0.5, async () => {
    const advance = (part) => (element("progress").value = 0.2 + 0.3 * part);
    return { value: await server.upload(encrypted.bytes, encrypted.checksum, advance), bytes: encrypted.bytes.length };
  });
  const job = await step("Classifying under encryption", "the server", 0.8, async () => ({
    value: await server.classify(chosen.use, upload, (part) => (element("progress").value = 0.5 + 0.3 * part)),
    bytes: null,
  }));
  const answer = await step("Fetching the encrypted score", "network", 0.9, async () => {
    const scores = await server.scores(job);
    return { value: scores, bytes: scores.bytes.length };
  });
  drawBytes(element("answer"), answer.bytes);
  show("answer-note", `${bytesText(answer.bytes.length)}, under your key`);
  if (element("remove").checked) {
    // Before it is known what the answer holds: whether it was of use is not for the server to see.
    await step("Deleting picture and answer", "the server", 0.95, async () => ({ value: await server.remove("classifications", job), bytes: null }));
  }
  const [verdict] = await step("Decrypting", "this page", 1, async () => {
    const values = { model, answer: answer.bytes, expected: answer.checksum };
    const { result } = await keeper.call("decrypt", values);
    return { value: result, bytes: null };
  });
  element("verdict").textContent = verdict.class;
  element("verdict").dataset.score = verdict.score ?? "";
  const score = verdict.score === null ? "" : `score ${verdict.score.toFixed(4)}; `;
  show("verdict-note", `${score}${isForNetwork() ? "the largest" : `${key.classes.at(-1)} if above 0`}`);
  say(`Verdict: ${verdict.class}.`);
  element("verdict").focus();
}

element("connect-form").addEventListener("submit", (event) => {
  event.preventDefault();
  doing("Connecting…", connect);
});
element("key-files").addEventListener("change", ({ target }) => {
  if (target.files.length > 0) {
    doing("Reading the key…", () => loadKey(target.files));
  }
});
element("make").addEventListener("click", () => doing("Making a key…", makeKey));
element("forget").addEventListener("click", () => doing("Forgetting the key…", forget));
element("refresh").addEventListener("click", () => doing("Looking for models…", findModels));
element("models").addEventListener("change", update);
element("file").addEventListener("change", ({ target }) => {
  if (target.files.length > 0) {
    doing("Looking at the picture…", () => takeFile(target.files[0]));
  }
});
element("outline").addEventListener("change", () => {
  if (picture?.file !== undefined) {
    doing("Looking at the picture…", () => takeFile(picture.file));
  }
});
element("take").addEventListener("click", () => {
  const number = element("number").valueAsNumber;
  doing("Looking at the silhouette…", async () => {
    if (!Number.isInteger(number) || number < 0 || number >= ALL) {
      throw new Error(`Give a whole number from 0 to ${ALL - 1}`);
    }
    await takeSilhouette(number);
  });
});
element("others").addEventListener("click", () => {
  gallery = (gallery + 1) % (ALL / SHOWN);
  doing("Looking for silhouettes…", showGallery);
});
element("classify").addEventListener("click", () => doing("Classifying…", classify));

element("save-secret").addEventListener("click", () => {
  unsaved = false;
});
globalThis.addEventListener("beforeunload", (event) => {
  if (unsaved) {
    event.preventDefault();
  }
});

// Wherever a file is dropped, the browser must not open it in place of the page.
for (const name of ["dragover", "drop"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    element("drop").classList.toggle("over", name === "dragover" && !element("file").disabled);
  });
}
document.addEventListener("dragleave", () => element("drop").classList.remove("over"));
element("drop").addEventListener("drop", (event) => {
  const [file] = event.dataTransfer.files;
  if (file !== undefined && !element("file").disabled) {
    doing("Looking at the picture…", () => takeFile(file));
  }
});

doing("Loading the cryptography…", start);
