"""A client that agrees to read only: what it sees without a quorum, and that it writes when there is one.

    kazoo_read_only.py HOSTS

Prints what it found as it goes; goes on to what needs a quorum at a line of its standard input.
"""
import sys
import time

from kazoo.client import KazooClient
from kazoo.exceptions import NotReadOnlyCallError, SessionExpiredError, ConnectionLoss
from kazoo.protocol.states import KeeperState


def say(*words):
    print(*words, flush=True)


def main(hosts):
    client = KazooClient(hosts=hosts, timeout=10, read_only=True)
    client.start(timeout=30)
    say("state", client.client_state)
    say("data", client.get("/kept")[0].decode())
    say("children", sorted(client.get_children("/")))
    for name, call in (
        ("create", lambda: client.create("/other", b"")),
        ("set", lambda: client.set("/kept", b"x")),
        ("delete", lambda: client.delete("/kept")),
        ("sync", lambda: client.sync("/kept")),
    ):
        try:
            call()
            say(name, "accepted")
        except NotReadOnlyCallError:
            say(name, "refused")
    say("waiting")
    sys.stdin.readline()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if client.client_state == KeeperState.CONNECTED:
                client.ensure_path("/written")
                break
        except (ConnectionLoss, SessionExpiredError, NotReadOnlyCallError):
            pass
        time.sleep(0.1)
    say("state", client.client_state)
    say("written", client.exists("/written") is not None)
    client.stop()


main(sys.argv[1])
