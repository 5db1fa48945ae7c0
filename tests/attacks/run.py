#!/usr/bin/env python3
"""Attacks on a server at full size: python3 tests/attacks/run.py TAPETUM [silent|dripping|announced|memory]...

TAPETUM is the command, best from a release build. Each attack starts a server of its own in a temporary folder. The exit
code is 0 if the server withstood all of them. Nothing but Python's own library is needed.
"""

import base64
import csv
import hashlib
import json
import os
import random
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

SILENT = 512
SECONDS = 60
DRIPPING = 128
# The largest memory of a server that checks a part of a quarter of a gigabyte, twice at once.
MOST_MEMORY = 256 << 20


class Server:
    """`tapetum serve` in a process of its own."""

    def __init__(self, tapetum, folder, *options):
        self.tapetum, self.folder = tapetum, folder
        words = [tapetum, "--json", "serve", "--listen", "127.0.0.1:0", "--log", "quiet"]
        words += ["--data", folder / "server", *options]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, cwd=folder)
        said = json.loads(self.process.stdout.readline())
        self.url, self.fingerprint, self.token = said["url"], said["fingerprint"], said["token"]
        self.address = ("127.0.0.1", int(self.url.rsplit(":", 1)[1]))

    def command(self, *words):
        return subprocess.run([self.tapetum, "--json", *words], cwd=self.folder, capture_output=True, text=True)

    def remote(self, action, *words, token=None):
        trust = ["--server", self.url, "--fingerprint", self.fingerprint]
        words = [self.tapetum, "--json", "remote", action, *trust, *words]
        environment = {**os.environ, "TAPETUM_TOKEN": token or self.token}
        return subprocess.run(words, cwd=self.folder, capture_output=True, text=True, env=environment)

    def tenant(self, name):
        return json.loads(self.command("tenant", "add", name, "--data", "server").stdout)["token"]

    def connect(self):
        # Who the server is does not matter to who wants to harm it.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context.wrap_socket(socket.create_connection(self.address, timeout=SECONDS))

    def request(self, method, path, token="", headers=()):
        """The status and the head of an answer."""
        with self.connect() as stream:
            lines = [f"{method} {path} HTTP/1.1", "host: localhost", "connection: close", *headers]
            lines += [f"authorization: Bearer {token}"] if token else []
            stream.sendall("\r\n".join([*lines, "", ""]).encode())
            answer = b""
            while more := stream.recv(65536):
                answer += more
        head = answer.split(b"\r\n\r\n")[0].decode()
        return int(head.split()[1]), head

    def announce(self, token, length):
        checksum = hashlib.sha256(b"never sent").hexdigest().encode()
        headers = ["tus-resumable: 1.0.0", f"upload-length: {length}", "content-length: 0"]
        headers += ["upload-metadata: blake3 " + base64.b64encode(checksum).decode()]
        return self.request("POST", "/v1/uploads", token, headers)

    def peak(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return 1024 * int(status.split("VmHWM:")[1].split()[0])

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


@contextmanager
def server(tapetum, *options):
    with tempfile.TemporaryDirectory() as folder:
        running = Server(tapetum, Path(folder), *options)
        try:
            yield running
        finally:
            running.end()


def works(of, token=None):
    """Whether a client gets an answer, and who asks for health."""
    status = of.remote("status", token=token)
    assert status.returncode == 0, f"a client is kept out: {status.stderr}"
    assert of.request("GET", "/health/ready")[0] == 204, "health is not to be had"


def silent(tapetum):
    """512 connections that never send a byte, for a minute, while a client works."""
    with server(tapetum) as of:
        held, asked = [], 0
        for number in range(SILENT):
            # Every other one does not even begin TLS.
            try:
                held.append(of.connect() if number % 2 else socket.create_connection(of.address))
            except OSError:
                pass
            if number % 64 == 63:
                works(of)
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            works(of)
            asked += 1
        for stream in held:
            stream.settimeout(1)
            try:
                assert stream.recv(1) == b"", "a silent connection got an answer"
            except TimeoutError:
                raise AssertionError("a silent connection is still open") from None
            except OSError:
                pass
        return f"{SILENT} silent connections, {len(held)} accepted and all closed; {asked} requests in the meantime"


def dripping(tapetum):
    """Two tenants with 128 uploads each that send a byte a second, while a third works."""
    with server(tapetum) as of:
        third, ended = of.tenant("third"), []
        stop = time.monotonic() + SECONDS

        def drip(token):
            try:
                path = of.announce(token, 1_000_000)[1].split("location: ")[1].split("\r\n")[0]
                stream = of.connect()
                lines = [f"PATCH {path} HTTP/1.1", "host: localhost", f"authorization: Bearer {token}"]
                lines += ["tus-resumable: 1.0.0", "content-type: application/offset+octet-stream"]
                lines += ["upload-offset: 0", "content-length: 1000000", "", ""]
                stream.sendall("\r\n".join(lines).encode())
                stream.settimeout(1)
                while time.monotonic() < stop:
                    stream.sendall(b"x")
                    try:
                        ended.append(stream.recv(12))
                        return
                    except TimeoutError:
                        pass
            except (OSError, IndexError):
                pass

        threads = []
        for name in ["one", "two"]:
            # A token may have 64 unused uploads.
            first = of.tenant(name)
            second = json.loads(of.remote("token", "--scope", "contributor", token=first).stdout)["token"]
            for token in [first, second]:
                threads += [threading.Thread(target=drip, args=(token,)) for _ in range(DRIPPING // 2)]
        for thread in threads:
            thread.start()
        asked = 0
        while time.monotonic() < stop:
            works(of, third)
            asked += 1
        for thread in threads:
            thread.join()
        assert b"HTTP/1.1 400" in ended, "no dripping upload was ended"
        return f"{2 * DRIPPING} dripping uploads, {len(ended)} ended by the server; {asked} requests in the meantime"


def announced(tapetum):
    """A contributor's token that announces all it may, and sends nothing."""
    with server(tapetum, "--quota", str(1 << 30)) as of:
        issue = of.remote("token", "--scope", "contributor")
        token = json.loads(issue.stdout)["token"]
        count = 0
        while of.announce(token, 64 << 20)[0] == 201:
            count += 1
        assert count < 16, "one token has announced all of the storage"
        assert of.announce(of.token, 256 << 20)[0] == 201, "the owner is kept out"
        status = of.request("DELETE", "/v1/uploads", of.token, ["tus-resumable: 1.0.0"])[0]
        used = json.loads(of.remote("status").stdout)["storage"]["used"]
        assert (status, used) == (204, 0), f"the owner cannot discard them: {status}, {used} bytes used"
        return f"{count} uploads of 64 MiB announced by one token, of 1 GiB; then the owner's; all discarded"


def memory(tapetum):
    """A part of a quarter of a gigabyte, whole and damaged, checked twice at once and again and again."""
    with server(tapetum) as of:
        rows, columns = 1600, 1990
        generator = random.Random(1)
        with open(of.folder / "table.csv", "w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["label"] + [f"c{i}" for i in range(columns)])
            for row in range(rows):
                values = [f"{generator.random():.2f}" for _ in range(columns)]
                table.writerow(["yes" if row % 2 else "no"] + values)
        keys = ["--learner", "linear-means", "--like", "table.csv", "--owner", "owner", "--server", "outbox"]
        encrypt = ["--owner", "owner", "--images", "table.csv", "--positive", "yes", "--out", "part.enc"]
        for words in [["keygen", *keys], ["encrypt", *encrypt]]:
            done = of.command(*words)
            assert done.returncode == 0, done.stderr
        prepared = of.remote("prepare", "--keys", "outbox")
        assert prepared.returncode == 0, prepared.stderr
        append = ["append", "--data-set", json.loads(prepared.stdout)["data_set"]]
        part = bytearray((of.folder / "part.enc").read_bytes())
        before = of.peak()
        accepted = of.remote(*append, "part.enc")
        assert accepted.returncode == 0, accepted.stderr
        part[len(part) // 2] ^= 0x55
        (of.folder / "damaged.enc").write_bytes(part)
        refused = []
        check = lambda: refused.append(of.remote(*append, "damaged.enc"))
        for _ in range(2):
            threads = [threading.Thread(target=check) for _ in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert all(found.returncode == 3 for found in refused), [found.stderr for found in refused]
        peak = of.peak()
        figures = f"{len(part) >> 20} MiB in the file, {before >> 20} MiB before, {peak >> 20} MiB at most"
        assert peak <= MOST_MEMORY, f"the server needs too much memory: {figures}"
        uploads = json.loads(of.remote("uploads").stdout)["uploads"]
        assert uploads == [], "what was refused can be checked again"
        return figures


ATTACKS = {attack.__name__: attack for attack in [silent, dripping, announced, memory]}


def main():
    tapetum, *names = sys.argv[1:] or sys.exit(__doc__)
    failed = False
    for name in names or ATTACKS:
        try:
            print(f"{name}: {ATTACKS[name](os.path.realpath(tapetum))}", flush=True)
        except AssertionError as error:
            failed = True
            print(f"{name}: FAILED: {error}", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
