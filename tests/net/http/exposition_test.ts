import assert from "node:assert/strict";
import { Histogram } from "../../../core/metrics/histogram.ts";
import { Exposition, negotiateFormat } from "../../../net/http/exposition.ts";

Deno.test("Exposition escapes help and labels, and writes what is no finite number", () => {
  const out = new Exposition("text");
  out.family("a", "gauge", 'back\\slash, "quotes"\nand lines');
  out.sample(NaN).sample(Infinity, { key: 'a"b\\c\nd' }).sample(-Infinity, { x: "1", y: "2" });
  assert.equal(
    out.finish(),
    '# HELP a back\\\\slash, "quotes"\\nand lines\n# TYPE a gauge\na NaN\n' +
      'a{key="a\\"b\\\\c\\nd"} +Inf\na{x="1",y="2"} -Inf\n',
  );
});

Deno.test("Exposition names counters and ends as each format wants it", () => {
  const written = (format: "text" | "openMetrics") =>
    new Exposition(format).family("n_total", "counter", '"n"').sample(3)
      .family("old", "unknown", "o").sample(4).finish();
  assert.equal(
    written("text"),
    '# HELP n_total "n"\n# TYPE n_total counter\nn_total 3\n' +
      "# HELP old o\n# TYPE old untyped\nold 4\n",
  );
  assert.equal(
    written("openMetrics"),
    '# HELP n \\"n\\"\n# TYPE n counter\nn_total 3\n' +
      "# HELP old o\n# TYPE old unknown\nold 4\n# EOF\n",
  );
});

Deno.test("Exposition.histogram() adds up its buckets, in the unit that is shown", () => {
  const histogram = new Histogram([0.1, 10, 1000]);
  for (const ms of [0.05, 7, 7, 2000]) histogram.observe(ms);
  const out = new Exposition("text").family("h", "histogram", "h");
  const lines = out.histogram(histogram, { op: "x" }, 1e-3).finish().trimEnd().split("\n").slice(2);
  assert.deepEqual(lines, [
    'h_bucket{op="x",le="0.0001"} 1',
    'h_bucket{op="x",le="0.01"} 3',
    'h_bucket{op="x",le="1.0"} 3',
    'h_bucket{op="x",le="+Inf"} 4',
    `h_sum{op="x"} ${2014.05 * 1e-3}`,
    'h_count{op="x"} 4',
  ]);
});

Deno.test("negotiateFormat() gives OpenMetrics to who prefers it, and text to all others", () => {
  const cases: [accept: string | null, format: string][] = [
    [null, "text"],
    ["*/*", "text"],
    ["text/plain", "text"],
    ["application/openmetrics-text", "openMetrics"],
    ["application/openmetrics-text; version=1.0.0; charset=utf-8", "openMetrics"],
    ["application/openmetrics-text;version=2.0.0", "text"],
    // what Prometheus 2.53 sends
    [
      "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;" +
      "q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
      "openMetrics",
    ],
    ["application/openmetrics-text;q=0.2, text/plain;q=0.9", "text"],
    ["application/openmetrics-text;q=0", "text"],
    [";;,,q=", "text"],
  ];
  for (const [accept, format] of cases) assert.equal(negotiateFormat(accept), format, `${accept}`);
});
