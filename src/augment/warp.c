/* Affine and projective warps of pictures: for each pixel of the result, the
 * point of the picture that it shows. Coordinates, rounding and borders are
 * those of Pillow's Image.transform(). */
#include "augment/shared.h"

#include <math.h>
#include <string.h>

static const double PI = 3.14159265358979323846;

/* ---- coefficients ---------------------------------------------------------
 */

void fv__warp_place(const fv__placement *p, double a[8])
{
    const double turn = p->angle * (PI / 180);
    const double sx = p->shear[0] * (PI / 180), sy = p->shear[1] * (PI / 180);
    const double cx = p->centre[0], cy = p->centre[1];
    /* rotation and shears as [m0 m1; m2 m3], of determinant 1 */
    const double m0 = cos(turn - sy) / cos(sy);
    const double m1 = -cos(turn - sy) * tan(sx) / cos(sy) - sin(turn);
    const double m2 = sin(turn - sy) / cos(sy);
    const double m3 = -sin(turn - sy) * tan(sx) / cos(sy) + cos(turn);
    memset(a, 0, 8 * sizeof *a);
    a[0] = m3 / p->scale;
    a[1] = -m1 / p->scale;
    a[3] = -m2 / p->scale;
    a[4] = m0 / p->scale;
    a[2] = a[0] * (-cx - p->shift[0]) + a[1] * (-cy - p->shift[1]) + cx;
    a[5] = a[3] * (-cx - p->shift[0]) + a[4] * (-cy - p->shift[1]) + cy;
}

/* To 15 digits, so that right angles give zeros; `rest` has no rounding error
 * that matters, as the product may have. */
static double rounded(double value)
{
    double whole = nearbyint(value * 1e15);
    const double rest = fma(value, 1e15, -whole);
    if (rest > 0.5) whole += 1;
    if (rest < -0.5) whole -= 1;
    return whole / 1e15;
}

void fv__warp_rotate(double degrees, int64_t rows, int64_t columns, double a[8])
{
    double turn = fmod(degrees, 360);
    if (turn < 0) turn += 360;
    turn = -(turn * (PI / 180));
    const double cx = (double)columns / 2, cy = (double)rows / 2;
    memset(a, 0, 8 * sizeof *a);
    a[0] = rounded(cos(turn));
    a[1] = rounded(sin(turn));
    a[3] = rounded(-sin(turn));
    a[4] = rounded(cos(turn));
    a[2] = a[0] * -cx + a[1] * -cy + cx;
    a[5] = a[3] * -cx + a[4] * -cy + cy;
}

/* ---- pixels ---------------------------------------------------------------
 */

/* What a warp of one picture needs. */
typedef struct task {
    const fv__warp *warp;
    const unsigned char *from;
    unsigned char *to;
    int64_t rows, columns, channels;
    unsigned char fill[4];
} task;

/* A copy for each number of channels, so that the loop over them goes. */
static inline void put(unsigned char *to, const unsigned char *from,
                       int64_t channels)
{
    for (int64_t c = 0; c < channels; c++) to[c] = from[c];
}

static int64_t fixed(double value)
{
    return (int64_t)floor(value * 65536 + 0.5);
}

/* Affine, nearest: coordinates with 16 bits of fraction, from pixel to pixel by
 * addition. */
static inline void warp_fixed(const task *t, int64_t channels)
{
    const double *a = t->warp->a;
    const int64_t ax = fixed(a[0]), ay = fixed(a[3]);
    int64_t row_x = fixed(a[2] + a[0] * 0.5 + a[1] * 0.5);
    int64_t row_y = fixed(a[5] + a[3] * 0.5 + a[4] * 0.5);
    const int64_t width = t->columns << 16, height = t->rows << 16;
    unsigned char *to = t->to;
    for (int64_t i = 0; i < t->rows; i++) {
        int64_t x = row_x, y = row_y;
        for (int64_t j = 0; j < t->columns; j++, to += channels) {
            const bool inside = x >= 0 && x < width && y >= 0 && y < height;
            const int64_t at = (y >> 16) * t->columns + (x >> 16);
            put(to, inside ? t->from + at * channels : t->fill, channels);
            x += ax;
            y += ay;
        }
        row_x += fixed(a[1]);
        row_y += fixed(a[4]);
    }
}

