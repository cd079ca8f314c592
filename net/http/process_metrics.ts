/**
 * `process_*` and `jvm_*`: what `metricsProvider.exportJvmInfo` asks for, as far as this process has it. The
 * names are those of the Prometheus client for Java; V8's heap stands where the JVM's would be.
 *
 * From Node's process object, which needs no permission: the runtime lets nobody read /proc without all of
 * them, so `process_virtual_memory_bytes` is left out. So is what V8 has no counterpart for (threads,
 * classes, buffer pools), and the time of its collections, which cannot be had without tracing all of them.
 *
 * @module
 */
import { nodeProcess, nodeV8 } from "../node_modules.ts";
import type { Exposition } from "./exposition.ts";

export interface ProcessMetricsSource {
  /** -1 where it is not known. */
  openFileDescriptorCount(): number;
  /** -1 where it is not known. */
  maxFileDescriptorCount(): number;
}

const MICROS = 1e-6;

export function writeProcessMetrics(out: Exposition, source: ProcessMetricsSource): void {
  const { user, system } = nodeProcess().cpuUsage();
  out.family(
    "process_cpu_seconds_total",
    "counter",
    "Total user and system CPU time spent in seconds.",
  ).sample((user + system) * MICROS);
  out.gauge(
    "process_start_time_seconds",
    "Start time of the process since unix epoch in seconds.",
    performance.timeOrigin / 1000,
  );
  const { rss, heapUsed, heapTotal, external } = Deno.memoryUsage();
  out.gauge("process_resident_memory_bytes", "Resident memory size in bytes.", rss);
  const descriptors = [
    ["process_open_fds", "Number of open file descriptors.", source.openFileDescriptorCount()],
    [
      "process_max_fds",
      "Maximum number of open file descriptors.",
      source.maxFileDescriptorCount(),
    ],
  ] as const;
  for (const [name, help, count] of descriptors) if (count >= 0) out.gauge(name, help, count);

  const { heap_size_limit } = nodeV8().getHeapStatistics();
  const areas = [
    ["jvm_memory_bytes_used", "Used bytes of a given memory area.", heapUsed, external],
    [
      "jvm_memory_bytes_committed",
      "Committed (bytes) of a given memory area.",
      heapTotal,
      external,
    ],
    ["jvm_memory_bytes_max", "Max (bytes) of a given memory area.", heap_size_limit, -1],
  ] as const;
  for (const [name, help, heap, nonHeap] of areas) {
    out.family(name, "gauge", help).sample(heap, { area: "heap" }).sample(nonHeap, {
      area: "nonheap",
    });
  }
  out.gauge("jvm_info", "VM version info", 1, {
    runtime: `Deno ${Deno.version.deno}`,
    vendor: "Deno Land",
    version: `V8 ${Deno.version.v8}`,
  });
}
