"""Every recipe of kazoo, with several clients where it needs them."""
import datetime
import threading

from kazoo.exceptions import KazooException, LockTimeout
from kazoo.recipe.cache import TreeCache
from kazoo.recipe.watchers import PatientChildrenWatch

from support import WAIT_SECONDS, Events, outcome, say, scenario, shown, wait_until


def holds(function, *args, **kwargs):
    """True or False as the recipe says, or the error's name."""
    try:
        return function(*args, **kwargs)
    except LockTimeout:
        return "LockTimeout"


@scenario
def lock(env):
    a, b = env.client(), env.client()
    first, second = a.Lock("/lock", "a"), b.Lock("/lock", "b")
    say(first.acquire(), first.is_acquired)
    say(holds(second.acquire, blocking=False))
    say(holds(second.acquire, timeout=0.2))
    say(first.contenders())
    got = Events()
    env.thread(lambda: got(second.acquire()))
    wait_until(lambda: len(first.contenders()) == 2, "two contenders")
    say(first.contenders())
    first.release()
    say(got.next(), second.contenders(), first.is_acquired)
    cancelled = Events()
    env.thread(lambda: cancelled(outcome(first.acquire)))
    wait_until(lambda: len(second.contenders()) == 2, "two contenders")
    first.cancel()
    say(cancelled.next())
    second.release()
    with a.Lock("/lock", "again"):
        say(len(a.get_children("/lock")))
    say(a.get_children("/lock"))


@scenario
def lock_of_a_lost_session(env):
    a, b = env.client(), env.client()
    first, second = a.Lock("/lost-lock", "a"), b.Lock("/lost-lock", "b")
    first.acquire()
    got = Events()
    env.thread(lambda: got(second.acquire()))
    wait_until(lambda: len(first.contenders()) == 2, "two contenders")
    a.stop()
    say(got.next(), second.contenders())
    second.release()


@scenario
def many_locks(env):
    clients = [env.client() for _ in range(4)]
    counter = {"value": 0, "inside": 0, "worst": 0}

    def work(zk, name):
        for _ in range(10):
            with zk.Lock("/many-locks", name):
                counter["inside"] += 1
                counter["worst"] = max(counter["worst"], counter["inside"])
                counter["value"] += 1
                counter["inside"] -= 1

    threads = [env.thread(work, zk, str(i)) for i, zk in enumerate(clients)]
    for thread in threads:
        thread.join()
    say(counter["value"], counter["worst"], clients[0].get_children("/many-locks"))


@scenario
def read_and_write_locks(env):
    a, b, c = env.client(), env.client(), env.client()
    read1, read2 = a.ReadLock("/rw", "r1"), b.ReadLock("/rw", "r2")
    write = c.WriteLock("/rw", "w")
    say(read1.acquire(), read2.acquire(), holds(write.acquire, blocking=False))
    got = Events()
    env.thread(lambda: got(write.acquire()))
    wait_until(lambda: len(a.get_children("/rw")) == 3, "three locks")
    say(holds(a.ReadLock("/rw", "r3").acquire, blocking=False))
    read1.release()
    say(got.count())
    read2.release()
    say(got.next(), holds(read1.acquire, timeout=0.2))
    write.release()
    say(read1.acquire())
    read1.release()
    say(a.get_children("/rw"))


@scenario
def semaphore(env):
    a, b, c = env.client(), env.client(), env.client()
    one, two, three = (zk.Semaphore("/sem", name, max_leases=2)
                       for zk, name in ((a, "1"), (b, "2"), (c, "3")))
    say(one.acquire(), two.acquire(), holds(three.acquire, blocking=False))
    say(holds(three.acquire, timeout=0.2))
    say(sorted(one.lease_holders()), a.get("/sem")[0])
    got = Events()
    env.thread(lambda: got(three.acquire()))
    two.release()
    say(got.next(), sorted(one.lease_holders()))
    other = a.Semaphore("/sem", max_leases=5)
    try:
        other.acquire()
    except ValueError:
        say("ValueError")
    a.stop()
    say(two.acquire(timeout=WAIT_SECONDS))
    two.release()
    three.release()
    say(b.get_children("/sem"))


@scenario
def election(env):
    a, b = env.client(), env.client()
    led, go = Events(), [threading.Event(), threading.Event()]

    def lead(name, gate):
        led(name)
        gate.wait(WAIT_SECONDS)

    first, second = a.Election("/election", "a"), b.Election("/election", "b")
    env.thread(first.run, lead, "a", go[0])
    say(led.next())
    env.thread(second.run, lead, "b", go[1])
    wait_until(lambda: len(first.contenders()) == 2, "two contenders")
    say(first.contenders(), led.count())
    go[0].set()
    say(led.next(), second.contenders())
    third = a.Election("/election", "c")
    done = Events()
    env.thread(lambda: done(third.run(lead, "c", go[1])))
    wait_until(lambda: len(second.contenders()) == 2, "two contenders")
    third.cancel()
    say(done.next(), led.count())
    go[1].set()


