import assert from "node:assert/strict";
import { ConfigError } from "../../cli/config_error.ts";
import { type LoggingConfig, loggingConfigOf } from "../../cli/logging_config.ts";
import { makeTempDir } from "../support/temp_dir.ts";

interface Given {
  readonly files?: Readonly<Record<string, string>>;
  readonly properties?: Readonly<Record<string, string>>;
  readonly variables?: Readonly<Record<string, string>>;
  readonly flags?: { level?: string; format?: string; file?: string };
}

/** With DIR for the directory of the config file. */
function configOf(
  { files = {}, properties = {}, variables = {}, flags = {} }: Given,
): LoggingConfig {
  using dir = makeTempDir();
  for (const [name, text] of Object.entries(files)) {
    Deno.writeTextFileSync(`${dir.path}/${name}`, text);
  }
  const config = loggingConfigOf({
    configPath: `${dir.path}/zoo.cfg`,
    properties: new Map(Object.entries(properties)),
    environment: (name) => variables[name],
    ...flags,
  });
  return JSON.parse(JSON.stringify(config).replaceAll(dir.path, "DIR"));
}

const LOG4J = `
zookeeper.root.logger=INFO, CONSOLE
zookeeper.console.threshold=INFO
zookeeper.log.dir=/var/log/file
zookeeper.log.file=zookeeper.log
zookeeper.log.threshold=DEBUG
zookeeper.tracelog.dir=/var/log/trace
zookeeper.tracelog.file=trace.log
log4j.rootLogger=\${zookeeper.root.logger}
log4j.appender.CONSOLE=org.apache.log4j.ConsoleAppender
log4j.appender.CONSOLE.Threshold=\${zookeeper.console.threshold}
log4j.appender.ROLLINGFILE=org.apache.log4j.RollingFileAppender
log4j.appender.ROLLINGFILE.Threshold=\${zookeeper.log.threshold}
log4j.appender.ROLLINGFILE.File=\${zookeeper.log.dir}/\${zookeeper.log.file}
log4j.appender.ROLLINGFILE.MaxFileSize=10MB
log4j.appender.ROLLINGFILE.MaxBackupIndex=7
log4j.appender.TRACEFILE=org.apache.log4j.FileAppender
log4j.appender.TRACEFILE.Threshold=TRACE
log4j.appender.TRACEFILE.File=\${zookeeper.tracelog.dir}/\${zookeeper.tracelog.file}
`;

const LOGBACK = `<configuration>
  <property name="zookeeper.console.threshold" value="WARN" />
  <property name="zookeeper.log.dir" value="/var/log/back" />
  <property name="zookeeper.log.file" value='zk.log' />
  <property name="zookeeper.log.maxfilesize" value="1GB" />
  <property name="zookeeper.log.maxbackupindex" value="3" />
  <!-- <property name="zookeeper.log.file" value="not.log" /> -->
  <root level="DEBUG">
    <appender-ref ref="CONSOLE" />
    <appender-ref ref="ROLLINGFILE" />
    <!-- <appender-ref ref="TRACEFILE" /> -->
  </root>
</configuration>`;

Deno.test("loggingConfigOf() logs INFO to stderr unless told otherwise", () => {
  assert.deepEqual(configOf({}), {
    format: "text",
    threshold: "info",
    stderrThreshold: "info",
    files: [],
    ignoredAppenders: [],
    sourcePath: null,
  });
});

Deno.test("loggingConfigOf() reads log4j.properties, and lets -D and the environment win", () => {
  const files = { "log4j.properties": LOG4J };
  assert.deepEqual(configOf({ files }), {
    format: "text",
    threshold: "info",
    stderrThreshold: "info",
    files: [],
    ignoredAppenders: [],
    sourcePath: "DIR/log4j.properties",
  });
  const rolling = configOf({
    files,
    variables: { ZOO_LOG4J_PROP: "WARN,ROLLINGFILE,TRACEFILE", ZOO_LOG_DIR: "/logs" },
  });
  assert.equal(rolling.threshold, "warn");
  assert.equal(rolling.stderrThreshold, null);
  assert.deepEqual(rolling.files, [
    {
      path: "/logs/zookeeper.log",
      threshold: "debug",
      fileBytesMax: 10 * 1024 * 1024,
      backupCount: 7,
    },
    {
      path: "/var/log/trace/trace.log",
      threshold: "debug",
      fileBytesMax: 256 * 1024 * 1024,
      backupCount: 20,
    },
  ]);
  const defined = configOf({
    files,
    variables: { ZOO_LOG_DIR: "/logs" },
    properties: {
      "zookeeper.root.logger": "DEBUG, CONSOLE, ROLLINGFILE",
      "zookeeper.console.threshold": "ERROR",
      "zookeeper.log.dir": "/defined",
      "zookeeper.log.file": "own.log",
      "zookeeper.log.threshold": "INFO",
      "zookeeper.log.maxfilesize": "5KB",
    },
  });
  assert.equal(defined.threshold, "debug");
  assert.equal(defined.stderrThreshold, "error");
  assert.deepEqual(defined.files, [
    { path: "/defined/own.log", threshold: "info", fileBytesMax: 5120, backupCount: 7 },
  ]);
});

Deno.test("loggingConfigOf() reads the properties and the root of logback.xml", () => {
  const files = { "logback.xml": LOGBACK, "log4j.properties": LOG4J };
  assert.deepEqual(configOf({ files }), {
    format: "text",
    threshold: "debug",
    stderrThreshold: "warn",
    files: [
      { path: "/var/log/back/zk.log", threshold: "info", fileBytesMax: 2 ** 30, backupCount: 3 },
    ],
    ignoredAppenders: [],
    sourcePath: "DIR/logback.xml",
  });
});

