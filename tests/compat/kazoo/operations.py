"""Every operation of kazoo's client: nodes, watches, transactions, ACLs, sessions, chroot."""
import threading

from kazoo.client import KazooClient, KazooState
from kazoo.exceptions import ConnectionClosedError
from kazoo.retry import KazooRetry
from kazoo.security import (ACL, CREATOR_ALL_ACL, Id, OPEN_ACL_UNSAFE, READ_ACL_UNSAFE, make_acl,
                            make_digest_acl, make_digest_acl_credential)

from support import Events, outcome, say, scenario, shown, wait_until


@scenario
def create_modes(env):
    zk = env.client()
    say(outcome(zk.create, "/modes"))
    for ephemeral in (False, True):
        for sequence in (False, True):
            say(outcome(zk.create, "/modes/n%d%d-" % (ephemeral, sequence), b"data",
                        ephemeral=ephemeral, sequence=sequence))
            say(outcome(zk.create, "/modes/s%d%d-" % (ephemeral, sequence), b"",
                        ephemeral=ephemeral, sequence=sequence, include_data=True))
            say(outcome(zk.create, "/modes/p%d%d/a/b" % (ephemeral, sequence), b"x",
                        ephemeral=ephemeral, sequence=sequence, makepath=True))
    say(outcome(zk.create, "/modes"))
    say(outcome(zk.create, "/modes/no/where"))
    say(outcome(zk.create, "/modes/n10-/child"))
    say(sorted(zk.get_children("/modes")))
    say(outcome(zk.exists, "/modes"))


@scenario
def reads(env):
    zk = env.client()
    zk.create("/reads", b"value")
    zk.create("/reads/a", b"")
    zk.create("/reads/b", b"\x00\xff" * 10)
    say(outcome(zk.get, "/reads"))
    say(outcome(zk.get, "/reads/a"))
    say(outcome(zk.get, "/reads/b"))
    say(outcome(zk.get, "/reads/none"))
    say(outcome(zk.exists, "/reads/none"))
    say(outcome(zk.exists, "/reads/a"))
    say(sorted(zk.get_children("/reads")))
    children, stat = zk.get_children("/reads", include_data=True)
    say(sorted(children), shown(stat))
    say(outcome(zk.get_children, "/reads/none"))
    say(outcome(zk.get_children, "/reads/a"))
    say(outcome(zk.sync, "/reads"))
    say(outcome(zk.ensure_path, "/reads/x/y/z"))
    say(outcome(zk.ensure_path, "/reads/x/y/z"))
    say(outcome(zk.get, "/reads/x"))


@scenario
def writes(env):
    zk = env.client()
    zk.create("/writes", b"0")
    say(outcome(zk.set, "/writes", b"1"))
    say(outcome(zk.set, "/writes", b"2", version=1))
    say(outcome(zk.set, "/writes", b"3", version=1))
    say(outcome(zk.set, "/writes/none", b""))
    say(outcome(zk.get, "/writes"))
    zk.create("/writes/kid")
    say(outcome(zk.delete, "/writes"))
    say(outcome(zk.delete, "/writes/kid", version=3))
    say(outcome(zk.delete, "/writes/kid", version=0))
    say(outcome(zk.delete, "/writes/kid"))
    zk.ensure_path("/writes/deep/er/still")
    say(outcome(zk.delete, "/writes", recursive=True))
    say(outcome(zk.exists, "/writes"))
    say(outcome(zk.delete, "/zookeeper"))
    say(outcome(zk.delete, "/zookeeper/quota"))
    say(outcome(zk.create, "/wr\u00efte\u65e5", "\u00e4".encode()))
    say(sorted(child for child in zk.get_children("/") if child.startswith("wr")))
    for path in ("/a//b", "/a/", "/a\x01", "/\U0001f600"):
        say(ascii(path), outcome(zk.create, path))


