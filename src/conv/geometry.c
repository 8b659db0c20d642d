/* The shape rule of convolutions and pools, and what it refuses. */
#include "conv/conv.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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

static bool all_axes(const check *c, const char *what,
                     const int64_t value[FV__AXES], int64_t lowest)
{
    return in_range(c, what, value[FV__DEPTH], lowest)
           && in_range(c, what, value[0], lowest)
           && in_range(c, what, value[1], lowest);
}

static bool extents(const check *c)
{
    const fv__geometry *g = c->g;

    return in_range(c, "batch", g->batch, 0) && all_axes(c, "input", g->in, 1)
           && in_range(c, "channels", g->channels, 1)
           && all_axes(c, "kernel", g->kernel, 1)
           && all_axes(c, "stride", g->stride, 1)
           && all_axes(c, "dilation", g->dilation, 1)
           && all_axes(c, "padding", g->begin, 0)
           && all_axes(c, "padding", g->end, 0);
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

static bool pool_padding(const check *c, const int64_t padding[FV__AXES])
{
    for (int i = 0; i < FV__AXES; i++) {
        if (padding[i] < c->g->kernel[i]) continue;
        fv_fail(c->context, FV_MISUSE,
                "%s: padding %" PRId64 " is not below kernel %" PRId64, c->who,
                padding[i], c->g->kernel[i]);
        return false;
    }
    return true;
}

/* ---- sentences ---------------------------------------------------------- */

enum { TEXT = 2 * FV__EXTENTS_TEXT + 20 };

/* Axes that sentences name: the depth only if there is one. */
static int axes(const fv__geometry *g)
{
    return fv__geometry_has_depth(g) ? FV__AXES : 2;
}

static bool is_equal(const fv__geometry *g, const int64_t a[FV__AXES],
                     const int64_t b[FV__AXES])
{
    for (int i = 0; i < axes(g); i++)
        if (a[i] != b[i]) return false;
    return true;
}

/* Whether all axes have the same extent. */
static bool is_cube(const fv__geometry *g, const int64_t extents[FV__AXES])
{
    return is_equal(g, extents,
                    (const int64_t[]){ extents[0], extents[0], extents[0] });
}

const char *fv__name_extents(const fv__geometry *g,
                             const int64_t extents[FV__AXES],
                             char text[FV__EXTENTS_TEXT])
{
    int at = 0;

    if (axes(g) > 2)
        at = snprintf(text, FV__EXTENTS_TEXT, "%" PRId64 "x",
                      extents[FV__DEPTH]);
    snprintf(text + at, (size_t)(FV__EXTENTS_TEXT - at), "%" PRId64 "x%" PRId64,
             extents[0], extents[1]);
    return text;
}

/* The same, or "1" if all axes have this extent. */
static const char *name_shortly(const fv__geometry *g,
                                const int64_t extents[FV__AXES],
                                char text[FV__EXTENTS_TEXT])
{
    if (!is_cube(g, extents)) return fv__name_extents(g, extents, text);
    snprintf(text, FV__EXTENTS_TEXT, "%" PRId64, extents[0]);
    return text;
}

/* "1", "1x2", or, where the sides differ, "1x2 before, 0x2 after" */
static const char *name_padding(const fv__geometry *g, char text[TEXT])
{
    char before[FV__EXTENTS_TEXT], after[FV__EXTENTS_TEXT];

    if (is_equal(g, g->begin, g->end)) return name_shortly(g, g->begin, text);
    snprintf(text, TEXT, "%s before, %s after",
             fv__name_extents(g, g->begin, before),
             fv__name_extents(g, g->end, after));
    return text;
}

/* Says which number is the height unless that makes no difference. */
static void too_large(const check *c, const int64_t span[FV__AXES])
{
    const fv__geometry *g = c->g;
    const char *order =
        axes(g) > 2 ? "depth x height x width" : "height x width";
    const bool cube = is_cube(g, g->kernel) && is_cube(g, g->in)
                      && is_cube(g, g->begin) && is_cube(g, g->end);
    const int64_t one[FV__AXES] = { 1, 1, 1 };
    int64_t padded[FV__AXES];
    char kernel[FV__EXTENTS_TEXT], in[FV__EXTENTS_TEXT],
        spans[FV__EXTENTS_TEXT];
    char text[TEXT];

    fv__name_extents(g, g->kernel, kernel);
    if (is_equal(g, g->dilation, one)) {
        fv_fail(c->context, FV_MISUSE,
                "%s: kernel %s exceeds input %s (%s%spadding %s)", c->who,
                kernel, fv__name_extents(g, g->in, in), cube ? "" : order,
                cube ? "" : ", ", name_padding(g, text));
        return;
    }
    for (int i = 0; i < FV__AXES; i++)
        padded[i] = g->in[i] + g->begin[i] + g->end[i];
    const bool is_plain = cube && is_cube(g, span);
    fv_fail(c->context, FV_MISUSE,
            "%s: kernel %s dilated by %s spans %s, more than the padded input "
            "%s%s%s%s",
            c->who, kernel, name_shortly(g, g->dilation, text),
            fv__name_extents(g, span, spans), fv__name_extents(g, padded, in),
            is_plain ? "" : " (", is_plain ? "" : order, is_plain ? "" : ")");
}

/* ---- the shape rule ----------------------------------------------------- */

/* out = floor((in + begin + end - dilation (kernel - 1) - 1) / stride) + 1; in
 * ceil mode that quotient is rounded up, but no window begins behind the image
 */
static bool shape(const check *c, int64_t out[FV__AXES])
{
    const fv__geometry *g = c->g;
    int64_t span[FV__AXES];
    bool fits = true;

    for (int i = 0; i < FV__AXES; i++) {
        int64_t reach[2] = { g->dilation[i], g->kernel[i] - 1 };

        span[i] = fv__product(2, reach) + 1;
        if (span[i] == 0) {
            fv_fail(c->context, FV_LIMIT,
                    "%s: kernel %" PRId64 " dilated by %" PRId64
                    " spans over %" PRId64,
                    c->who, g->kernel[i], g->dilation[i], MOST);
            return false;
        }
        const int64_t room = g->in[i] + g->begin[i] + g->end[i] - span[i]
                             + (g->ceil_mode ? g->stride[i] - 1 : 0);
        fits = fits && room >= 0;
        out[i] = room / g->stride[i] + 1;
        if (g->ceil_mode
            && (out[i] - 1) * g->stride[i] >= g->in[i] + g->begin[i])
            out[i]--;
    }
    if (!fits) too_large(c, span);
    return fits;
}

/* [outer, depth, rows, columns, inner], without the depth if there is none. */
static bool counted(const check *c, const char *what, int64_t outer,
                    const int64_t extents[FV__AXES], int64_t inner)
{
    const int64_t all[] = { outer, extents[FV__DEPTH], extents[0], extents[1],
                            inner };
    char text[FV__EXTENTS_TEXT];

    if (fv__product(sizeof all / sizeof *all, all) >= 0) return true;
    fv_fail(c->context, FV_LIMIT,
            "%s: %s %" PRId64 "x%sx%" PRId64 " has over %" PRId64 " elements",
            c->who, what, outer, fv__name_extents(c->g, extents, text), inner,
            MOST);
    return false;
}

static bool counts(const check *c, bool pool, const int64_t out[FV__AXES])
{
    const fv__geometry *g = c->g;

    return counted(c, "input", g->batch, g->in, g->channels)
           && counted(c, "output", g->batch, out,
                      pool ? g->channels : g->filters)
           && (pool
               || counted(c, "weight", g->filters, g->kernel,
                          g->channels / g->groups));
}

static void default_depth(fv__geometry *g)
{
    int64_t *extents[] = { &g->in[FV__DEPTH], &g->kernel[FV__DEPTH],
                           &g->stride[FV__DEPTH], &g->dilation[FV__DEPTH] };

    for (int i = 0; i < 4; i++)
        if (*extents[i]) return;
    for (int i = 0; i < 4; i++) *extents[i] = 1;
}

fv_status fv__geometry_check(fv_context *context, const char *who, bool pool,
                             fv__geometry *geometry)
{
    const check c = { context, who, geometry };
    int64_t out[FV__AXES];

    if (!fv__ok(context)) return fv_failed(context);
    default_depth(geometry);
    if (!extents(&c)) return fv_failed(context);
    if (pool) {
        if (!pool_padding(&c, geometry->begin)
            || !pool_padding(&c, geometry->end))
            return fv_failed(context);
    } else if (!groups(&c)) {
        return fv_failed(context);
    }
    if (!shape(&c, out) || !counts(&c, pool, out)) return fv_failed(context);
    memcpy(geometry->out, out, sizeof out);
    return FV_OK;
}

int64_t fv__geometry_macs(const fv__geometry *g)
{
    const int64_t factors[] = {
        g->batch,     g->out[FV__DEPTH], g->out[0],
        g->out[1],    g->filters,        g->kernel[FV__DEPTH],
        g->kernel[0], g->kernel[1],      g->channels / g->groups
    };

    return fv__saturated_product(sizeof factors / sizeof *factors, factors);
}
