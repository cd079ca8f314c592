/**
 * What a planted fault is: the check that must find it, and how it is planted.
 *
 * @module
 */
import type { TestBed } from "./test_bed.ts";

export type Plant = readonly [check: string, plant: (bed: TestBed) => unknown];

/** By the code that must be found. */
export type Plants = Readonly<Record<string, Plant>>;