@scenario
def large_values(env):
    zk = env.client()
    value = bytes(range(256)) * 4000
    say(outcome(zk.create, "/large", value))
    got, stat = zk.get("/large")
    say(got == value, shown(stat))
    parent = "/" + "n" * 200
    zk.create(parent)
    names = ["child-with-a-long-name-%05d" % i for i in range(2000)]
    transaction = zk.transaction()
    for name in names:
        transaction.create(parent + "/" + name)
    say(len(transaction.commit()))
    say(sorted(zk.get_children(parent)) == names)
    zk.delete(parent, recursive=True)


@scenario
def asynchronous(env):
    zk = env.client()
    zk.create("/async")
    results = [zk.create_async("/async/n", b"%d" % i, sequence=True) for i in range(50)]
    say([result.get() for result in results][-1])
    reads_ = [zk.get_async("/async/n%010d" % i) for i in range(50)]
    say([result.get()[0] for result in reads_] == [b"%d" % i for i in range(50)])
    say(outcome(zk.exists_async("/async/none").get))
    say(outcome(zk.set_async("/async", b"x").get))
    say(outcome(zk.get_acls_async("/async").get))
    say(outcome(zk.set_acls_async("/async", OPEN_ACL_UNSAFE).get))
    say(outcome(zk.sync_async("/async").get))
    say(outcome(zk.ensure_path_async("/async/a/b").get))
    say(sorted(zk.get_children_async("/async").get())[:2])
    say(outcome(zk.delete_async("/async").get))


@scenario
def watches(env):
    zk, other = env.client(), env.client()
    events = Events()
    say(outcome(zk.exists, "/watched", watch=events))
    other.create("/watched")
    say(events.next())
    zk.get("/watched", watch=events)
    other.set("/watched", b"x")
    say(events.next())
    zk.get_children("/watched", watch=events)
    other.create("/watched/kid")
    say(events.next())
    zk.get_children("/watched/kid", watch=events)
    zk.get("/watched/kid", watch=events)
    other.delete("/watched/kid")
    say(events.next(), "|", events.next())
    say(outcome(zk.get, "/watched/kid", watch=events))
    other.create("/watched/kid")
    zk.exists("/watched", watch=events)
    zk.set("/watched", b"by itself")
    say(events.next(), events.count())


@scenario
def transactions(env):
    zk = env.client()
    zk.create("/txn", b"0")
    transaction = zk.transaction()
    transaction.create("/txn/a", b"a")
    transaction.create("/txn/e", b"e", ephemeral=True)
    transaction.create("/txn/s-", b"s", sequence=True)
    transaction.check("/txn/a", 0)
    transaction.set_data("/txn/a", b"aa", version=0)
    transaction.delete("/txn/e")
    say(outcome(transaction.commit))
    say(outcome(zk.get, "/txn/a"))
    for spoil in ("check", "create", "delete", "set"):
        transaction = zk.transaction()
        transaction.create("/txn/b")
        if spoil == "check":
            transaction.check("/txn", 7)
        elif spoil == "create":
            transaction.create("/txn/a")
        elif spoil == "delete":
            transaction.delete("/txn")
        else:
            transaction.set_data("/txn/none", b"")
        transaction.set_data("/txn", b"never")
        say(spoil, [type(result).__name__ for result in transaction.commit()])
    say(outcome(zk.get, "/txn"), sorted(zk.get_children("/txn")))
    with zk.transaction() as empty:
        pass
    say(empty.committed)


