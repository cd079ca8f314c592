/**
 * What `denkeeper manifests` prints: it parses, the server understands the settings in it, its scripts run, and what it
 * asks for is there. No container engine is needed for any of it.
 */
import assert from "node:assert/strict";
import { parse, parseAllDocuments } from "yaml";
import { loadConfig } from "../../../cli/config_loader.ts";
import { dockerfile, IMAGE_VARIABLES } from "../../../cli/manifests/container_image.ts";
import { healthOpenApi } from "../../../net/http/health.ts";
import { CommandFolder } from "../../support/denkeeper_command.ts";
import { testWith } from "../../support/prerequisites.ts";

// deno-lint-ignore no-explicit-any
type Yaml = any;

async function printed(...args: string[]): Promise<string> {
  await using folder = new CommandFolder();
  const { code, stdout, stderr } = await folder.run("manifests", ...args);
  assert.deepEqual([code, stderr], [0, ""]);
  return stdout;
}

async function documents(...args: string[]): Promise<Yaml[]> {
  return parseAllDocuments(await printed(...args)).map((document) => {
    assert.deepEqual([document.errors, document.warnings], [[], []]);
    return document.toJS();
  });
}

/** As the server in a container of the image reads its settings; the data directory is not there. */
function configWith(variables: Readonly<Record<string, string>>) {
  const environment = { ...IMAGE_VARIABLES, ...variables };
  return loadConfig({
    file: undefined,
    configDir: undefined,
    defines: [],
    environment: (name) => environment[name],
  });
}

const hostsOf = ({ config }: ReturnType<typeof configWith>) =>
  config.ensemble.servers.map(({ serverId, addresses }) => `${serverId}=${addresses[0]!.host}`);

Deno.test("the compose file's members are one ensemble, each with its own id and volumes", async () => {
  const { services, volumes } = parse(await printed("compose", "--members", "5", "--name", "zk"));
  const names = Object.keys(services);
  assert.deepEqual(names, ["zk-1", "zk-2", "zk-3", "zk-4", "zk-5"]);
  const used = names.flatMap((name, i) => {
    const { environment, hostname, ports, volumes } = services[name];
    const loaded = configWith(environment);
    assert.equal(loaded.config.myid, i + 1);
    assert.equal(loaded.config.ensemble.isMember, true);
    assert.deepEqual(hostsOf(loaded), names.map((host, j) => `${j + 1}=${host}`));
    assert.equal(hostname, name);
    assert.deepEqual(ports, [`${2181 + i}:2181`, `${8080 + i}:8080`]);
    assert.deepEqual(loaded.notices.filter(({ level }) => level === "warn"), []);
    return volumes.map((volume: string) => {
      const [source, target] = volume.split(":");
      assert.match(target!, /^\/data(log)?$/);
      return source;
    });
  });
  assert.deepEqual(Object.keys(volumes), used);
  assert.equal(new Set(used).size, used.length);
});

