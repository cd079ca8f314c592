"""A write load through kazoo that remembers what was acknowledged, and later looks whether it is there.

    kazoo_load.py --hosts=127.0.0.1:2181,127.0.0.1:2182 --sessions=4 --record=acknowledged.json

Prints `ready` when all sessions write. Then reads commands from stdin, and answers each with a line:

    count           `count N`: acknowledged writes so far
    stop            `stopped`: nobody writes any more, the sessions stay
    check HOST      `report JSON`: what that member says, see `check` below; after stop
    (end of file)   closes the sessions and ends

Each session is a thread that goes through the same writes again and again, one at a time: sequence
nodes, sets with the version before, ephemerals, a counter under a lock. A write is acknowledged when
its reply came; in doubt when the connection went first: then it may have happened once, or not at
all. Connections are made anew for as long as it takes.
"""
import argparse
import json
import logging
import sys
import threading
import time

from kazoo.client import KazooClient
from kazoo.exceptions import (BadVersionError, ConnectionClosedError, ConnectionLoss, LockTimeout,
                              NodeExistsError, NoNodeError, OperationTimeoutError,
                              SessionExpiredError, SessionMovedError)
from kazoo.handlers.threading import KazooTimeoutError
from kazoo.protocol.states import KazooState
from kazoo.recipe.lock import Lock
from kazoo.retry import KazooRetry

IN_DOUBT = (ConnectionLoss, SessionExpiredError, OperationTimeoutError, ConnectionClosedError,
            SessionMovedError, KazooTimeoutError)
ROOT = "/load"
# Between two writes of a session: leaves the processors to the servers.
PAUSE_SECONDS = 0.004
RETRY_SECONDS = 0.05
START_SECONDS = 120
# Until a session whose member went away is connected to another one.
SETTLE_SECONDS = 60
LOCK_SECONDS = 5
SEQUENCE_DIGITS = 10


def client_of(hosts, session_seconds):
    retry = KazooRetry(max_tries=-1, delay=RETRY_SECONDS, backoff=1, max_delay=RETRY_SECONDS,
                       ignore_expire=False)
    client = KazooClient(hosts=hosts, timeout=session_seconds, connection_retry=retry)
    client.start(timeout=START_SECONDS)
    return client


