/* The shape rule of convolutions and pools, and what it refuses. */
#include "conv/conv.h"

#include <inttypes.h>
#include <stdio.h>

/* Every extent stays below this, so that sums of a few cannot overflow. */
#define MOST (((int64_t)1 << 47) - 1)

typedef struct check {
    fv_context *context;
    const char *who;
    const fv__geometry *g;
} check;

/* lowest <= value <= MOST */
static bool in_range(const check *c, const char *what, int64_t value,
                     int64_t lowest)
{
    if (value < lowest)
        fv_fail(c->context, FV_MISUSE, "%s: %s %" PRId64 " is below %" PRId64,
                c->who, what, value, lowest);
    else if (value > MOST)
        fv_fail(c->context, FV_LIMIT, "%s: %s %" PRId64 " is over %" PRId64,
                c->who, what, value, MOST);
    else
        return true;
    return false;
}

static bool both(const check *c, const char *what, const int64_t value[2],
                 int64_t lowest)
{
    return in_range(c, what, value[0], lowest)
           && in_range(c, what, value[1], lowest);
}

static bool extents(const check *c)
{
    const fv__geometry *g = c->g;

    return in_range(c, "batch", g->batch, 0) && both(c, "input", g->in, 1)
           && in_range(c, "channels", g->channels, 1)
           && both(c, "kernel", g->kernel, 1) && both(c, "stride", g->stride, 1)
           && both(c, "dilation", g->dilation, 1)
           && both(c, "padding", g->begin, 0) && both(c, "padding", g->end, 0);
}

static bool divides(const check *c, const char *what, int64_t value)
{
    if (value % c->g->groups == 0) return true;
    fv_fail(c->context, FV_MISUSE,
            "%s: groups %" PRId64 " does not divide %s %" PRId64, c->who,
            c->g->groups, what, value);
    return false;
}

static bool groups(const check *c)
{
    return in_range(c, "filters", c->g->filters, 1)
           && in_range(c, "groups", c->g->groups, 1)
           && divides(c, "channels", c->g->channels)
           && divides(c, "filters", c->g->filters);
}

static bool pool_padding(const check *c, const int64_t padding[2])
{
    for (int i = 0; i < 2; i++) {
        if (padding[i] < c->g->kernel[i]) continue;
        fv_fail(c->context, FV_MISUSE,
                "%s: padding %" PRId64 " is not below kernel %" PRId64, c->who,
                padding[i], c->g->kernel[i]);
        return false;
    }
    return true;
}

/* "1", "1x2", or, where the sides differ, "1x2 before, 0x2 after" */
static void name_padding(const fv__geometry *g, char *out, size_t bytes)
{
    const int64_t *a = g->begin, *b = g->end;

    if (a[0] != b[0] || a[1] != b[1])
        snprintf(out, bytes,
                 "%" PRId64 "x%" PRId64 " before, %" PRId64 "x%" PRId64
                 " after",
                 a[0], a[1], b[0], b[1]);
    else if (a[0] != a[1])
        snprintf(out, bytes, "%" PRId64 "x%" PRId64, a[0], a[1]);
    else
        snprintf(out, bytes, "%" PRId64, a[0]);
}

static bool is_square(const int64_t extents[2])
{
    return extents[0] == extents[1];
}