Deno.test("loggingConfigOf() logs to stderr when the root logger is a property nobody has set", () => {
  const log4j = "log4j.rootLogger=${zookeeper.root.logger}\n" + // as in Debian's package zookeeper
    "log4j.appender.CONSOLE=org.apache.log4j.ConsoleAppender\n";
  const config = configOf({ files: { "log4j.properties": log4j } });
  assert.equal(config.threshold, "info");
  assert.equal(config.stderrThreshold, "info");
});

Deno.test("loggingConfigOf() takes file, threshold and sizes from the appenders of logback.xml", () => {
  const logback = `<configuration>
    <property name="dir" value="/var/log/zk" />
    <appender name="STDOUT" class="ch.qos.logback.core.ConsoleAppender">
      <filter class="ch.qos.logback.classic.filter.ThresholdFilter"><level>WARN</level></filter>
    </appender>
    <appender name="FILE" class="ch.qos.logback.core.rolling.RollingFileAppender">
      <File>\${dir}/server.log</File>
      <rollingPolicy class="x.FixedWindowRollingPolicy"><maxIndex>4</maxIndex></rollingPolicy>
      <triggeringPolicy class="x.Size"><MaxFileSize>5MB</MaxFileSize></triggeringPolicy>
    </appender>
    <root level="INFO"><appender-ref ref="STDOUT" /><appender-ref ref="FILE" /></root>
  </configuration>`;
  const { stderrThreshold, files } = configOf({ files: { "logback.xml": logback } });
  assert.equal(stderrThreshold, "warn");
  assert.deepEqual(files, [{
    path: "/var/log/zk/server.log",
    threshold: "info",
    fileBytesMax: 5 * 1024 * 1024,
    backupCount: 4,
  }]);
});

Deno.test("loggingConfigOf() writes nothing for appenders that are not known, but to stderr at least", () => {
  const log4j = "log4j.appender.SYSLOG=org.apache.log4j.net.SyslogAppender\n";
  const cases = [
    { root: "INFO, CONSOL", ignored: ["CONSOL"], stderr: "info" },
    { root: "INFO, SYSLOG", ignored: ["SYSLOG"], stderr: "info" },
    { root: "WARN, CONSOLE, SYSLOG", ignored: ["SYSLOG"], stderr: "info" },
    { root: "INFO", ignored: [], stderr: null }, // as log4j: no appender was asked for
  ];
  for (const { root, ignored, stderr } of cases) {
    const { ignoredAppenders, stderrThreshold, files } = configOf({
      files: { "log4j.properties": log4j },
      variables: { ZOO_LOG4J_PROP: root },
    });
    assert.deepEqual({ ignoredAppenders, stderrThreshold, files }, {
      ignoredAppenders: ignored,
      stderrThreshold: stderr,
      files: [],
    }, root);
  }
});

Deno.test("loggingConfigOf() reads the file that -D names", () => {
  using dir = makeTempDir();
  const path = `${dir.path}/mine.properties`;
  Deno.writeTextFileSync(
    path,
    "log4j.rootLogger=ERROR, OUT\nlog4j.appender.OUT=x.ConsoleAppender\n",
  );
  const config = configOf({ properties: { "log4j.configuration": `file:${path}` } });
  assert.equal(config.threshold, "error");
  assert.equal(config.stderrThreshold, "info");
  assert.equal(config.sourcePath, path);
});

Deno.test("loggingConfigOf() puts flags above all", () => {
  const given = {
    files: { "log4j.properties": LOG4J },
    properties: { "zookeeper.root.logger": "INFO, CONSOLE" },
  };
  const debug = configOf({ ...given, flags: { level: "debug", format: "json" } });
  assert.equal(debug.format, "json");
  assert.equal(debug.threshold, "debug");
  assert.equal(debug.stderrThreshold, "debug");
  const file = configOf({ ...given, flags: { file: "/tmp/own.log" } });
  assert.equal(file.stderrThreshold, null);
  assert.deepEqual(file.files.map(({ path }) => path), ["/tmp/own.log"]);
});

Deno.test("loggingConfigOf() refuses what is no level, form or size", () => {
  const cases: [given: Given, problem: RegExp][] = [
    [{ flags: { level: "loud" } }, /^--log-level cannot be "loud": expected one of all, trace, /],
    [{ flags: { format: "xml" } }, /^--log-format cannot be "xml": expected text or json/],
    [{ variables: { ZOO_LOG4J_PROP: "LOUD" } }, /^root logger cannot be "LOUD"/],
    [{
      properties: {
        "zookeeper.root.logger": "INFO,ROLLINGFILE",
        "zookeeper.log.maxfilesize": "big",
      },
    }, /^zookeeper.log.maxfilesize cannot be "big"/],
    [{
      properties: {
        "zookeeper.root.logger": "INFO,ROLLINGFILE",
        "zookeeper.log.maxbackupindex": "-1",
      },
    }, /^zookeeper.log.maxbackupindex cannot be "-1"/],
    [{ properties: { "log4j.configuration": "/no/such/file" } }, /^Cannot read "\/no\/such\/file"/],
    [{ properties: { "logback.configurationFile": "/no/x.xml" } }, /^Cannot read "\/no\/x.xml"/],
  ];
  for (const [given, problem] of cases) {
    assert.throws(() => configOf(given), (error: ConfigError) => {
      assert.match(error.problems[0]!, problem);
      return true;
    });
  }
});
