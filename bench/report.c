/* SPDX-License-Identifier: Apache-2.0 */
/* Clock, medians, and the beginning of a benchmark's JSON. */
#include "bench/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proa_build.h"

uint64_t bench_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return x < y ? -1 : x > y;
}

double bench_median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, ascending);
    return count % 2 != 0 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

bool bench_wants_json(int argc, char **argv, const char *name)
{
    bool json = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (strcmp(argv[i], "--help") == 0) {
            printf("usage: %s [--json]\n", name);
            exit(0);
        } else {
            fprintf(stderr, "%s: unknown option %s\n", name, argv[i]);
            exit(2);
        }
    }
    return json;
}

void bench_json_begin(const char *schema, bool ok)
{
    printf("{\"schema\":\"%s\",\"version\":\"%s\",\"commit\":\"%s\",\"ok\":%s", schema,
           PROA_BUILD_VERSION, PROA_BUILD_COMMIT, ok ? "true" : "false");
}