@scenario
def barrier(env):
    a, b = env.client(), env.client()
    first, second = a.Barrier("/barrier"), b.Barrier("/barrier")
    say(second.wait(0))
    first.create()
    say(second.wait(0.2))
    passed = Events()
    env.thread(lambda: passed(second.wait(WAIT_SECONDS)))
    say(passed.count(), first.remove(), passed.next(), first.remove())


@scenario
def double_barrier(env):
    clients = [env.client() for _ in range(3)]
    entered, left, gate = Events(), Events(), threading.Event()

    def take_part(zk, name):
        both = zk.DoubleBarrier("/double", 3, name)
        both.enter()
        entered(both.participating)
        gate.wait(WAIT_SECONDS)
        both.leave()
        left(both.participating)

    for i, zk in enumerate(clients[:2]):
        env.thread(take_part, zk, "p%d" % i)
    wait_until(lambda: clients[0].exists("/double") and
               len(clients[0].get_children("/double")) == 2, "two participants")
    say(entered.count())
    env.thread(take_part, clients[2], "p2")
    say(entered.next(), entered.next(), entered.next())
    gate.set()
    say(left.next(), left.next(), left.next())
    say(clients[0].get_children("/double"))


@scenario
def parties(env):
    a, b = env.client(), env.client()
    for kind in ("Party", "ShallowParty"):
        path = "/" + kind
        first, second = getattr(a, kind)(path, "one"), getattr(b, kind)(path, "two")
        say(len(first), list(first))
        first.join()
        second.join()
        say(len(first), sorted(second))
        first.leave()
        say(len(second), list(second))
        second.leave()
        first.join()
    third = b.Party("/Party", "three")
    third.join()
    a.stop()
    wait_until(lambda: len(third) == 1, "one member left")
    say(list(third))


@scenario
def queues(env):
    a, b = env.client(), env.client()
    one, two = a.Queue("/queue"), b.Queue("/queue")
    say(one.get())
    for i, priority in enumerate((100, 50, 100, 10)):
        one.put(b"item %d" % i, priority)
    say(len(one), len(two))
    say([two.get() for _ in range(5)])
    say(outcome(lambda: a.get_children("/queue")))
    taken = Events()

    def take(zk):
        queue = zk.Queue("/queue")
        for _ in range(10):
            taken(queue.get())

    for i in range(20):
        one.put(b"%02d" % i)
    for thread in [env.thread(take, zk) for zk in (a, b)]:
        thread.join()
    say(sorted(taken.next() for _ in range(20)) == [repr(b"%02d" % i) for i in range(20)])


@scenario
def locking_queue(env):
    a, b = env.client(), env.client()
    one, two = a.LockingQueue("/locking"), b.LockingQueue("/locking")
    say(one.get(0.2))
    one.put(b"late", priority=100)
    one.put(b"early", priority=10)
    one.put_all([b"x", b"y"], priority=50)
    say(len(one))
    say(one.get(), one.holds_lock(), two.get(), two.holds_lock())
    say(one.consume(), one.holds_lock(), one.consume())
    say(two.release(), len(two))
    say(one.get(), two.get())
    say(one.consume(), two.consume())
    got = Events()
    say(one.get(), one.consume())
    env.thread(lambda: got(two.get(WAIT_SECONDS)))
    one.put(b"waited for")
    say(got.next(), two.consume())
    one.put(b"kept")
    one.get()
    a.stop()
    say(two.get(WAIT_SECONDS), two.consume(), len(two))


@scenario
def counter(env):
    a, b = env.client(), env.client()
    one, two = a.Counter("/counter"), b.Counter("/counter")
    one += 2
    two += 3
    one -= 1
    say(one.value, two.value, type(one.value).__name__)
    half = a.Counter("/half", default=0.5)
    half += 1.25
    say(half.value, a.get("/half")[0])
    packed = a.Counter("/packed", default=7, support_curator=True)
    packed += 3
    say(packed.value, a.get("/packed")[0])
    clients = [env.client() for _ in range(3)]

    def add(zk):
        shared = zk.Counter("/shared")
        for _ in range(10):
            shared += 1

    for thread in [env.thread(add, zk) for zk in clients]:
        thread.join()
    say(a.Counter("/shared").value)


