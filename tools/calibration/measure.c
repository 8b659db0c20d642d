/* Times the algorithms that may be the fastest for a shape. */
#include "calibration.h"

#include "cli/bench.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Algorithms whose predicted time is more than this many times the lowest are
 * left out. */
static const double far = 6;
/* Variants are those that an algorithm takes if one constant is so many times
 * as large or as small. */
static const double apart = 4;

enum { LINE_BYTES = 256 };

typedef struct measurement {
    fv_context *context;
    double seconds; /* of each time; 0: predicted times */
    int64_t shape[SHAPE_NUMBERS];
    fv__geometry geometry;
    fv__direction direction;
    int number; /* of the algorithm */
    const fv__conv_algorithm *algorithm;
    uint64_t variants[MOST_VARIANTS];
    int count;
} measurement;

static double seconds_of(const measurement *m)
{
    const int64_t *n = m->shape;
    const fv_conv_options o = {
        .size = sizeof o,
        .context = m->context,
        .batch = n[0],
        .in_shape = { n[1], n[2], n[3] },
        .num_filters = n[4],
        .kernel = { n[5], n[6] },
        .stride = { n[7], n[8] },
        .padding = { n[9], n[10] },
        .dilation = { n[11], n[12] },
        .groups = n[13],
        .algorithm = (fv_algorithm)m->number,
        .weights_unchanged = 1,
    };
    fv_conv *conv = fv_conv_new(&o);
    double least = 0;

    if (conv)
        least = cli_convolve(m->context, conv, n[0], (fv_conv_pass)m->direction,
                             m->seconds)
                    .least;
    fv_conv_free(conv);
    return least;
}

/* Times the variant that the constants as they are lead to, unless it has been
 * timed. */
static void measure_variant(measurement *m)
{
    const uint64_t variant =
        shape_variant(m->number, &m->geometry, m->direction);
    double seconds;

    for (int i = 0; i < m->count; i++)
        if (m->variants[i] == variant) return;
    if (m->count == MOST_VARIANTS || fv_failed(m->context)) return;
    m->variants[m->count++] = variant;
    seconds = m->seconds > 0
                  ? seconds_of(m)
                  : 1e-9 * m->algorithm->cost(&m->geometry, m->direction);
    if (fv_failed(m->context)) return;
    for (int i = 0; i < SHAPE_NUMBERS; i++) printf("%" PRId64 ",", m->shape[i]);
    printf("%d,%d,%" PRIx64 ",%.6e\n", (int)m->direction, m->number, variant,
           seconds);
}

static void measure_algorithm(measurement *m)
{
    m->count = 0;
    measure_variant(m);
    for (int i = 0; i < constant_count && m->seconds > 0; i++) {
        constant_set(&constants[i], constants[i].today, apart);
        measure_variant(m);
        constant_set(&constants[i], constants[i].today, 1 / apart);
        measure_variant(m);
        constant_set(&constants[i], constants[i].today, 1);
    }
}

static void measure_direction(measurement *m)
{
    fv__conv_candidate c[MOST_ALGORITHMS];
    const fv__conv_request request = { 0 };
    double lowest = 0;
    int count = 0;

    for (; count < MOST_ALGORITHMS; count++) {
        c[count] = fv__conv_consider(m->context, count + 1, &request,
                                     &m->geometry, m->direction);
        if (!c[count].algorithm) break;
        if (c[count].verdict == FV__CONV_CAN
            && (lowest <= 0 || c[count].cost < lowest))
            lowest = c[count].cost;
    }
    for (int i = 0; i < count; i++) {
        if (c[i].verdict != FV__CONV_CAN || c[i].cost > far * lowest
            || (c[i].algorithm == &fv__conv_col2im
                && m->direction != FV__BACKWARD_DATA)) /* that is im2col */
            continue;
        m->number = i + 1;
        m->algorithm = c[i].algorithm;
        measure_algorithm(m);
    }
}

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static fv_status measure_all(measurement *m, double budget)
{
    const double end = now() + budget;
    char line[LINE_BYTES];

    while (now() < end && fgets(line, sizeof line, stdin)) {
        if (!shape_read(line, m->shape))
            return fv_fail(m->context, FV_MALFORMED,
                           "calibrate: not a shape: %.*s",
                           (int)strcspn(line, "\n"), line);
        if (shape_geometry(m->context, m->shape, &m->geometry) != FV_OK) break;
        for (int i = 0; i < DIRECTIONS; i++) {
            m->direction = (fv__direction)i;
            measure_direction(m);
        }
        if (fv_failed(m->context)) break;
        fflush(stdout); /* shapes are whole in a file, wherever it ends */
    }
    return fv_failed(m->context);
}

fv_status measure(fv_context *context, double seconds, double budget)
{
    measurement m = { .context = context, .seconds = seconds };
    static char buffer[1 << 16];

    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    return measure_all(&m, budget);
}

fv_status pretend(fv_context *context)
{
    measurement m = { .context = context };

    return measure_all(&m, 1e9);
}
