#!/usr/bin/env python3
"""Side-by-side benchmark of the HTTP API and etcd's JSON gateway.

Starts this server and etcd, each with a fresh data directory on the same disk and its default fsync, puts the same
keys into both, and drives both with httpload: GET and PUT of small values over keep-alive connections, one
request outstanding on each. Both stay up; every workload runs on one and then on the other, in alternating
order, so that what else the machine does hits both. Prints medians, and the ratio of each pair of runs against
the goals. Only the Python standard library is used. See README.md.
"""
import argparse, json, os, shlex, shutil, signal, socket, statistics, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
GOAL_OPS, GOAL_CPU = 4.0, 0.3
STARTED = []


def log(*a):
    print("[%s]" % time.strftime("%H:%M:%S"), *a, file=sys.stderr, flush=True)


class Server:
    def __init__(self, o, name, target, port, command):
        self.o, self.name, self.target, self.port = o, name, target, port
        self.dir = os.path.join(o.tmp, target)
        os.makedirs(self.dir)
        self.log = open(os.path.join(self.dir, "server.log"), "ab")
        self.proc = subprocess.Popen(command(self), stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True)
        STARTED.append(self)

    def request(self, method, path, body):
        with socket.create_connection(("127.0.0.1", self.port), 5) as s:
            s.settimeout(5)
            s.sendall(("%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (method, path, len(body), body)).encode())
            b = b""
            while True:
                c = s.recv(65536)
                if not c:
                    return b
                b += c

    def wait(self):
        ready = ("POST", "/v3/kv/put", '{"key":"YmVuY2g=","value":""}') if self.target == "etcd" else ("PUT", "/api/v1/data/bench", "")
        deadline = time.monotonic() + 60
        while True:
            if self.proc.poll() is not None:
                raise RuntimeError("%s exited with status %s\n%s" % (self.name, self.proc.returncode, self.tail()))
            try:
                if self.request(*ready).split(b" ", 2)[1][:1] == b"2":
                    return
            except (OSError, IndexError):
                pass
            if time.monotonic() > deadline:
                raise RuntimeError("%s does not answer after 60 s\n%s" % (self.name, self.tail()))
            time.sleep(0.05)

    def load(self, *args):
        a = [self.o.httpload, "--port", str(self.port), "--target", self.target, "--pid", str(self.proc.pid), "--keys", str(self.o.keys),
             "--value-bytes", str(self.o.value_bytes)] + [str(x) for x in args]
        r = subprocess.run(a, stdout=subprocess.PIPE)
        if r.returncode == 1 or not r.stdout:
            raise RuntimeError("httpload failed on %s: %s\n%s" % (self.name, " ".join(a), self.tail()))
        j = json.loads(r.stdout)
        if not j["ok"]:
            raise RuntimeError("%s answered wrongly %d times: %s" % (self.name, j["errors"], j["first_error"]))
        return j

    def tail(self):
        with open(os.path.join(self.dir, "server.log"), "rb") as f:
            return f.read()[-1500:].decode(errors="replace")

    def stop(self):
        try:
            os.killpg(self.proc.pid, signal.SIGTERM)
            self.proc.wait(15)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            pass
        if self.proc.poll() is None:
            os.killpg(self.proc.pid, signal.SIGKILL)
            self.proc.wait()
        self.log.close()
        STARTED.remove(self)


def etcd_command(s):
    client, peer = "http://127.0.0.1:%d" % s.port, "http://127.0.0.1:%d" % (s.port + 1)
    return shlex.split(s.o.etcd) + ["--data-dir", os.path.join(s.dir, "data"), "--listen-client-urls", client, "--advertise-client-urls", client,
                                    "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default=" + peer,
                                    "--log-level", "error"]


def own_command(s):
    os.makedirs(os.path.join(s.dir, "data"))
    cfg = os.path.join(s.dir, "zoo.cfg")
    with open(cfg, "w") as f:
        f.write("\n".join(["tickTime=2000", "dataDir=" + os.path.join(s.dir, "data"), "clientPort=%d" % (s.port + 1),
                           "admin.serverAddress=127.0.0.1", "admin.serverPort=%d" % s.port] + s.o.cfg_extra) + "\n")
    return shlex.split(s.o.server) + [cfg]


def med(rows, f):
    return statistics.median(f(j) for j in rows)


def measure(o):
    servers = [Server(o, "denkeeper", "denkeeper", o.base_port, own_command)]
    if not o.alone:
        servers.append(Server(o, "etcd", "etcd", o.base_port + 2, etcd_command))
    runs = {}
    for s in servers:
        s.wait()
        s.load("--op", "put", "--fill", "--connections", 8)
        log("%s: warming up for %g s" % (s.name, o.jit_warmup))
        for op in o.ops:
            s.load("--op", op, "--connections", 16, "--warmup", 0, "--duration", o.jit_warmup / len(o.ops))
    for r in range(o.rounds):
        for op in o.ops:
            for c in o.connections:
                for s in servers if r % 2 == 0 else servers[::-1]:
                    j = s.load("--op", op, "--connections", c, "--warmup", o.warmup, "--duration", o.duration, "--seed", r + 1)
                    runs.setdefault("%s %d" % (op, c), {}).setdefault(s.name, []).append(j)
        log("round %d of %d is done" % (r + 1, o.rounds))
    for s in list(STARTED):
        s.stop()
    return {"options": {k: v for k, v in vars(o).items() if k not in ("tmp", "httpload", "json")}, "runs": runs,
            "etcd": subprocess.run(shlex.split(o.etcd) + ["--version"], stdout=subprocess.PIPE, text=True).stdout.split("\n")[0] if not o.alone else None}


def show(res):
    rows = [["workload", "ops/s", "etcd", "ratio", "goal", "CPU us/op", "etcd", "ratio", "goal", "p50 us", "etcd", "p99 us", "etcd", "ratio", "p99.9 us", "etcd", "client us/op", "other busy"]]
    missed = []
    for title, by in res["runs"].items():
        ours, theirs = by["denkeeper"], by.get("etcd")
        op, c = title.split()
        row = ["%s, %s connection%s" % (op.upper(), c, "" if c == "1" else "s")]
        for key, digits, goal in (("ops_per_s", 0, GOAL_OPS), ("server_cpu_us_per_op", 1, GOAL_CPU), ("p50_us", 0, None), ("p99_us", 0, 1.0), ("p999_us", 0, None)):
            f = lambda j: j[key]
            row.append("%.*f" % (digits, med(ours, f)))
            if not theirs:
                row += ["-"] * (1 if key.startswith("p50") or key.startswith("p999") else 2 if key == "p99_us" else 3)
                continue
            row.append("%.*f" % (digits, med(theirs, f)))
            ratio = statistics.median(a[key] / b[key] for a, b in zip(ours, theirs))
            if key in ("ops_per_s", "server_cpu_us_per_op"):
                met = ratio >= goal if key == "ops_per_s" else ratio <= goal
                row += ["%.2f" % ratio, ("ok" if met else "MISSED") + (" >=%g" if key == "ops_per_s" else " <=%g") % goal]
                if not met:
                    missed.append("%s: %s" % (title, key))
            elif key == "p99_us":
                row.append("%.2f" % ratio)
        every = ours + (theirs or [])
        row += ["%.1f" % med(ours, lambda j: j["client_cpu_us_per_op"]), "%.2f" % med(every, lambda j: j["other_busy_cores"])]
        rows.append(row)
    width = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    for i, r in enumerate(rows):
        print("| " + " | ".join(x.ljust(w) for x, w in zip(r, width)) + " |")
        if not i:
            print("|" + "|".join("-" * (w + 2) for w in width) + "|")
    if res.get("etcd"):
        print("\n%s; %d keys of %d bytes; medians of %d rounds, ratios of the runs that followed each other" % (
            res["etcd"], res["options"]["keys"], res["options"]["value_bytes"], res["options"]["rounds"]))
    return missed


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--server", help="foreground command of this server; the path of zoo.cfg is appended")
    p.add_argument("--etcd", default="etcd", help="etcd's command (default: %(default)s)")
    p.add_argument("--alone", action="store_true", help="measure this server alone")
    p.add_argument("--ops", default="get,put")
    p.add_argument("--connections", default="1,16,100")
    p.add_argument("--keys", type=int, default=1000)
    p.add_argument("--value-bytes", type=int, default=100)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--duration", type=float, default=3)
    p.add_argument("--warmup", type=float, default=0.5, help="seconds before each measurement")
    p.add_argument("--jit-warmup", type=float, default=10, help="seconds of load after the start of each server")
    p.add_argument("--cfg-extra", action="append", default=[], metavar="KEY=VALUE", help="more zoo.cfg lines")
    p.add_argument("--base-port", type=int, default=25100, help="uses base..base+3")
    p.add_argument("--tmp", help="parent of the data directories (on the disk to be measured)")
    p.add_argument("--httpload", help="httpload binary (default: compiled from httpload.c)")
    p.add_argument("--check", action="store_true", help="exit with status 3 when a goal is missed")
    p.add_argument("--json", help="write all results here")
    p.add_argument("--show", help="only print the table of a --json file")
    o = p.parse_args()
    if o.show:
        with open(o.show) as f:
            show(json.load(f))
        return 0
    if not o.server:
        p.error("nothing to measure: --server is missing")
    o.ops, o.connections = o.ops.split(","), [int(c) for c in o.connections.split(",")]
    own = o.tmp = tempfile.mkdtemp(prefix="httpbench-", dir=o.tmp)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        if not o.httpload:
            o.httpload = os.path.join(own, "httpload")
            subprocess.run(["gcc", "-O2", "-o", o.httpload, os.path.join(HERE, "httpload.c")], check=True)
        res = measure(o)
    except RuntimeError as e:
        log("stopped: %s" % e)
        return 1
    finally:
        for s in list(STARTED):
            s.stop()
        shutil.rmtree(own, ignore_errors=True)
    if o.json:
        with open(o.json, "w") as f:
            json.dump(res, f, indent=1)
    missed = show(res)
    return 3 if o.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