@scenario
def data_watch(env):
    a, b = env.client(), env.client()
    seen, with_event = Events(), Events()

    @a.DataWatch("/data-watch")
    def watch(data, stat):
        seen(data, stat.version if stat else None)

    @a.DataWatch("/data-watch")
    def watch_too(data, stat, event):
        with_event(data, event)
        return data != b"stop"

    say(seen.next(), "|", with_event.next())
    b.create("/data-watch", b"1")
    say(seen.next(), "|", with_event.next())
    b.set("/data-watch", b"2")
    say(seen.next(), "|", with_event.next())
    b.delete("/data-watch")
    say(seen.next(), "|", with_event.next())
    b.create("/data-watch", b"stop")
    say(seen.next(), "|", with_event.next())
    b.set("/data-watch", b"3")
    say(seen.next(), with_event.count())


@scenario
def data_watch_across_a_cut(env):
    proxy = env.proxy()
    a, b = env.client(hosts=proxy.hosts), env.client()
    seen = Events()
    b.create("/cut-watch", b"1")

    @a.DataWatch("/cut-watch")
    def watch(data, stat):
        seen(data)

    say(seen.next())
    proxy.cut(refuse=True)
    wait_until(lambda: not a.connected, "disconnected")
    b.set("/cut-watch", b"2")
    proxy.restore()
    say(seen.next())
    b.set("/cut-watch", b"3")
    say(seen.next())


@scenario
def children_watch(env):
    a, b = env.client(), env.client()
    b.create("/children-watch")
    seen, with_event = Events(), Events()

    @a.ChildrenWatch("/children-watch")
    def watch(children):
        seen(sorted(children))
        return len(children) < 3

    @a.ChildrenWatch("/children-watch", send_event=True)
    def watch_too(children, event):
        with_event(sorted(children), event)

    say(seen.next(), "|", with_event.next())
    for name in ("x", "y", "z"):
        b.create("/children-watch/" + name)
        say(seen.next(), "|", with_event.next())
    b.delete("/children-watch/x")
    say(with_event.next(), seen.count())


@scenario
def patient_children_watch(env):
    a, b = env.client(), env.client()
    b.create("/patient")
    # Both znodes must be there before it loses its patience.
    watch = PatientChildrenWatch(a, "/patient", time_boundary=4)
    result = watch.start()
    b.create("/patient/x")
    b.create("/patient/y")
    children, changed = result.get(timeout=WAIT_SECONDS)
    say(sorted(children), changed.ready())
    b.create("/patient/z")
    changed.wait(WAIT_SECONDS)
    say(changed.ready())


@scenario
def set_partitioner(env):
    a, b = env.client(), env.client()
    items = ("q1", "q2", "q3", "q4")

    def partitioner(zk, name):
        return zk.SetPartitioner("/partition", set=items, identifier=name, time_boundary=0.2)

    one = partitioner(a, "one")
    one.wait_for_acquire(WAIT_SECONDS)
    say(one.state, list(one))
    two = partitioner(b, "two")
    wait_until(lambda: one.release, "release")
    one.release_set()
    for each in (one, two):
        each.wait_for_acquire(WAIT_SECONDS)
    say(one.state, two.state, list(one), list(two))
    one.finish()
    wait_until(lambda: two.release, "release")
    two.release_set()
    two.wait_for_acquire(WAIT_SECONDS)
    say(two.state, list(two))
    two.finish()


@scenario
def tree_cache(env):
    a, b = env.client(), env.client()
    b.ensure_path("/tree/x")
    b.set("/tree/x", b"1")
    cache = TreeCache(a, "/tree")
    events = Events()

    @cache.listen
    def listener(event):
        data = event.event_data
        events(event.event_type, data.path if data else None, data.data if data else None)

    cache.start()
    say(sorted(events.next() for _ in range(3)))
    say(cache.get_data("/tree/x").data, sorted(cache.get_children("/tree")))
    b.create("/tree/x/y", b"2")
    say(events.next())
    b.set("/tree/x", b"3")
    say(events.next())
    b.delete("/tree/x/y")
    say(events.next())
    say(cache.get_data("/tree/x").data, cache.get_children("/tree/x"),
        cache.get_data("/tree/none"))
    cache.close()


@scenario
def leases(env):
    a, b = env.client(), env.client()
    now = [datetime.datetime(2030, 1, 1)]

    def clock():
        return now[0]

    hour = datetime.timedelta(hours=1)
    say(bool(a.NonBlockingLease("/lease", hour, identifier="a", utcnow=clock)))
    say(bool(b.NonBlockingLease("/lease", hour, identifier="b", utcnow=clock)))
    say(bool(a.NonBlockingLease("/lease", hour, identifier="a", utcnow=clock)))
    now[0] += 2 * hour
    say(bool(b.NonBlockingLease("/lease", hour, identifier="b", utcnow=clock)))
    say(a.get("/lease/lease_holder")[0])
    for name, zk in (("a", a), ("b", b), ("c", a), ("a", b)):
        say(name, bool(zk.MultiNonBlockingLease(2, "/leases", hour, identifier=name,
                                                utcnow=clock)))
    say(sorted(a.get_children("/leases")))