@scenario
def acls(env):
    zk, other = env.client(), env.client()
    say(outcome(zk.add_auth, "digest", "user:pass"))
    acl = make_digest_acl("user", "pass", all=True)
    say(outcome(zk.create, "/acl", b"secret", acl=[acl]))
    say(outcome(zk.get_acls, "/acl"))
    say(outcome(zk.get, "/acl"))
    for call in (other.get, other.get_children, other.get_acls):
        say(call.__name__, outcome(call, "/acl"))
    say(outcome(other.set, "/acl", b"x"), outcome(other.create, "/acl/x"))
    say(outcome(other.set_acls, "/acl", OPEN_ACL_UNSAFE))
    say(outcome(other.add_auth, "digest", "user:wrong"), outcome(other.get, "/acl"))
    say(outcome(other.add_auth, "digest", "user:pass"), outcome(other.get, "/acl"))
    say(outcome(zk.set_acls, "/acl", READ_ACL_UNSAFE, version=0))
    say(outcome(zk.get_acls, "/acl"))
    say(outcome(zk.set_acls, "/acl", OPEN_ACL_UNSAFE, version=0))
    say(outcome(zk.create, "/acl-creator", acl=CREATOR_ALL_ACL))
    say(outcome(zk.get_acls, "/acl-creator"))
    say(outcome(zk.create, "/acl-ip", b"x", acl=[make_acl("ip", "127.0.0.1", all=True)]))
    say(outcome(other.get, "/acl-ip"))
    say(outcome(zk.create, "/acl-ip2", b"x", acl=[make_acl("ip", "10.0.0.0/8", all=True)]))
    say(outcome(other.get, "/acl-ip2"))
    nobody = env.client()
    say(outcome(nobody.create, "/acl-nobody", acl=CREATOR_ALL_ACL))
    say(outcome(nobody.create, "/acl-bad", acl=[ACL(31, Id("nonesuch", "x"))]))
    say(outcome(nobody.get_acls, "/acl-creator"))
    credential = make_digest_acl_credential("user", "pass")
    say(outcome(zk.create, "/acl-mixed",
                acl=[ACL(16, Id("digest", credential)), ACL(1, Id("world", "anyone"))]))
    say(outcome(nobody.get_acls, "/acl-mixed"))
    say(outcome(nobody.set_acls, "/acl-mixed", OPEN_ACL_UNSAFE))
    defaults = env.client(default_acl=[acl], auth_data=[("digest", "user:pass")])
    say(outcome(defaults.create, "/acl-default"), outcome(nobody.get, "/acl-default"))
    boss = env.client(auth_data=[("digest", "super:secret")])
    say(outcome(boss.get, "/acl-default"), outcome(boss.delete, "/acl-default"))


@scenario
def failed_authentication(env):
    zk = env.client(connection_retry=KazooRetry(max_tries=1))
    states = Events()
    zk.add_listener(states)
    say(outcome(zk.add_auth, "nonesuch", "x:y"))
    say(states.next())


@scenario
def chroot(env):
    zk = env.client()
    zk.ensure_path("/root/ed")
    inside = env.client(chroot="/root/ed")
    events = Events()
    say(outcome(inside.create, "/x", b"1", include_data=True))
    say(outcome(inside.exists, "/x", watch=events))
    zk.set("/root/ed/x", b"2")
    say(events.next())
    say(outcome(inside.create, "/s-", sequence=True))
    say(sorted(inside.get_children("/")), sorted(zk.get_children("/root/ed")))
    with inside.transaction() as transaction:
        transaction.create("/t")
        transaction.delete("/x")
    say(sorted(inside.get_children("/")))
    lost = env.client(chroot="/not/there")
    say(outcome(lost.create, "/x"))
    say(outcome(lost.ensure_path, "/"), outcome(lost.create, "/x"))


@scenario
def states_of_a_client(env):
    zk = KazooClient(hosts=env.hosts)
    states = Events()
    zk.add_listener(states)
    zk.start()
    say(states.next(), zk.connected, zk.client_id is not None)
    say(zk.command(b"ruok"))
    say(zk.command(b"isro"))
    say(len(zk.server_version()) >= 3)
    say(outcome(zk.create, "/states", ephemeral=True))
    zk.restart()
    say(states.next(), states.next())
    say(outcome(zk.exists, "/states"))
    zk.stop()
    say(states.next())
    try:
        zk.get("/")
    except ConnectionClosedError as error:
        say(type(error).__name__)
    zk.close()


