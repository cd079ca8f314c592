#!/usr/bin/env python3
"""How long programs take to be of use, side by side in one run: a server from the command to its first answered
request, and the shell for one `ls /`. A is one executable file of this project (`deno task compile`), B what Debian's
package zookeeper brings: zkServer.sh and zkCli.sh. Prints medians, and ratios against the goal of 8."""
import argparse, os, shutil, signal, socket, statistics, struct, subprocess, tempfile, time

JAVA = ["java", "-cp", "/etc/zookeeper/conf:/usr/share/java/zookeeper.jar", "org.apache.zookeeper.server.quorum.QuorumPeerMain"]
SCRIPTS = "/usr/share/zookeeper/bin"
GOAL = 8


def frame(body):
    return struct.pack(">i", len(body)) + body


def receive(conn):
    data = b""
    while len(data) < 4 or len(data) < 4 + struct.unpack(">i", data[:4])[0]:
        more = conn.recv(4096)
        if not more:
            raise OSError("closed")
        data += more
    return data[4:]


def answered(port):
    """Makes a session, reads the root's children, and ends the session."""
    with socket.create_connection(("127.0.0.1", port), timeout=1) as conn:
        conn.sendall(frame(struct.pack(">iqiqi16s?", 0, 0, 10000, 0, 16, b"", False)))
        receive(conn)
        conn.sendall(frame(struct.pack(">iii1s?", 1, 8, 1, b"/", False)))
        xid, _, err = struct.unpack(">iqi", receive(conn)[:16])
        conn.sendall(frame(struct.pack(">ii", 2, -11)))
        return xid == 1 and err == 0


class Server:
    def __init__(self, command, port):
        self.dir = tempfile.mkdtemp(prefix="startup-")
        config = self.dir + "/zoo.cfg"
        with open(config, "w") as file:
            file.write("dataDir=%s/data\nclientPort=%d\nadmin.serverPort=%d\n4lw.commands.whitelist=srvr\n" % (self.dir, port, port + 1))
        began = time.monotonic()
        env = {**os.environ, "ZOO_LOG_DIR": self.dir}
        self.process = subprocess.Popen(command + [config], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, env=env, start_new_session=True)
        while True:
            try:
                if answered(port):
                    break
            except OSError:
                pass
            if self.process.poll() is not None:
                raise SystemExit("%s ended with %d before it answered" % (" ".join(command), self.process.returncode))
            if time.monotonic() - began > 60:
                raise SystemExit("%s does not answer at port %d after 60 s" % (" ".join(command), port))
            time.sleep(0.001)
        self.seconds = time.monotonic() - began

    def stop(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


def run(command):
    """Wall and processor seconds of a command that must end well."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit("%s ended with %d" % (" ".join(command), os.waitstatus_to_exitcode(status)))
    return time.monotonic() - began, usage.ru_utime + usage.ru_stime


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--executable", required=True, help="what deno task compile made")
    p.add_argument("--rounds", type=int, default=10)
    p.add_argument("--port", type=int, default=25400, help="this one and the next are used")
    o = p.parse_args()
    ours = [os.path.abspath(o.executable)]
    subprocess.run(ours + ["version"], check=True, stdout=subprocess.DEVNULL)  # it unpacks itself the first time
    servers = {"ours": ours + ["start-foreground"], "zkServer.sh": [SCRIPTS + "/zkServer.sh", "start-foreground"], "java": JAVA}
    shells = {"ours": ours + ["cli"], "zkCli.sh": [SCRIPTS + "/zkCli.sh"]}
    starts = {name: [] for name in servers}
    walls = {(shell, server): [] for shell in shells for server in ("ours", "java")}
    cpus = {key: [] for key in walls}
    for _ in range(o.rounds):
        for name, command in servers.items():
            server = Server(command, o.port)
            starts[name].append(server.seconds)
            if name != "zkServer.sh":
                for shell, words in shells.items():
                    wall, cpu = run(words + ["-server", "127.0.0.1:%d" % o.port, "ls", "/"])
                    walls[shell, name].append(wall)
                    cpus[shell, name].append(cpu)
            server.stop()
    row = "%-46s %8s %8s  %s"
    print(row % ("median of %d" % o.rounds, "ours", "theirs", "ratio (goal %d)" % GOAL))

    def compare(what, a, b):
        a, b = statistics.median(a), statistics.median(b)
        print(row % (what, "%.3f s" % a, "%.3f s" % b, "%.1f" % (b / a)))

    compare("start to first answer, zkServer.sh", starts["ours"], starts["zkServer.sh"])
    compare("start to first answer, java itself", starts["ours"], starts["java"])
    for server, of in (("ours", "our server"), ("java", "Java's server")):
        compare("ls / at %s, zkCli.sh" % of, walls["ours", server], walls["zkCli.sh", server])
        compare("ls / at %s, processor time" % of, cpus["ours", server], cpus["zkCli.sh", server])


main()
