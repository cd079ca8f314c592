"""Contenders for a lock with kazoo's Lock, told line by line what to do: VERB NAME [COUNT].

Each name is a contender of its own, on a thread of its own; what becomes of it is printed as NAME RESULT.
"""

import sys
import threading
from queue import Queue

from kazoo.client import KazooClient

hosts, lock_path, counter_path = sys.argv[1:4]
client = KazooClient(hosts=hosts, timeout=4)
client.start(timeout=60)
output = threading.Lock()


def say(name, result):
    with output:
        print(name, result, flush=True)


class Contender:
    def __init__(self, name):
        self.name = name
        self.lock = client.Lock(lock_path, name, extra_lock_patterns=["-lock-"])
        self.todo = Queue()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            verb, *words = self.todo.get()
            try:
                say(self.name, getattr(self, verb)(*words))
            except Exception as error:
                say(self.name, "failed: %r" % error)

    def acquire(self):
        self.lock.acquire()
        return "held"

    def attempt(self):
        return "held" if self.lock.acquire(blocking=False) else "refused"

    def release(self):
        self.lock.release()
        return "released"

    def count(self, rounds):
        for _ in range(int(rounds)):
            with self.lock:
                value = int(client.get(counter_path)[0])
                client.set(counter_path, b"%d" % (value + 1))
        return "counted"


contenders = {}
say("all", "connected")
for line in sys.stdin:
    verb, name, *words = line.split()
    if name not in contenders:
        contenders[name] = Contender(name)
    contenders[name].todo.put((verb, *words))
client.stop()
