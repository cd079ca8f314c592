/**
 * Reads metrics with a parser that is not ours: that of Prometheus' client for Python, which also refuses what
 * a format forbids.
 *
 * @module
 */
import { PYTHON } from "./prerequisites.ts";

export interface ParsedFamily {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: readonly ParsedSample[];
}

export interface ParsedSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** As Python prints it: `1.0`, `inf`, `nan`. */
  readonly value: string;
}

const SCRIPT = `
import json, sys
if sys.argv[1] == "openMetrics":
    from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
else:
    from prometheus_client.parser import text_string_to_metric_families as parse
print(json.dumps([{"name": family.name, "type": family.type, "help": family.documentation,
    "samples": [{"name": sample.name, "labels": sample.labels, "value": str(sample.value)}
        for sample in family.samples]} for family in parse(sys.stdin.read())]))
`;

/** @throws with the parser's words, when it refuses the text */
export async function parseMetrics(
  text: string,
  format: "text" | "openMetrics",
): Promise<ParsedFamily[]> {
  const python = new Deno.Command(PYTHON, {
    args: ["-c", SCRIPT, format],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = python.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  const { success, stdout, stderr } = await python.output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}