Deno.test("each pod of the StatefulSet gets the id of its line, and finds the others by their names", async () => {
  const [client, headless, budget, set] = await documents(
    "statefulset",
    "--members",
    "3",
    "--name",
    "zk",
  );
  assert.deepEqual([client, headless, budget, set].map(({ kind }) => kind), [
    "Service",
    "Service",
    "PodDisruptionBudget",
    "StatefulSet",
  ]);
  const { spec } = set;
  const { containers: [container], ...pod } = spec.template.spec;
  assert.equal(spec.serviceName, headless.metadata.name);
  assert.equal(headless.spec.clusterIP, "None");
  for (
    const selector of [client.spec.selector, headless.spec.selector, spec.selector.matchLabels]
  ) {
    assert.deepEqual(selector, spec.template.metadata.labels);
  }
  const variables = Object.fromEntries(
    container.env.flatMap(({ name, value }: Yaml) => value === undefined ? [] : [[name, value]]),
  );
  for (let ordinal = 0; ordinal < spec.replicas; ordinal++) {
    const [shell, ...flags] = container.command;
    // The shell's own line, with a program in the server's place that says what it gets.
    await using folder = new CommandFolder();
    folder.write("denkeeper", '#!/bin/sh\necho "$ZOO_MY_ID $*"\n');
    Deno.chmodSync(`${folder.path}/denkeeper`, 0o755);
    const { stdout } = await new Deno.Command(shell, {
      args: [...flags, ...container.args],
      clearEnv: true,
      env: { POD_NAME: `zk-${ordinal}`, PATH: `${folder.path}:/usr/bin:/bin` },
    }).output();
    const [id, ...command] = new TextDecoder().decode(stdout).trim().split(" ");
    assert.deepEqual(command, ["start-foreground"]);
    const loaded = configWith({ ...variables, ZOO_MY_ID: id! });
    assert.equal(loaded.config.myid, ordinal + 1);
    assert.equal(loaded.config.ensemble.isMember, true);
    assert.equal(hostsOf(loaded)[ordinal], `${ordinal + 1}=zk-${ordinal}.zk-headless`);
    assert.deepEqual([loaded.config.dataDir, loaded.config.dataLogDir], ["/data", "/datalog"]);
  }
  for (const probe of ["startupProbe", "livenessProbe", "readinessProbe"]) {
    const { path, port } = container[probe].httpGet;
    assert.ok(path in healthOpenApi, path);
    assert.ok(container.ports.some(({ name }: Yaml) => name === port));
  }
  const servicePorts = [...client.spec.ports, ...headless.spec.ports];
  for (const { targetPort, port } of servicePorts) {
    assert.ok(
      container.ports.some(({ name, containerPort }: Yaml) =>
        name === targetPort && containerPort === port
      ),
      targetPort,
    );
  }
  const claims = spec.volumeClaimTemplates.map(({ metadata }: Yaml) => metadata.name);
  assert.deepEqual(container.volumeMounts.map(({ name, mountPath }: Yaml) => [name, mountPath]), [
    [claims[0], "/data"],
    [claims[0], "/datalog"],
  ]);
  assert.equal(pod.securityContext.runAsUser, pod.securityContext.fsGroup);
  assert.deepEqual([spec.replicas, budget.spec.maxUnavailable, pod.enableServiceLinks], [
    3,
    1,
    false,
  ]);
});

Deno.test("the sidecar serves its own pod only", async () => {
  const [pod] = await documents("sidecar", "--memory", "256Mi");
  const [server] = pod.spec.initContainers;
  assert.equal(server.restartPolicy, "Always");
  assert.deepEqual(server.resources.limits, { memory: "256Mi" });
  const variables = Object.fromEntries(server.env.map(({ name, value }: Yaml) => [name, value]));
  const { config } = configWith(variables);
  assert.equal(config.ensemble.isMember, false);
  assert.equal(`${config.clientPortAddress}:${config.clientPort}`, "127.0.0.1:2181");
  assert.equal(`${config.http.address}:${config.http.port}`, "127.0.0.1:8080");
  await using folder = new CommandFolder();
  for (const probe of ["startupProbe", "livenessProbe", "readinessProbe"]) {
    const [program, ...args] = server[probe].exec.command;
    assert.equal(program, "denkeeper");
    // nothing answers at these ports, which is another failure than a command that does not exist
    const { code } = await folder.run(...args, "--url", "http://127.0.0.1:1");
    assert.equal(code, 1, args.join(" "));
  }
});

Deno.test("the official image's variables mean in the Dockerfile's what they mean there", () => {
  const one = configWith({});
  assert.deepEqual([one.config.myid, one.config.ensemble.isMember, one.config.clientPort], [
    1,
    false,
    2181,
  ]);
  const servers =
    "server.1=a:2888:3888;2181 server.2=b:2888:3888;2181 server.4=c:2888:3888:observer;2181";
  const { config } = configWith({
    ZOO_MY_ID: "4",
    ZOO_SERVERS: servers,
    ZOO_TICK_TIME: "1234",
    ZOO_MAX_CLIENT_CNXNS: "7",
    ZOO_CFG_EXTRA: "metricsProvider.httpPort=7000 sslQuorum=false",
    ZOO_4LW_COMMANDS_WHITELIST: "srvr, ruok",
  });
  assert.deepEqual([config.myid, config.ensemble.peerType, config.tickTimeMs], [
    4,
    "observer",
    1234,
  ]);
  assert.deepEqual([...config.fourLetterWords].sort(), ["ruok", "srvr"]);
  assert.throws(() => configWith({ ZOO_MY_ID: "one" }), /ZOO_MY_ID cannot be "one"/);
  assert.throws(
    () => configWith({ ZOO_TICK_TIME: "soon" }),
    /ZOO_TICK_TIME: tickTime cannot be "soon"/,
  );
});

