// What must not leave the page, in the forms in which it could, and the search for it.

// Pieces of so many bytes are looked for: long enough not to occur by chance, short enough to find a part.
const PIECE = 40;
const PIECES = 24;
// Neighbours in a piece that differ: white paper and rows of zeros are in anything.
const CHANGES = 4;

const changes = (piece) => piece.reduce((count, byte, i) => count + (i > 0 && byte !== piece[i - 1] ? 1 : 0), 0);

// Pieces from all over some bytes.
function pieces(bytes) {
  const last = Math.max(0, bytes.length - PIECE);
  const starts = Array.from({ length: PIECES }, (_, i) => Math.round((i * last) / (PIECES - 1)));
  const cut = starts.map((start) => bytes.subarray(start, start + PIECE));
  return cut.filter((piece) => piece.length >= 8 && changes(piece) >= CHANGES);
}

// The same bytes as they are, and as text. Base64 has three alignments.
function forms(bytes) {
  const base64 = [0, 1, 2].map((skip) => Buffer.from(bytes.subarray(skip).toString("base64").replace(/=+$/, "")));
  return [bytes, Buffer.from(bytes.toString("hex")), ...base64];
}

export function trace(name, bytes) {
  const buffer = Buffer.from(bytes.buffer ?? bytes, bytes.byteOffset ?? 0, bytes.byteLength ?? bytes.length);
  const needles = forms(buffer).flatMap(pieces);
  if (needles.length === 0) {
    throw new Error(`nothing to look for in ${name}`);
  }
  return { name, bytes: buffer, needles };
}

// Numbers little endian in both sizes, and as JSON writes them.
export function traceNumbers(name, numbers) {
  const text = Buffer.from(JSON.stringify([...numbers]));
  return [
    trace(`${name}, 64 bits`, Float64Array.from(numbers)),
    trace(`${name}, 32 bits`, Float32Array.from(numbers)),
    trace(`${name}, text`, text),
  ];
}

// The names of the traces in the requests.
export function search(requests, traces) {
  const found = new Set();
  for (const { head, body } of requests) {
    const all = Buffer.concat([Buffer.from(head, "latin1"), body]);
    for (const { name, needles } of traces) {
      if (needles.some((needle) => all.includes(needle))) {
        found.add(name);
      }
    }
  }
  return [...found];
}

// Words in what is text: heads, and bodies that are no ciphertext. In megabytes of noise every short word occurs.
export function searchWords(requests, words) {
  const texts = requests.map(({ head, body }) =>
    /^content-type: *application\/offset\+octet-stream/im.test(head) ? head : head + body.toString("latin1"),
  );
  return words.filter((word) => texts.some((text) => new RegExp(`(?<![\\w-])${word}(?![\\w-])`, "i").test(text)));
}