static inline double between(double a, double b, double part)
{
    return a + (b - a) * part;
}

/* The point's value by the centres of the four pixels around it, with the
 * border repeated; fractions are cut off. */
static inline void blend(const task *t, double x, double y, int64_t channels,
                         unsigned char *to)
{
    const double left = floor(x - 0.5), top = floor(y - 0.5);
    const double dx = x - 0.5 - left, dy = y - 0.5 - top;
    const int64_t x0 = fv__max(0, (int64_t)left), y0 = fv__max(0, (int64_t)top);
    const int64_t x1 = fv__min(t->columns - 1, (int64_t)left + 1);
    const int64_t y1 = fv__min(t->rows - 1, (int64_t)top + 1);
    const unsigned char *upper = t->from + y0 * t->columns * channels;
    const unsigned char *lower = t->from + y1 * t->columns * channels;
    for (int64_t c = 0; c < channels; c++) {
        const double above =
            between(upper[x0 * channels + c], upper[x1 * channels + c], dx);
        const double below =
            between(lower[x0 * channels + c], lower[x1 * channels + c], dx);
        to[c] = (unsigned char)between(above, below, dy);
    }
}

/* Any warp, in floating point. */
static inline void warp_real(const task *t, int64_t channels)
{
    const double *a = t->warp->a;
    unsigned char *to = t->to;
    for (int64_t i = 0; i < t->rows; i++) {
        const double v = (double)i + 0.5;
        for (int64_t j = 0; j < t->columns; j++, to += channels) {
            const double u = (double)j + 0.5;
            const double w = a[6] * u + a[7] * v + 1;
            const double x = (a[0] * u + a[1] * v + a[2]) / w;
            const double y = (a[3] * u + a[4] * v + a[5]) / w;
            if (!(x >= 0 && x < (double)t->columns && y >= 0
                  && y < (double)t->rows))
                put(to, t->fill, channels);
            else if (t->warp->bilinear)
                blend(t, x, y, channels, to);
            else
                put(to,
                    t->from + ((int64_t)y * t->columns + (int64_t)x) * channels,
                    channels);
        }
    }
}

/* Whether the coordinates of all pixels can be held with 16 bits of fraction.
 */
static bool fits_fixed(const task *t)
{
    const double *a = t->warp->a, most = 1 << 30;
    if (t->warp->bilinear || a[6] != 0 || a[7] != 0) return false;
    const double sides = (double)fv__max(t->rows, t->columns);
    return (fabs(a[0]) + fabs(a[1])) * sides + fabs(a[2]) < most
           && (fabs(a[3]) + fabs(a[4])) * sides + fabs(a[5]) < most;
}

static void run(const task *t, int64_t channels)
{
    const bool in_fixed = fits_fixed(t);
    if (in_fixed && channels == 1)
        warp_fixed(t, 1);
    else if (in_fixed && channels == 3)
        warp_fixed(t, 3);
    else if (in_fixed)
        warp_fixed(t, channels);
    else if (channels == 1)
        warp_real(t, 1);
    else if (channels == 3)
        warp_real(t, 3);
    else
        warp_real(t, channels);
}

static fv_status warp_frame(fv_context *context, fv__frame *frame,
                            const fv__warp *warp, const int64_t fill[3])
{
    fv_tensor before = frame->tensor;
    const int64_t *shape = before.shape;
    task t = { .warp = warp,
               .rows = shape[0],
               .columns = shape[1],
               .channels = shape[2],
               .fill = { (unsigned char)fill[0], (unsigned char)fill[1],
                         (unsigned char)fill[2], 255 } };
    t.to =
        fv__frame_next(context, frame, shape[0], shape[1], shape[2], &before);
    t.from = before.data;
    if (t.to) run(&t, t.channels);
    return fv_failed(context);
}

fv_status fv__example_warp(fv__example *example, const fv__warp *warp)
{
    fv_context *context = example->context;
    const int64_t number[] = { warp->mask_fill, 0, 0 };
    fv__warp nearest = *warp;
    nearest.bilinear = false;
    if (warp_frame(context, &example->image, warp, warp->fill) == FV_OK
        && example->mask.tensor.rank)
        warp_frame(context, &example->mask, &nearest, number);
    return fv_failed(context);
}
