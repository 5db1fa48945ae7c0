// Pictures of numbers.

// A canvas of `width` x `height` with the colour of each point from `colour(i)`: red, green, blue.
function paint(canvas, width, height, colour) {
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    const [red, green, blue] = colour(i);
    image.data.set([red, green, blue, 255], 4 * i);
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

// Bytes of pixels, 0 black to 255 white.
export function drawGrey(canvas, pixels, side) {
  paint(canvas, side, side, (i) => [pixels[i], pixels[i], pixels[i]]);
}

// Bytes of red, green and blue.
export function drawColoured(canvas, pixels, side) {
  paint(canvas, side, side, (i) => pixels.subarray(3 * i, 3 * i + 3));
}

// Numbers as squares: blue below zero, orange above, white near it.
export function drawNumbers(canvas, numbers) {
  const side = Math.ceil(Math.sqrt(numbers.length));
  const largest = numbers.reduce((most, x) => Math.max(most, Math.abs(x)), Number.MIN_VALUE);
  paint(canvas, side, side, (i) => {
    if (i >= numbers.length) {
      return [128, 128, 128];
    }
    const part = numbers[i] / largest;
    const pale = Math.round(255 * (1 - Math.sqrt(Math.abs(part))));
    return part < 0 ? [pale, pale, 255] : [255, 128 + (pale >> 1), pale];
  });
}

// As many bytes as there is room for, from the middle, so that it is not all header.
export function drawBytes(canvas, bytes, side = 96) {
  const wanted = side * side;
  const from = Math.max(0, (bytes.length - wanted) >> 1);
  paint(canvas, side, side, (i) => {
    const byte = bytes[from + i];
    return byte === undefined ? [128, 128, 128] : [byte, byte, byte];
  });
}
