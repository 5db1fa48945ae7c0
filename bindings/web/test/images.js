// The silhouettes as files: the page is given what a person would have.
import { readFileSync } from "node:fs";
import { crc32, deflateSync, gunzipSync } from "node:zlib";

const IMAGES = new URL("../../../data/animal-shapes/images-idx3-ubyte.gz", import.meta.url);
const HEADER = 16;
export const SIDE = 28;

let all = null;

// The pixels of one, row-major.
export function silhouette(number) {
  all ??= gunzipSync(readFileSync(IMAGES));
  const start = HEADER + number * SIDE * SIDE;
  return Buffer.from(all.subarray(start, start + SIDE * SIDE));
}

function chunk(type, content) {
  const named = Buffer.concat([Buffer.from(type), content]);
  const framed = Buffer.alloc(named.length + 8);
  framed.writeUInt32BE(content.length, 0);
  named.copy(framed, 4);
  framed.writeUInt32BE(crc32(named), named.length + 4);
  return framed;
}

// A grey PNG file.
export function png(pixels, side = SIDE) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  // Eight bits, grey.
  header[8] = 8;
  const rows = Array.from({ length: side }, (_, y) => [0, ...pixels.subarray(y * side, (y + 1) * side)]);
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  const content = deflateSync(Buffer.from(rows.flat()));
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", content), chunk("IEND", Buffer.alloc(0))]);
}
