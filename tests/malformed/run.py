#!/usr/bin/env python3
"""Sends a server malformed requests and mutated ciphertexts. README.md says how and why."""

import argparse
import base64
import json
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import blake3
import requests
import urllib3

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = Path(__file__).resolve().with_name("schemathesis.toml")
HOOKS = SETTINGS.with_name("hooks.py")
TAPETUM = ROOT / "target/release/tapetum"
# What an allocator may keep of memory that is free again.
SLACK = 64 << 20
CLIENTS = 4

urllib3.disable_warnings()  # The certificate is the server's own.


class Server:
    """`tapetum serve` in a process of its own."""

    def __init__(self, tapetum, folder):
        self.tapetum, self.folder = tapetum, folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.metrics_at = f"127.0.0.1:{free.getsockname()[1]}"
        command = [tapetum, "--json", "serve", "--data", folder, "--listen", "127.0.0.1:0"]
        # Keys in memory are within a budget, which is to be reached soon.
        command += ["--metrics", self.metrics_at, "--log", "quiet", "--key-memory", "128"]
        self.log = open(folder.with_suffix(".log"), "wb")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log)
        said = json.loads(self.process.stdout.readline())
        self.url, self.token, self.fingerprint = said["url"], said["token"], said["fingerprint"]

    def answers(self):
        """How many answers of each class the server has given."""
        text = urllib.request.urlopen(f"http://{self.metrics_at}/metrics").read().decode()
        found = re.findall(r'tapetum_requests_total\{status="(\dxx)"\} (\d+)', text)
        return {status: int(count) for status, count in found}

    def memory(self):
        """Resident bytes, or 0 where the system does not tell them in a file."""
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return 0
        return 1024 * int(re.search(r"VmRSS:\s+(\d+)", status).group(1))

    def demo(self, token, folder):
        """Has a tenant make keys and train a model, and leaves all of it there."""
        command = [self.tapetum, "--json", "remote", "demo", "--server", self.url]
        command += ["--fingerprint", self.fingerprint, "--images", "200", "--learner", "linear-means"]
        command += ["--keep", "--dir", folder]
        environment = {**os.environ, "TAPETUM_TOKEN": token}
        subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)

    def add_tenant(self, name):
        """The token of another tenant."""
        command = [self.tapetum, "--json", "tenant", "add", name, "--data", self.folder]
        made = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
        return json.loads(made)["token"]

    def end(self):
        """Ends it in order; fails if it has ended already or cannot."""
        assert self.process.poll() is None, "the server has ended"
        self.process.terminate()
        assert self.process.wait(60) == 0, "the server did not end in order"


class Client:
    """Knows the interface just enough to misuse it."""

    def __init__(self, server):
        self.url = server.url
        self.session = requests.Session()
        self.session.verify, self.session.trust_env = False, False
        self.session.headers["Authorization"] = f"Bearer {server.token}"

    def upload(self, content):
        """The id of an upload with these bytes, or nothing if it is refused at once."""
        checksum = base64.b64encode(blake3.blake3(content).hexdigest().encode()).decode()
        headers = {
            "Tus-Resumable": "1.0.0",
            "Upload-Length": str(len(content)),
            "Upload-Metadata": f"blake3 {checksum}",
            "Content-Type": "application/offset+octet-stream",
        }
        answer = self.session.post(f"{self.url}/v1/uploads", data=content, headers=headers)
        if answer.status_code == 201:
            return answer.headers["Location"].rsplit("/", 1)[1]
        return None

    def post(self, path, body, upload):
        """The status of an answer to a request that uses an upload. What is accepted is deleted again."""
        answer = self.session.post(f"{self.url}/v1/{path}", json=body)
        if answer.ok:
            self.session.delete(f"{self.url}/v1/{path}/{answer.json()['id']}")
        else:
            # A token may have so many uploads only that it has not used.
            headers = {"Tus-Resumable": "1.0.0"}
            self.session.delete(f"{self.url}/v1/uploads/{upload}", headers=headers)
        return answer.status_code