Deno.test("the Dockerfile's steps run, as far as they need no other root directory", async () => {
  const text = dockerfile();
  const unfolded = text.replace(/\\\n\s*/g, "").split("\n").filter((line) => !/^(#|$)/.test(line));
  const step = (name: string) =>
    unfolded.filter((line) => line.startsWith(`${name} `)).map((line) =>
      line.slice(name.length + 1)
    );
  assert.deepEqual([...new Set(unfolded.map((line) => line.split(" ")[0]))], [
    ...["FROM", "COPY", "RUN", "ENV", "USER", "WORKDIR", "VOLUME", "EXPOSE", "STOPSIGNAL"],
    ...["HEALTHCHECK", "CMD"],
  ]);
  await using folder = new CommandFolder();
  const root = folder.path;
  const [steps] = step("RUN");
  // Users and owners are root's to make; all else is made below another folder.
  const moved = steps!.replace(/ (\/[a-z/]+)/g, ` ${root}$1`).replace(/>(\/[a-z])/g, `>${root}$1`)
    .replaceAll("=/opt", `=${root}/opt`);
  for (const dir of ["bin", "usr/local/bin", "opt/denkeeper"]) {
    Deno.mkdirSync(`${root}/${dir}`, { recursive: true });
  }
  const program = (name: string, script: string) => {
    Deno.writeTextFileSync(`${root}/bin/${name}`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  };
  for (const name of ["groupadd", "useradd", "chown"]) program(name, `echo ${name} "$@"`);
  program("denkeeper", 'echo "denkeeper<$#> $* in $DENKEEPER_CACHE"');
  const env = { PATH: `${root}/bin:/usr/bin:/bin` };
  const sh = async (...args: string[]) => {
    const { code, stdout, stderr } = await new Deno.Command("/bin/sh", {
      args,
      env,
      clearEnv: true,
    }).output();
    const decoder = new TextDecoder();
    assert.deepEqual([code, decoder.decode(stderr)], [0, ""]);
    return decoder.decode(stdout);
  };
  const said = await sh("-c", moved);
  assert.match(said, /^groupadd --gid 1000 zookeeper\nuseradd --uid 1000 --gid zookeeper /);
  assert.match(said, new RegExp(`^denkeeper<1> version in ${root}/opt/denkeeper$`, "m"));
  for (const dir of ["conf", "data", "datalog", "logs"]) assert.ok(folder.has(dir), dir);
  assert.equal(
    await sh(`${root}/usr/local/bin/zkServer.sh`, "start-foreground"),
    "denkeeper<1> start-foreground in \n",
  );
  assert.equal(
    await sh(`${root}/usr/local/bin/zkCli.sh`, "-server", "a:1", "get", "/a b"),
    "denkeeper<5> cli -server a:1 get /a b in \n",
  );
  assert.deepEqual(JSON.parse(step("CMD")[0]!), ["denkeeper", "start-foreground"]);
  assert.deepEqual(JSON.parse(/CMD (.*)$/.exec(step("HEALTHCHECK")[0]!)![1]!), [
    "denkeeper",
    "health",
  ]);
  assert.deepEqual(step("USER"), ["1000:1000"]);
});

testWith(["systemd"], "systemd understands the unit", async () => {
  await using folder = new CommandFolder();
  const unit = await printed("systemd", "--executable", "/bin/true", "--memory-max", "1G");
  assert.match(unit, /^MemoryMax=1G$/m);
  // A user that is there: who runs it makes the one it names.
  folder.write("denkeeper.service", unit.replaceAll("=zookeeper\n", "=root\n"));
  const { code, stdout, stderr } = await folder.runProgram([
    "systemd-analyze",
    "verify",
    "--man=no",
    `${folder.path}/denkeeper.service`,
  ]);
  assert.deepEqual(
    [code, stdout, stderr.split("\n").filter((line) => line.includes("denkeeper"))],
    [0, "", []],
  );
});

Deno.test("what cannot be in a manifest is refused", async () => {
  await using folder = new CommandFolder();
  for (
    const [kind, flag, value] of [
      ["compose", "--members", "0"],
      ["statefulset", "--members", "three"],
      ["statefulset", "--name", "Zoo_Keeper"],
      ["statefulset", "--storage", "8GB"],
      ["sidecar", "--memory", "lots"],
      ["systemd", "--memory-max", "1 G"],
    ] as const
  ) {
    const { code, stdout, stderr } = await folder.run("manifests", kind, flag, value);
    assert.deepEqual([code, stdout], [2, ""], flag);
    assert.match(stderr, new RegExp(`'${flag} .*' argument '${value}' is invalid`));
  }
});