@scenario
def reconnect(env):
    proxy = env.proxy()
    zk, other = env.client(hosts=proxy.hosts), env.client()
    states, events = Events(), Events()
    zk.add_listener(states)
    zk.create("/reconnect", b"0")
    zk.create("/reconnect/e", ephemeral=True)
    session = zk.client_id[0]
    zk.get("/reconnect", watch=events)
    zk.get_children("/reconnect", watch=events)
    zk.exists("/reconnect/none", watch=events)
    zk.get("/reconnect/e", watch=events)
    proxy.cut()
    say(states.next(), states.next(), zk.client_id[0] == session)
    say(outcome(zk.exists, "/reconnect/e"))
    other.set("/reconnect", b"1")
    proxy.cut()
    say(states.next(), states.next())
    zk.add_auth("digest", "user:pass")
    zk.create("/reconnect/mine", acl=[make_digest_acl("user", "pass", all=True)])
    proxy.cut(refuse=True)
    say(states.next())
    other.create("/reconnect/none")
    other.delete("/reconnect/e")
    proxy.restore()
    say(states.next(), zk.client_id[0] == session)
    say("authenticated again:", outcome(zk.get, "/reconnect/mine"))
    # The client gives up its watches when the line breaks: an event each, of no node.
    wait_until(lambda: events.count() >= 4, "four events")
    say(sorted(events.next() for _ in range(events.count())))


@scenario
def retried_calls(env):
    proxy = env.proxy()
    zk = env.client(hosts=proxy.hosts)
    zk.create("/retried", b"0")
    proxy.cut(refuse=True)
    wait_until(lambda: not zk.connected, "disconnected")
    threading.Timer(0.3, proxy.restore).start()
    say(outcome(zk.retry, zk.get, "/retried"))
    retry = KazooRetry(max_tries=3, delay=0.01, ignore_expire=False)
    say(outcome(retry, zk.set, "/retried", b"1"))


@scenario
def expired_session(env):
    zk, other = env.client(), env.client()
    states, events = Events(), Events()
    zk.add_listener(states)
    zk.create("/expired")
    zk.create("/expired/e", ephemeral=True)
    other.exists("/expired/e", watch=events)
    first = zk.client_id[0]
    # A second client that resumes the session and ends it takes it away from the first one.
    thief = env.client(client_id=zk.client_id)
    say(thief.client_id[0] == first)
    thief.stop()
    say(events.next())
    wait_until(lambda: zk.connected and zk.client_id[0] != first, "a new session")
    seen = []
    while not seen or seen[-1] != repr(KazooState.CONNECTED) or repr(KazooState.LOST) not in seen:
        seen.append(states.next())
    say("lost:", repr(KazooState.LOST) in seen)
    say(outcome(zk.exists, "/expired/e"))
    say(outcome(zk.create, "/expired/e", ephemeral=True))


@scenario
def silent_session(env):
    proxy = env.proxy()
    zk, other = env.client(hosts=proxy.hosts, timeout=4), env.client()
    states, events = Events(), Events()
    zk.add_listener(states)
    zk.create("/silent", ephemeral=True)
    other.exists("/silent", watch=events)
    first = zk.client_id[0]
    proxy.freeze()
    say(events.next())
    say(outcome(other.exists, "/silent"))
    proxy.cut()
    proxy.restore()
    wait_until(lambda: zk.connected and zk.client_id[0] != first, "a new session")
    say(outcome(zk.exists, "/silent"))


@scenario
def config_node(env):
    zk = env.client()
    say(outcome(zk.get, "/zookeeper/config")[:4], outcome(zk.get_acls, "/zookeeper/config")[:60])
    say(outcome(zk.set, "/zookeeper/config", b""))


@scenario
def read_only_client(env):
    zk = env.client(read_only=True)
    say(zk.client_state)
    say(outcome(zk.create, "/read-only"))