def mutated(content, others, rng):
    """The bytes with something wrong about them."""
    content = bytearray(content)
    for _ in range(rng.randint(1, 3)):
        # Most of what is checked one by one is at the front.
        at = rng.randrange(min(len(content), rng.choice([64, 512, len(content)])) or 1)
        kind = rng.randrange(6)
        if kind == 0:
            content[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            content[at : at + 8] = rng.choice([b"\xff" * 8, bytes(8), rng.randbytes(8)])
        elif kind == 2:
            del content[at : at + rng.choice([1, 8, 4096])]
        elif kind == 3:
            content[at:at] = rng.randbytes(rng.choice([1, 8, 4096]))
        elif kind == 4:
            del content[at:]
        else:
            other = rng.choice(others)
            start = rng.randrange(len(other))
            content[at : at + 4096] = other[start : start + 4096]
        if not content:
            content = bytearray(rng.randbytes(16))
    return bytes(content)


def mutations(server, files, ids, count, seed):
    """Sends so many mutated files, each for what it was. Returns how often each status came back."""
    statuses = {}
    originals = list(files.values())

    def send(number):
        rng = random.Random(f"{seed} {number}")
        client = Client(server)
        name = rng.choice(list(files))
        upload = client.upload(mutated(files[name], originals, rng))
        if upload is None:
            return "refused"
        path, body = {
            "parameters": ("parameter-sets", {"upload": upload}),
            "evaluation keys": (
                "key-sets",
                {"parameter_set": ids["parameter-sets"], "evaluation_keys": upload},
            ),
            "training": (f"data-sets/{ids['data-sets']}/parts", {"upload": upload}),
            "samples": ("classifications", {"model": ids["models"], "upload": upload}),
        }[name]
        return client.post(path, {"name": "", **body}, upload)

    with ThreadPoolExecutor(CLIENTS) as pool:
        for status in pool.map(send, range(count)):
            statuses[status] = statuses.get(status, 0) + 1
    return statuses


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tapetum", type=Path, default=TAPETUM, help="default: %(default)s")
    parser.add_argument("--requests", type=int, default=9000, help="by schemathesis, at least, in all rounds")
    parser.add_argument("--mutations", type=int, default=300, help="mutated files in each round")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        server = Server(args.tapetum.resolve(), Path(temporary) / "server")
        try:
            run(args, Path(temporary), server)
        finally:
            server.process.kill()


def run(args, temporary, server):
    play = temporary / "play"
    server.demo(server.token, play)
    client = Client(server)
    ids = {
        collection: client.session.get(f"{server.url}/v1/{collection}").json()["items"][0]["id"]
        for collection in ("parameter-sets", "key-sets", "data-sets", "models")
    }
    parameters = client.session.get(f"{server.url}/v1/parameter-sets/{ids['parameter-sets']}/content").content
    outbox = play / "outbox"
    files = {
        "parameters": parameters,
        "evaluation keys": (outbox / "evaluation.keys").read_bytes(),
        "training": (outbox / "train.enc").read_bytes(),
        "samples": (outbox / "test.enc").read_bytes(),
    }

    sent, rounds, memory = 0, 0, []
    schemathesis = Path(sys.executable).with_name("st")
    while sent < args.requests or rounds < 3:
        # A tenant of its own, whose objects it finds and deletes; those of the first must stay as they are.
        stranger = server.add_tenant(f"stranger-{rounds}")
        server.demo(stranger, temporary / f"stranger-{rounds}")
        before = sum(server.answers().values())
        document = temporary / "openapi.json"
        document.write_bytes(requests.get(f"{server.url}/openapi.json", verify=False).content)
        command = [schemathesis, "--config-file", SETTINGS]
        command += ["run", document, "--url", server.url, "--tls-verify", "false"]
        command += ["-H", f"Authorization: Bearer {stranger}"]
        # Its token is not to be revoked, and streams end when their jobs do.
        command += ["--exclude-path-regex", "events|tokens/", "--seed", str(args.seed + rounds), "-n", "50"]
        command += ["--workers", "1", "--no-color", "--warnings", "off"]
        environment = {**os.environ, "SCHEMATHESIS_HOOKS": str(HOOKS)}
        found = subprocess.run(command, cwd=temporary, env=environment, stdout=subprocess.PIPE, text=True)
        if found.returncode != 0:
            sys.exit(found.stdout)
        made_up = sum(server.answers().values()) - before
        assert made_up > 100, found.stdout
        statuses = mutations(server, files, ids, args.mutations, f"{args.seed} {rounds}")
        sent, rounds = sent + made_up, rounds + 1
        memory.append(server.memory())
        print(
            f"round {rounds}: {made_up} requests by schemathesis; "
            f"{args.mutations} mutated files: {statuses}; memory {memory[-1] >> 20} MiB",
            flush=True,
        )

    answers = server.answers()
    print(f"answers: {answers}")
    assert answers["5xx"] == 0, "the server has failed"
    assert max(memory[1:]) <= memory[0] + SLACK, "memory grows"

    # All is as it was.
    upload = client.upload(files["samples"])
    body = {"name": "", "model": ids["models"], "upload": upload}
    answer = client.session.post(f"{server.url}/v1/classifications", json=body)
    assert answer.ok, answer.text
    path = f"{server.url}/v1/classifications/{answer.json()['id']}?wait=30"
    assert client.session.get(path).json()["state"] == "succeeded"
    server.end()
    verify = [server.tapetum, "--json", "audit", "verify", "--data", server.folder]
    print(subprocess.run(verify, check=True, stdout=subprocess.PIPE, text=True).stdout.strip())
    log = server.folder.with_suffix(".log").read_text()
    assert "panicked" not in log, log


if __name__ == "__main__":
    main()
