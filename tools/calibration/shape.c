/* Shapes as numbers, as geometries, and the variants of algorithms. */
#include "calibration.h"

#include "conv/direct/direct.h"
#include "conv/grouped/grouped.h"
#include "conv/winograd/winograd.h"

#include <stdlib.h>

const char *shape_read(const char *line, int64_t numbers[SHAPE_NUMBERS])
{
    for (int i = 0; i < SHAPE_NUMBERS; i++) {
        char *end;

        numbers[i] = strtoll(line, &end, 10);
        if (end == line || (*end != ',' && *end != '\n' && *end != '\0'))
            return NULL;
        line = *end == ',' ? end + 1 : end;
    }
    return line;
}

fv_status shape_geometry(fv_context *context, const int64_t n[SHAPE_NUMBERS],
                         fv__geometry *g)
{
    *g = (fv__geometry){
        .batch = n[0],
        .in = { n[1], n[2] },
        .channels = n[3],
        .filters = n[4],
        .kernel = { n[5], n[6] },
        .stride = { n[7], n[8] },
        .begin = { n[9], n[10] },
        .end = { n[9], n[10] },
        .dilation = { n[11], n[12] },
        .groups = n[13],
    };
    return fv__geometry_check(context, "calibrate", false, g);
}

/* Adds a number to a hash. */
static uint64_t mix(uint64_t hash, int64_t number)
{
    return (hash ^ (uint64_t)number) * 0x100000001b3u;
}

/* The blocks of each subconvolution, or the form of the weight gradient. */
static uint64_t direct_variant(const fv__geometry *g, fv__direction direction)
{
    uint64_t hash = 0;

    if (direction == FV__BACKWARD_WEIGHTS) {
        const fv__direct_weight_grad_form form =
            fv__direct_weight_grad_form_of(g);

        return form.transposed + 2u * form.windows + 4u * form.inside;
    }
    for (int64_t i = 0; i < fv__subconv_count(g, direction); i++) {
        const fv__subconv s = fv__subconv_of(g, direction, i);
        const fv__subconv_blocks blocks = fv__direct_blocks(&s);

        hash = mix(hash, blocks.axis[0].count * FV__MOST_BANDS
                             + blocks.axis[1].count);
    }
    return hash;
}

/* The scheme, and whether channels are few. */
static uint64_t winograd_variant(const fv__geometry *g, fv__direction direction)
{
    const fv__winograd_tiling w = fv__winograd_tiling_of(g, direction);
    const fv__winograd_tile_row row = fv__winograd_tile_row_of(1, &w);

    return 2 * (uint64_t)w.scheme.outputs + (row.rows > 0);
}

uint64_t shape_variant(int number, const fv__geometry *g,
                       fv__direction direction)
{
    if (number == FV_CONV_DIRECT) return direct_variant(g, direction);
    if (number == FV_CONV_WINOGRAD) return winograd_variant(g, direction);
    if (number == FV_CONV_GROUPED && direction != FV__BACKWARD_WEIGHTS)
        return fv__grouped_is_planar(g, direction);
    return 0;
}
