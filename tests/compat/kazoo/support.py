"""What the kazoo scenarios share: the transcript, clients that are stopped at the end, a proxy.

A scenario says what it saw with `say`. Only what must be the same with every server is said: no
times, no session ids, zxids only as differences.
"""
import contextlib
import queue
import socket
import threading
import time

from kazoo.client import KazooClient
from kazoo.exceptions import KazooException

# Far beyond what anything takes; reached only when it never comes about.
WAIT_SECONDS = 120
# What a client's session lives: no client is starved for as long.
SESSION_SECONDS = 60
SCENARIOS = []


def scenario(function):
    """Registers a function `(env)` to be run, in the order of the file."""
    SCENARIOS.append(function)
    return function


def say(*words):
    print(*words, flush=True)


class Env:
    """One scenario's surroundings: where the server is, and the clients it opened."""

    def __init__(self, hosts):
        self.hosts = hosts
        self._stack = contextlib.ExitStack()

    def client(self, hosts=None, chroot="", **options):
        """A started client, stopped at the end of the scenario."""
        options.setdefault("timeout", SESSION_SECONDS)
        zk = KazooClient(hosts=(hosts or self.hosts) + chroot, **options)
        zk.start(timeout=WAIT_SECONDS)

        def end():
            with contextlib.suppress(Exception):
                zk.stop()
                zk.close()

        self._stack.callback(end)
        return zk

    def proxy(self):
        proxy = Proxy(self.hosts)
        self._stack.callback(proxy.close)
        return proxy

    def thread(self, function, *args):
        """A started thread, joined at the end of the scenario."""
        thread = threading.Thread(target=function, args=args, daemon=True)
        thread.start()
        self._stack.callback(thread.join, WAIT_SECONDS)
        return thread

    def close(self):
        self._stack.close()


def outcome(function, *args, **kwargs):
    """What a call returns, or the name of the error it raises."""
    try:
        return shown(function(*args, **kwargs))
    except KazooException as error:
        return type(error).__name__


def shown(value):
    """A value without what differs from run to run."""
    if type(value).__name__ == "ZnodeStat":
        return stat_text(value)
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return "(%s)" % ", ".join(str(shown(item)) for item in value)
    if isinstance(value, list):
        return "[%s]" % ", ".join(str(shown(item)) for item in value)
    return repr(value)


def stat_text(stat):
    return ("stat(mzxid=czxid+%d pzxid=czxid+%d version=%d cversion=%d aversion=%d owned=%s "
            "length=%d children=%d)" %
            (stat.mzxid - stat.czxid, stat.pzxid - stat.czxid, stat.version, stat.cversion,
             stat.aversion, stat.ephemeralOwner != 0, stat.dataLength, stat.numChildren))


def wait_until(condition, what):
    """Polls until the condition holds; says so when it never does."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            say("never:", what)
            return False
        time.sleep(0.01)
    return True


class Events:
    """A callback that keeps what it is called with, for `next` to fetch in order."""

    def __init__(self):
        self._queue = queue.Queue()

    def __call__(self, *args):
        self._queue.put(args)

    def next(self):
        try:
            args = self._queue.get(timeout=WAIT_SECONDS)
        except queue.Empty:
            return "nothing"
        return ", ".join(self._text(arg) for arg in args)

    def count(self):
        return self._queue.qsize()

    @staticmethod
    def _text(arg):
        if type(arg).__name__ == "WatchedEvent":
            return "%s %s %s" % (arg.type, arg.state, arg.path)
        return str(shown(arg))


class Proxy:
    """Stands between a client and the server, and can cut or freeze the line."""

    def __init__(self, server):
        host, port = server.split(":")
        self._server = (host, int(port))
        self._pairs = []
        self._open = threading.Event()
        self._open.set()
        self._thawed = threading.Event()
        self._thawed.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.hosts = "127.0.0.1:%d" % self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, refuse=False):
        """Closes every connection; with `refuse` new ones too, until `restore`."""
        if refuse:
            self._open.clear()
        pairs, self._pairs = self._pairs, []
        for end in pairs:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def restore(self):
        self._open.set()
        self._thawed.set()

    def freeze(self):
        """Lets bytes pile up in both directions, until `restore`."""
        self._thawed.clear()

    def close(self):
        self.restore()
        self._listener.close()
        self.cut()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if not self._open.is_set():
                client.close()
                continue
            server = socket.create_connection(self._server)
            self._pairs += [client, server]
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(source, target), daemon=True).start()

    def _pump(self, source, target):
        with contextlib.suppress(OSError):
            while True:
                data = source.recv(65536)
                self._thawed.wait()
                if not data:
                    break
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)
