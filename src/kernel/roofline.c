/* Measures the roofline of the machine: the peak rate of multiply-adds from
 * registers and the bandwidth of a copy through memory. */
#include "kernel/kernel.h"

#include <string.h>

/* Seconds that each measurement takes. */
static const double all_seconds = 0.15;
enum {
    CHAIN = 1 << 16,      /* multiply-adds per chain, about 0.25 ms */
    ITEMS_PER_THREAD = 8, /* of chains */
    COPY_BYTES = 1 << 27, /* read, and as many written */
    COPY_ITEM = 1 << 19   /* bytes of one item */
};

typedef struct measure {
    fv_context *context;
    fv__work *work;
    size_t items;
    char *from, *to;
} measure;

/* Runs as many chains of multiply-adds as the microkernel has accumulators. */
static void multiply(void *argument, size_t item, size_t worker)
{
    const measure *m = argument;
    double sums[32 * 32] = { 0 };

    (void)item, (void)worker;
    m->context->kernels->peak(CHAIN, 0.5, 0.25, sums);
}

static void copy(void *argument, size_t item, size_t worker)
{
    const measure *m = argument;

    (void)worker;
    memcpy(m->to + item * COPY_ITEM, m->from + item * COPY_ITEM, COPY_ITEM);
}

static double seconds_of(measure *m)
{
    double begin = fv__seconds();

    fv__parallel(m->context, m->items, 1e12, m->work, m);
    return fv__seconds() - begin;
}

/* The shortest time of as many runs as all_seconds allow: disturbances only
 * lengthen a run. */
static double shortest(measure *m)
{
    double end = fv__seconds() + all_seconds, least = seconds_of(m);

    while (fv__seconds() < end) {
        double seconds = seconds_of(m);

        if (seconds < least) least = seconds;
    }
    return least;
}

/* FLOP/s of so many items; a single item runs on the calling thread. */
static double multiply_rate(fv_context *context, size_t items)
{
    const fv__kernels *kernels = context->kernels;
    measure m = { context, multiply, items, NULL, NULL };

    return 2.0 * kernels->mr * kernels->nr * CHAIN * (double)items
           / shortest(&m);
}

static double copy_rate(fv_context *context)
{
    measure m = { context, copy, COPY_BYTES / COPY_ITEM, NULL, NULL };
    double rate = 0;

    m.from = fv__allocate_zero(context, FV__DATA, COPY_BYTES);
    m.to = fv__allocate_zero(context, FV__DATA, COPY_BYTES);
    if (m.from && m.to) rate = 2.0 * COPY_BYTES / shortest(&m);
    fv__release(context, m.from);
    fv__release(context, m.to);
    return rate;
}

fv_machine fv_machine_rates(fv_context *context)
{
    fv_machine machine = { 0 };

    if (!fv__ok(context)) return machine;
    machine.thread_flops = machine.flops = multiply_rate(context, 1);
    if (context->threads > 1) {
        double all =
            multiply_rate(context, ITEMS_PER_THREAD * (size_t)context->threads);

        if (all > machine.flops) machine.flops = all;
    }
    machine.bytes = copy_rate(context);
    return machine;
}
