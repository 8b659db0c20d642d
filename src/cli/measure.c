/* Measures time, makes random data, and says what the machine can do. */
#include "cli/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LEAST_RUNS = 5, MOST_RUNS = 1 << 16 };

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

cli_time cli_measure(fv_status (*run)(void *user), void *user, double seconds)
{
    static double times[MOST_RUNS];
    double end = now() + seconds / 5;
    int runs = 0;
    do {
        if (run(user) != FV_OK) return (cli_time){ 0 };
    } while (now() < end);
    end = now() + seconds;
    while (runs < MOST_RUNS && (runs < LEAST_RUNS || now() < end)) {
        const double begin = now();
        if (run(user) != FV_OK) return (cli_time){ 0 };
        times[runs++] = now() - begin;
    }
    qsort(times, (size_t)runs, sizeof *times, by_size);
    const double median = (times[runs / 2] + times[(runs - 1) / 2]) / 2;
    return (cli_time){ .median = median, .least = times[0] };
}

/* A generator good enough for numbers that only have to differ. */
static uint32_t draw(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

void cli_fill(const fv_tensor *tensor)
{
    const int64_t count = fv_tensor_count(tensor);
    const size_t bytes = fv_dtype_bytes(tensor->dtype);
    uint64_t state = (uint64_t)count;
    for (int64_t i = 0; i < count; i++) {
        const uint32_t drawn = draw(&state);
        const double value = (double)drawn * 0x1p-30 - 1;
        if (tensor->dtype == FV_F64)
            ((double *)tensor->data)[i] = value;
        else if (tensor->dtype == FV_F32)
            ((float *)tensor->data)[i] = (float)value;
        else if (tensor->dtype == FV_BOOL)
            ((uint8_t *)tensor->data)[i] = drawn >> 30 & 1;
        else if (bytes == 1)
            ((uint8_t *)tensor->data)[i] = (uint8_t)(drawn >> 8);
        else if (bytes == 2)
            ((uint16_t *)tensor->data)[i] = (uint16_t)(drawn >> 8);
        else if (bytes == 4)
            ((uint32_t *)tensor->data)[i] = drawn;
        else
            ((int64_t *)tensor->data)[i] = drawn;
    }
}

void cli_fill_classes(const fv_tensor *labels, int64_t classes)
{
    const int64_t count = classes > 0 ? fv_tensor_count(labels) : 0;
    uint64_t state = 0;
    for (int64_t i = 0; i < count; i++)
        ((int64_t *)labels->data)[i] = (int64_t)draw(&state) % classes;
}

fv_tensor cli_batch(fv_context *context, int64_t batch, const fv_shape *shape)
{
    int64_t extents[FV_MAX_RANK] = { batch };
    const int32_t rank = shape->rank < 0 ? -1 : shape->rank + 1;
    for (int32_t i = 1; i < rank; i++) extents[i] = shape->extent[i - 1];
    const fv_tensor tensor =
        fv_tensor_new(context, fv_context_dtype(context), rank, extents);
    cli_fill(&tensor);
    return tensor;
}

fv_machine cli_roofline(fv_context *context, FILE *file)
{
    const fv_machine machine = fv_machine_rates(context);
    const int threads = fv_context_threads(context);
    if (!fv_failed(context))
        fprintf(file,
                "this machine, %s %s: %.1f GFLOP/s a thread, %.1f GFLOP/s and "
                "%.1f GB/s with %d thread%s\n",
                fv_context_isa(context),
                fv_dtype_name(fv_context_dtype(context)),
                machine.thread_flops / 1e9, machine.flops / 1e9,
                machine.bytes / 1e9, threads, threads == 1 ? "" : "s");
    return machine;
}

double cli_roofline_seconds(const fv_machine *machine, double flops,
                            double bytes)
{
    const double compute = flops / machine->flops;
    const double memory = bytes / machine->bytes;
    return compute > memory ? compute : memory;
}
