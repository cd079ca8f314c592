#!/usr/bin/python3
"""Records what a real ZooKeeper server answers to every four-letter word, into this folder.

Needs the Debian packages zookeeper and python3-kazoo. The server runs on a free loopback port with its
data in a temporary directory, whose name is replaced in the answers; nothing else is changed. Two
sessions own ephemerals and watches, and 130 txns are written so that there is a digest to print. The
literals in tests/net/four_letter_fixture.ts are those of the recording and change with it.
"""
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from kazoo.client import KazooClient

HERE = os.path.dirname(os.path.abspath(__file__))
JARS = "/usr/share/java/zookeeper.jar"
WORDS = "conf cons dirs dump envi gtmk hash isro mntr ruok srvr stat wchc wchp wchs".split()
RESETS = "crst srst".split()
STMK = b"stmk\0\0\0\0\0\0\1\x32"


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def ask(port, message):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        sock.sendall(message)
        answer = b""
        while chunk := sock.recv(65536):
            answer += chunk
        return answer


class Server:
    """A Java server with a zoo.cfg of its own, ended on leaving the with block."""

    def __init__(self, directory, *lines):
        self.directory, self.port = directory, free_port()
        os.makedirs(f"{directory}/data")
        with open(f"{directory}/zoo.cfg", "w") as config:
            config.write("\n".join([
                "tickTime=2000", f"dataDir={directory}/data", f"clientPort={self.port}",
                "clientPortAddress=127.0.0.1", "admin.enableServer=false", *lines, ""]))

    def __enter__(self):
        self.process = subprocess.Popen(
            ["java", "-cp", f"/etc/zookeeper/conf:{JARS}",
             "org.apache.zookeeper.server.quorum.QuorumPeerMain", "zoo.cfg"],
            cwd=self.directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(100):
            try:
                ask(self.port, b"srvr")
                return self
            except OSError:
                time.sleep(0.1)
        sys.exit("the server did not start")

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def save(name, answer, server):
    text = answer.decode().replace(server.directory + "/data", "/var/lib/zookeeper")
    text = text.replace(server.directory, "/var/lib")
    text = text.replace(f"clientPort={server.port}", "clientPort=2181")
    with open(f"{HERE}/{name}.txt", "w", newline="") as golden:
        golden.write(text)


def save_metrics(answer):
    """Names and kinds of number only: the values are different in every run."""
    lines = []
    for line in answer.decode().splitlines():
        name, value = line.split("\t")
        kind = "text" if name in ("zk_version", "zk_server_state") else (
            "decimal" if "." in value else "integer")
        lines.append(f"{name}\t{kind}\n")
    with open(f"{HERE}/mntr_names.txt", "w") as golden:
        golden.writelines(lines)


def record_serving(directory):
    with Server(directory, "4lw.commands.whitelist=*") as server:
        first = KazooClient(f"127.0.0.1:{server.port}", timeout=10)
        second = KazooClient(f"127.0.0.1:{server.port}", timeout=30)
        first.start()
        second.start()
        first.create("/app", b"x")
        first.create("/app/eph", b"", ephemeral=True)
        second.create("/other", b"", ephemeral=True)
        for _ in range(130):
            first.set("/app", b"y")
        first.get("/app", watch=print)
        first.exists("/app/missing", watch=print)
        first.get_children("/app", watch=print)
        second.get("/app", watch=print)
        answers = {word: ask(server.port, word.encode()) for word in WORDS + RESETS}
        save_metrics(answers.pop("mntr"))
        answers["stmk"] = ask(server.port, STMK)
        answers["cons_after_crst"] = ask(server.port, b"cons")
        for name, answer in answers.items():
            save(name, answer, server)
        first.stop()
        second.stop()


def record_refused(directory):
    with Server(directory) as server:
        words = [word for word in WORDS + RESETS + ["stmk"] if word != "srvr"]
        save("refused", b"".join(ask(server.port, word.encode()) for word in sorted(words)), server)


def record_not_serving(directory):
    peers = [f"server.{n}=127.0.0.1:{free_port()}:{free_port()}" for n in (1, 2, 3)]
    lines = ["4lw.commands.whitelist=*", "initLimit=5", "syncLimit=5", *peers]
    server = Server(directory, *lines)
    with open(f"{directory}/data/myid", "w") as myid:
        myid.write("1")
    with server:
        answers = b""
        for word in sorted(WORDS + RESETS):
            if word != "envi":
                answers += word.encode() + b": " + ask(server.port, word.encode()) + b"|\n"
        save("not_serving", answers, server)


def main():
    directory = tempfile.mkdtemp(prefix="four_letter_words_")
    try:
        for name, record in [("a", record_serving), ("b", record_refused), ("c", record_not_serving)]:
            record(f"{directory}/{name}")
    finally:
        shutil.rmtree(directory)


main()