class Worker(threading.Thread):
    """One session and all that it wrote."""

    def __init__(self, number, hosts, session_seconds, load):
        super().__init__(daemon=True)
        self.path = "%s/w%d" % (ROOT, number)
        self.number = number
        self.load = load
        self.failures = []          # what must never happen, in words
        self.expirations = 0
        self.acknowledged = 0
        self.created = {}           # payload -> path
        self.create_doubts = set()  # payloads
        self.value = ""             # of the node with versions: data, version
        self.version = 0
        self.value_doubts = set()
        self.ephemerals = {}        # path -> True: is there, False: was deleted, None: in doubt
        self.increments = 0
        self.increment_doubts = 0
        self.lock_timeouts = 0
        self.longest_gap = 0.0      # seconds between two acknowledgements
        self._last = None
        self.client = client_of(hosts, session_seconds)
        self.client.add_listener(self._state)
        self.session_id = self.client.client_id[0]
        self._insist(lambda: self.client.ensure_path(self.path))
        self._insist(lambda: self.client.ensure_path(self.path + "/s"))
        self._insist(lambda: self.client.ensure_path(self.path + "/v"))
        stat = self._insist(lambda: self.client.exists(self.path + "/v"))
        self.version = stat.version

    def run(self):
        try:
            n = 0
            while not self.load.stopping.is_set():
                n += 1
                self._create(n)
                self._set(n)
                if n % 5 == self.number % 5:
                    self._ephemeral(n)
                if n % 10 == self.number % 10:
                    self._count_under_lock()
        except Exception as error:  # told in the report
            self.failures.append("%s stopped: %r" % (self.path, error))

    def settle(self, deadline):
        """Waits until the session is connected, so that it knows whether it still lives."""
        while time.monotonic() < deadline:
            try:
                self.client.exists_async("/").get(timeout=max(0.1, deadline - time.monotonic()))
                return True
            except IN_DOUBT:
                time.sleep(RETRY_SECONDS)
        return False

    def _state(self, state):
        if state == KazooState.LOST and not self.load.ending:
            self.expirations += 1

    def _acknowledge(self):
        now = time.monotonic()
        if self._last is not None:
            self.longest_gap = max(self.longest_gap, now - self._last)
        self._last = now
        self.acknowledged += 1
        self.load.stopping.wait(PAUSE_SECONDS)

    def _insist(self, call):
        """The result of something that may be done twice, however often the connection goes."""
        while True:
            try:
                return call()
            except IN_DOUBT:
                time.sleep(RETRY_SECONDS)

    def _synced_get(self, path):
        """What is there for certain: no member that lags behind answers for it."""
        def call():
            self.client.sync(path)
            return self.client.get(path)
        return self._insist(call)

    def _create(self, n):
        payload = "%d:%d" % (self.number, n)
        try:
            path = self.client.create(self.path + "/s/n-", payload.encode(), sequence=True)
            self.created[payload] = path
            self._acknowledge()
        except IN_DOUBT:
            self.create_doubts.add(payload)

    def _set(self, n):
        payload = "%d:%d" % (self.number, n)
        path = self.path + "/v"
        try:
            stat = self.client.set(path, payload.encode(), self.version)
            if stat.version != self.version + 1:
                self.failures.append("%s: version %d after %d" % (path, stat.version, self.version))
            self.value, self.version = payload, stat.version
            self.value_doubts.clear()
            self._acknowledge()
        except IN_DOUBT:
            self.value_doubts.add(payload)
            self._settle_value(path)
        except BadVersionError:
            before = self.version
            self._settle_value(path)
            if self.version == before:
                self.failures.append("%s: refused version %d, which it has" % (path, before))

    def _settle_value(self, path):
        """Finds out about sets in doubt: at most one of them happened, once."""
        data, stat = self._synced_get(path)
        data = data.decode()
        if (data, stat.version) == (self.value, self.version):
            return
        if data in self.value_doubts and stat.version == self.version + 1:
            self.value, self.version = data, stat.version
            return
        self.failures.append("%s: %s with version %d, acknowledged was %s with %d, in doubt %s" % (
            path, data, stat.version, self.value, self.version, sorted(self.value_doubts)))
        self.value, self.version = data, stat.version

    def _ephemeral(self, n):
        path = "%s/e%d" % (self.path, n)
        try:
            self.client.create(path, ephemeral=True)
            self.ephemerals[path] = True
            self._acknowledge()
        except IN_DOUBT:
            self.ephemerals[path] = None
            return
        there = [p for p, state in self.ephemerals.items() if state]
        if len(there) <= 3:
            return
        try:
            self.client.delete(there[0])
            self.ephemerals[there[0]] = False
            self._acknowledge()
        except IN_DOUBT:
            self.ephemerals[there[0]] = None
        except NoNodeError:
            self.failures.append("%s: deleted by nobody, yet gone" % there[0])
            self.ephemerals[there[0]] = False

    def _count_under_lock(self):
        lock = Lock(self.client, ROOT + "/lock", str(self.number))
        try:
            if not lock.acquire(timeout=LOCK_SECONDS):
                return
        except LockTimeout:
            self.lock_timeouts += 1
            self._forget(lock)
            return
        except IN_DOUBT:
            self._forget(lock)
            return
        path = ROOT + "/counter"
        data, stat = self._synced_get(path)
        try:
            self.client.set(path, str(int(data) + 1).encode(), stat.version)
            self.increments += 1
            self._acknowledge()
        except IN_DOUBT:
            self.increment_doubts += 1
        except BadVersionError:
            if self.expirations == 0:
                self.failures.append("somebody else counted while %s had the lock" % self.path)
        self._forget(lock)

    def _forget(self, lock):
        """Leaves no node of this lock behind, whatever became of acquiring it."""
        def call():
            for name in self.client.get_children(ROOT + "/lock"):
                if name.startswith(lock.prefix):
                    try:
                        self.client.delete("%s/lock/%s" % (ROOT, name))
                    except NoNodeError:
                        pass
        self._insist(call)


