// Between browser and server: every byte that the browser sends is recorded, then passed on.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import tls from "node:tls";

// Listens under the server's own certificate. Resolves to its origin and what was recorded so far.
export async function record(server, data) {
  const file = (name) => readFileSync(join(data, "tls", name));
  const { port } = new URL(server);
  const streams = [];
  const sockets = new Set();
  const options = { cert: file("certificate.pem"), key: file("key.pem"), ALPNProtocols: ["http/1.1"] };
  const proxy = tls.createServer(options, (browser) => {
    const chunks = [];
    streams.push(chunks);
    // The server is this machine's own, a moment old.
    const upstream = tls.connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
    const end = () => [browser, upstream].forEach((socket) => socket.destroy());
    for (const socket of [browser, upstream]) {
      sockets.add(socket);
      socket.on("error", end);
      socket.on("close", end);
    }
    browser.on("data", (chunk) => chunks.push(chunk));
    browser.pipe(upstream).pipe(browser);
  });
  await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  return {
    origin: `https://127.0.0.1:${proxy.address().port}`,
    requests: () => streams.flatMap((chunks) => parse(Buffer.concat(chunks))),
    close() {
      sockets.forEach((socket) => socket.destroy());
      proxy.close();
    },
  };
}

// The requests of a connection: each a head, which is text, and a body.
function parse(stream) {
  const requests = [];
  for (let at = 0; at < stream.length; ) {
    const end = stream.indexOf("\r\n\r\n", at);
    if (end < 0) {
      throw new Error("a request has no end");
    }
    const head = stream.subarray(at, end).toString("latin1");
    const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
    if (/^transfer-encoding:/im.test(head)) {
      throw new Error("a body without a length: teach this parser chunks");
    }
    at = end + 4 + length;
    requests.push({ head, body: stream.subarray(end + 4, at) });
  }
  return requests;
}
