/**
 * Data directories written by Java 3.8.0, opened by our server: what a client then reads is what the
 * Java server showed of them.
 *
 * @module
 */
import assert from "node:assert/strict";
import { ServerProcess } from "../support/server_process.ts";
import { makeTempDir } from "../support/temp_dir.ts";
import { dumpTree, SUPER_PROPERTIES } from "../support/tree_dump.ts";

interface Stat {
  readonly czxid: string;
  readonly mzxid: string;
  readonly ctime: number;
  readonly mtime: number;
  readonly version: number;
  readonly cversion: number;
  readonly aversion: number;
  readonly ephemeralOwner: string;
  readonly dataLength: number;
  readonly numChildren: number;
  readonly pzxid: string;
}

interface Acl {
  readonly perms: number;
  readonly id: { readonly scheme: string; readonly id: string };
}

interface FullNode {
  readonly data: string | null;
  readonly stat: Stat;
  readonly acl: readonly Acl[];
}

/**
 * A node of the large fixture: data, index into `acls`, czxid, mzxid, pzxid, ctime, mtime, version,
 * cversion as it is stored, aversion, owner.
 */
type CompactNode = readonly [
  string | null,
  number,
  string,
  string,
  string,
  number,
  number,
  number,
  number,
  number,
  string,
];

interface Tree {
  readonly nodes: Readonly<Record<string, FullNode | CompactNode>>;
  readonly acls?: readonly (readonly Acl[])[];
}

/** Where the files are and where they go: snapshots into dataDir, logs into dataLogDir. */
const fixtures = [
  {
    name: "standalone",
    tree: "standalone",
    snapshots: "standalone/data",
    logs: "standalone/datalog",
  },
  { name: "fuzzy snapshot", tree: "fuzzy", snapshots: "fuzzy", logs: "fuzzy" },
  { name: "old format", tree: "old-format", snapshots: "old-format", logs: "old-format" },
  { name: "gz snapshot", tree: "standalone", file: "snapshots-compressed/snapshot.5a.gz" },
  { name: "snappy snapshot", tree: "standalone", file: "snapshots-compressed/snapshot.5a.snappy" },
] as const;

for (const fixture of fixtures) {
  Deno.test(`a dataDir of Java 3.8.0 shows its tree: ${fixture.name}`, async () => {
    using dir = makeTempDir();
    const [dataDir, dataLogDir] = [`${dir.path}/data`, `${dir.path}/log`];
    if ("file" in fixture) {
      Deno.mkdirSync(`${dataDir}/version-2`, { recursive: true });
      const name = fixture.file.split("/").at(-1);
      Deno.copyFileSync(testdata(fixture.file), `${dataDir}/version-2/${name}`);
    } else {
      copyFiles(testdata(`${fixture.snapshots}/version-2`), `${dataDir}/version-2`, "snapshot.");
      copyFiles(testdata(`${fixture.logs}/version-2`), `${dataLogDir}/version-2`, "log.");
    }
    await using server = await ServerProcess.start("denkeeper", {
      dataDir,
      config: { dataLogDir, extendedTypesEnabled: true },
      properties: SUPER_PROPERTIES,
    });
    const tree = JSON.parse(Deno.readTextFileSync(testdata(`${fixture.tree}/tree.json`)));
    assert.deepEqual(await dumpTree(server.clientPort), expectedLines(tree));
  });
}

function testdata(path: string): string {
  return new URL(`../testdata/${path}`, import.meta.url).pathname;
}

function copyFiles(from: string, to: string, prefix: string): void {
  Deno.mkdirSync(to, { recursive: true });
  for (const { name } of Deno.readDirSync(from)) {
    if (name.startsWith(prefix)) Deno.copyFileSync(`${from}/${name}`, `${to}/${name}`);
  }
}

/** The tree in the form of {@linkcode dumpTree}. */
function expectedLines(tree: Tree): string[] {
  return Object.entries(tree.nodes).map(([path, node]) => {
    const { data, stat, acl } = isCompact(node) ? unpack(path, node, tree) : node;
    const zxid = (text: string) => BigInt(text).toString();
    const fields = [
      `czxid=${zxid(stat.czxid)} mzxid=${zxid(stat.mzxid)} ctime=${stat.ctime}`,
      `mtime=${stat.mtime} version=${stat.version} cversion=${stat.cversion}`,
      `aversion=${stat.aversion} owner=${BigInt(stat.ephemeralOwner).toString(16)}`,
      `dataLength=${stat.dataLength} numChildren=${stat.numChildren} pzxid=${zxid(stat.pzxid)}`,
    ];
    const entries = acl.map(({ perms, id }) => `${perms}:${id.scheme}:${id.id}`);
    return `${path} data=${data} ${fields.join(" ")} acl=${entries.join(",")}`;
  }).sort();
}

function isCompact(node: FullNode | CompactNode): node is CompactNode {
  return Array.isArray(node);
}

function unpack(path: string, node: CompactNode, tree: Tree): FullNode {
  const [data, aclIndex, czxid, mzxid, pzxid, ctime, mtime, version, stored, aversion, owner] =
    node;
  const prefix = path === "/" ? "/" : `${path}/`;
  const isChild = (other: string) =>
    other !== "/" && other.startsWith(prefix) && !other.slice(prefix.length).includes("/");
  const numChildren = Object.keys(tree.nodes).filter(isChild).length;
  const stat = {
    czxid,
    mzxid,
    ctime,
    mtime,
    version,
    cversion: 2 * stored - numChildren,
    aversion,
    ephemeralOwner: owner,
    dataLength: (data ?? "").length / 2,
    numChildren,
    pzxid,
  };
  return { data, stat, acl: tree.acls?.[aclIndex] ?? [] };
}
