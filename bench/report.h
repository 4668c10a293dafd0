/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_BENCH_REPORT_H
#define PROA_BENCH_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What all benchmarks share: a clock, medians, and the beginning of their JSON. */

/* CLOCK_MONOTONIC, nanoseconds. */
uint64_t bench_now_ns(void);

/* Sorts `values`. */
double bench_median(double *values, size_t count);

/* Reads the command line of a benchmark: --json, --help; anything else is a usage error. */
bool bench_wants_json(int argc, char **argv, const char *name);

/* {"schema":...,"version":...,"commit":...,"ok":... without the closing brace. */
void bench_json_begin(const char *schema, bool ok);

#endif
