/* The picture as seen from another place: its corners moved inwards. */
#include "augment/shared.h"

#include <math.h>

typedef struct options {
    int32_t on, filter;
    double distortion, p;
    int64_t fill[3], mask_fill;
} options;

static const fv__field fields[] = {
    { FV__FIELD(options, NUMBER, distortion), .usual = 0.5, .positional = true,
      .range = FV__0_TO_1 },
    { FV__FIELD(options, NUMBER, p), .usual = 0.5, .range = FV__0_TO_1 },
    { FV__FIELD(options, WORD, filter), .usual = FV__WARP_BILINEAR,
      .words = fv__warp_words },
    FV__FILL_FIELDS(options, 0),
    FV__ON_FIELD(options, FV__TRAINING),
    { .key = NULL },
};

static fv_status check(fv_context *context, const void *given)
{
    const options *o = given;
    return fv__fill_check(context, "perspective", o->fill, o->mask_fill);
}

/* Solves m[8][8] a = m[..][8] by elimination with pivots; false if it is
 * singular. */
static bool solve(double m[8][9], double a[8])
{
    for (int k = 0; k < 8; k++) {
        int best = k;
        for (int i = k + 1; i < 8; i++)
            if (fabs(m[i][k]) > fabs(m[best][k])) best = i;
        if (fabs(m[best][k]) < 1e-9) return false;
        for (int j = 0; j < 9; j++) {
            const double kept = m[k][j];
            m[k][j] = m[best][j];
            m[best][j] = kept;
        }
        for (int i = k + 1; i < 8; i++) {
            const double factor = m[i][k] / m[k][k];
            for (int j = k; j < 9; j++) m[i][j] -= factor * m[k][j];
        }
    }
    for (int k = 7; k >= 0; k--) {
        a[k] = m[k][8];
        for (int j = k + 1; j < 8; j++) a[k] -= m[k][j] * a[j];
        a[k] /= m[k][k];
    }
    return true;
}

/* The warp that shows corner[i] of the picture at end[i]. */
static bool find_warp(double corner[4][2], double end[4][2], double a[8])
{
    double m[8][9] = { { 0 } };
    for (int i = 0; i < 4; i++) {
        const double x = end[i][0], y = end[i][1];
        for (int k = 0; k < 2; k++) {
            double *row = m[2 * i + k];
            row[3 * k] = x;
            row[3 * k + 1] = y;
            row[3 * k + 2] = 1;
            row[6] = -corner[i][k] * x;
            row[7] = -corner[i][k] * y;
            row[8] = corner[i][k];
        }
    }
    return solve(m, a);
}

static fv_status apply(const void *given, fv__draws *draws,
                       fv__example *example)
{
    const options *o = given;
    const int64_t size[2] = { example->image.tensor.shape[1],
                              example->image.tensor.shape[0] };
    fv__warp warp = { .bilinear = o->filter != FV__WARP_NEAREST,
                      .fill = o->fill,
                      .mask_fill = o->mask_fill };
    if (!fv__draw_chance(draws, o->p)) return FV_OK;
    double corner[4][2], end[4][2];
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 2; k++) {
            /* upper left, upper right, lower right, lower left */
            const bool far = k ? i >= 2 : i == 1 || i == 2;
            const int64_t half = size[k] / 2;
            const int64_t bound = (int64_t)(o->distortion * (double)half) + 1;
            const int64_t at = fv__draw_below(draws, bound);
            corner[i][k] = far ? (double)(size[k] - 1) : 0;
            end[i][k] = (double)(far ? size[k] - bound + at : at);
        }
    if (!find_warp(corner, end, warp.a)) return FV_OK;
    return fv__example_warp(example, &warp);
}

const fv__transform_type fv__transform_perspective = {
    .name = "perspective",
    .about =
        "its corners moved inwards, each by up to half of distortion times "
        "the columns and the rows, with probability p",
    .notes = "Corner (0, 0) goes to a pixel of the upper left "
             "floor(distortion floor(columns / 2)) + 1 columns, and as "
             "many of the rows, and the others likewise; the eight "
             "coefficients of the projection solve the eight "
             "equations. torchvision RandomPerspective; bytes: "
             "Pillow's Image.transform().",
    .fields = fields,
    .random = true,
    .check = check,
    .apply = apply,
};