/* Says which number is the height unless that makes no difference. */
static void too_large(const check *c, const int64_t span[2])
{
    const fv__geometry *g = c->g;
    const bool square = is_square(g->kernel) && is_square(g->in)
                        && is_square(g->begin) && is_square(g->end);
    char text[128];

    if (g->dilation[0] == 1 && g->dilation[1] == 1) {
        name_padding(g, text, sizeof text);
        fv_fail(c->context, FV_MISUSE,
                "%s: kernel %" PRId64 "x%" PRId64 " exceeds input %" PRId64
                "x%" PRId64 " (%spadding %s)",
                c->who, g->kernel[0], g->kernel[1], g->in[0], g->in[1],
                square ? "" : "height x width, ", text);
        return;
    }
    if (g->dilation[0] == g->dilation[1])
        snprintf(text, sizeof text, "%" PRId64, g->dilation[0]);
    else
        snprintf(text, sizeof text, "%" PRId64 "x%" PRId64, g->dilation[0],
                 g->dilation[1]);
    fv_fail(
        c->context, FV_MISUSE,
        "%s: kernel %" PRId64 "x%" PRId64 " dilated by %s spans %" PRId64
        "x%" PRId64 ", more than the padded input %" PRId64 "x%" PRId64 "%s",
        c->who, g->kernel[0], g->kernel[1], text, span[0], span[1],
        g->in[0] + g->begin[0] + g->end[0], g->in[1] + g->begin[1] + g->end[1],
        square && is_square(span) ? "" : " (height x width)");
}

/* out = floor((in + begin + end - dilation (kernel - 1) - 1) / stride) + 1 */
static bool shape(const check *c, int64_t out[2])
{
    const fv__geometry *g = c->g;
    int64_t span[2], room[2];

    for (int i = 0; i < 2; i++) {
        int64_t reach[2] = { g->dilation[i], g->kernel[i] - 1 };

        span[i] = fv__product(2, reach) + 1;
        if (span[i] == 0) {
            fv_fail(c->context, FV_LIMIT,
                    "%s: kernel %" PRId64 " dilated by %" PRId64
                    " spans over %" PRId64,
                    c->who, g->kernel[i], g->dilation[i], MOST);
            return false;
        }
        room[i] = g->in[i] + g->begin[i] + g->end[i] - span[i];
    }
    if (room[0] < 0 || room[1] < 0) {
        too_large(c, span);
        return false;
    }
    for (int i = 0; i < 2; i++) out[i] = room[i] / g->stride[i] + 1;
    return true;
}

static bool counted(const check *c, const char *what, int32_t rank,
                    const int64_t *shape_of)
{
    if (fv__product(rank, shape_of) >= 0) return true;
    fv_fail(c->context, FV_LIMIT,
            "%s: %s %" PRId64 "x%" PRId64 "x%" PRId64 "x%" PRId64
            " has over %" PRId64 " elements",
            c->who, what, shape_of[0], shape_of[1], shape_of[2], shape_of[3],
            MOST);
    return false;
}

static bool counts(const check *c, bool pool, const int64_t out[2])
{
    const fv__geometry *g = c->g;
    int64_t in_shape[] = { g->batch, g->in[0], g->in[1], g->channels };
    int64_t out_shape[] = { g->batch, out[0], out[1],
                            pool ? g->channels : g->filters };

    if (!counted(c, "input", 4, in_shape)
        || !counted(c, "output", 4, out_shape))
        return false;
    if (pool) return true;
    int64_t weight[] = { g->filters, g->kernel[0], g->kernel[1],
                         g->channels / g->groups };

    return counted(c, "weight", 4, weight);
}

fv_status fv__geometry_check(fv_context *context, const char *who, bool pool,
                             fv__geometry *geometry)
{
    const check c = { context, who, geometry };
    int64_t out[2];

    if (!fv__ok(context)) return fv_failed(context);
    if (!extents(&c)) return fv_failed(context);
    if (pool) {
        if (!pool_padding(&c, geometry->begin)
            || !pool_padding(&c, geometry->end))
            return fv_failed(context);
    } else if (!groups(&c)) {
        return fv_failed(context);
    }
    if (!shape(&c, out) || !counts(&c, pool, out)) return fv_failed(context);
    geometry->out[0] = out[0];
    geometry->out[1] = out[1];
    return FV_OK;
}

int64_t fv__geometry_macs(const fv__geometry *g)
{
    const int64_t factors[] = { g->batch,
                                g->out[0],
                                g->out[1],
                                g->filters,
                                g->kernel[0],
                                g->kernel[1],
                                g->channels / g->groups };

    return fv__saturated_product(sizeof factors / sizeof *factors, factors);
}