class Load:
    """All sessions."""

    def __init__(self, hosts, session_count, session_seconds):
        self.stopping = threading.Event()
        self.ending = False
        setup = client_of(hosts, session_seconds)
        for path, data in ((ROOT, b""), (ROOT + "/lock", b""), (ROOT + "/counter", b"0")):
            try:
                setup.create(path, data)
            except NodeExistsError:
                pass
        setup.stop()
        setup.close()
        self.workers = [Worker(i, hosts, session_seconds, self) for i in range(session_count)]
        for worker in self.workers:
            worker.start()

    def count(self):
        return sum(worker.acknowledged for worker in self.workers)

    def stop(self):
        self.stopping.set()
        for worker in self.workers:
            worker.join(START_SECONDS)
            if worker.is_alive():
                worker.failures.append("%s does not get to an end" % worker.path)

    def record(self):
        """Every acknowledged write, and those in doubt."""
        return [{
            "session": "0x%x" % w.session_id, "created": w.created,
            "createDoubts": sorted(w.create_doubts), "value": w.value, "version": w.version,
            "valueDoubts": sorted(w.value_doubts), "ephemerals": w.ephemerals,
            "increments": w.increments, "incrementDoubts": w.increment_doubts,
        } for w in self.workers]

    def check(self, host):
        """Reads everything back through one member.

        The lists must be empty: what was acknowledged and is not there, what is there twice, what is
        there although it was never sent or was deleted, sessions that were lost, and what else must
        never happen. The numbers tell how much was done.
        """
        lost, duplicated, unexpected = [], [], []
        failures = [failure for worker in self.workers for failure in worker.failures]
        lost_sessions = []
        client = client_of(host, 60)
        try:
            client.sync(ROOT)
            deadline = time.monotonic() + SETTLE_SECONDS
            for worker in self.workers:
                if not worker.settle(deadline):
                    failures.append("%s cannot connect any more" % worker.path)
                self._check_creates(client, worker, lost, duplicated, unexpected)
                found = self._found(client, worker.path + "/v")
                if found != (worker.value, worker.version):
                    lost.append("%s/v is %s, was %s" % (
                        worker.path, found, (worker.value, worker.version)))
                session_id = (worker.client.client_id or (0,))[0]
                if worker.expirations > 0 or session_id != worker.session_id:
                    lost_sessions.append("0x%x" % worker.session_id)
                    continue
                for path, state in worker.ephemerals.items():
                    stat = client.exists(path)
                    if stat is None and state is True:
                        lost.append(path)
                    elif stat is not None and state is False:
                        unexpected.append(path)
                    elif stat is not None and stat.ephemeralOwner != worker.session_id:
                        unexpected.append("%s of 0x%x" % (path, stat.ephemeralOwner))
            counter = int((self._found(client, ROOT + "/counter") or (-1,))[0])
        finally:
            client.stop()
            client.close()
        least = sum(worker.increments for worker in self.workers)
        most = least + sum(worker.increment_doubts for worker in self.workers)
        if not least <= counter <= most:
            failures.append("counted %d, acknowledged %d to %d" % (counter, least, most))
        return {
            "lost": lost, "duplicated": duplicated, "unexpected": unexpected,
            "lostSessions": lost_sessions, "failures": failures,
            "acknowledged": self.count(),
            "inDoubt": sum(len(w.create_doubts) for w in self.workers),
            "lockTimeouts": sum(w.lock_timeouts for w in self.workers),
            "longestGapMs": round(1000 * max(w.longest_gap for w in self.workers)),
        }

    @staticmethod
    def _found(client, path):
        """Data and version, None where nothing is."""
        try:
            data, stat = client.get(path)
            return data.decode(), stat.version
        except NoNodeError:
            return None

    @staticmethod
    def _check_creates(client, worker, lost, duplicated, unexpected):
        parent = worker.path + "/s"
        names = client.get_children(parent) if client.exists(parent) else []
        reads = [(name, client.get_async("%s/%s" % (parent, name))) for name in names]
        found = {}
        for name, read in reads:
            payload = read.get(timeout=START_SECONDS)[0].decode()
            found.setdefault(payload, []).append("%s/%s" % (parent, name))
        for payload, paths in found.items():
            if len(paths) > 1:
                duplicated.append("%s at %s" % (payload, paths))
            if payload not in worker.created and payload not in worker.create_doubts:
                unexpected.append("%s at %s" % (payload, paths))
        for payload, path in worker.created.items():
            if path not in found.get(payload, ()):
                lost.append("%s at %s" % (payload, path))

    def end(self):
        self.ending = True
        self.stopping.set()
        for worker in self.workers:
            worker.client.stop()
            worker.client.close()


def say(*words):
    print(*words, flush=True)


def main():
    logging.basicConfig(level=logging.CRITICAL)  # lost connections are expected
    parser = argparse.ArgumentParser()
    parser.add_argument("--hosts", required=True)
    parser.add_argument("--sessions", type=int, default=4)
    parser.add_argument("--session-seconds", type=float, default=60)
    parser.add_argument("--record", help="file for every acknowledged write, written at stop")
    options = parser.parse_args()
    load = Load(options.hosts, options.sessions, options.session_seconds)
    say("ready")
    for line in sys.stdin:
        command, *words = line.split()
        if command == "count":
            say("count", load.count())
        elif command == "stop":
            load.stop()
            if options.record:
                with open(options.record, "w") as file:
                    json.dump(load.record(), file, indent=1)
            say("stopped")
        elif command == "check":
            say("report", json.dumps(load.check(words[0])))
    load.end()


if __name__ == "__main__":
    main()
