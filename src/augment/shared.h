/* What several kinds of transforms have in common: parts of pictures, warps,
 * changes of colours. */
#ifndef FV_AUGMENT_SHARED_H
#define FV_AUGMENT_SHARED_H

#include "augment/augment.h"

/* ---- options --------------------------------------------------------------
 */

/* The numbers from which one is drawn: of one number n, centre - n to centre +
 * n.
 */
fv__interval fv__around(const fv__interval *given, double centre);
/* Whether it is that single number only. */
bool fv__interval_is(const fv__interval *interval, double number);
double fv__draw_from(fv__draws *draws, const fv__interval *interval);

/* Fields of options that have `int64_t fill[3], mask_fill`: the colour of
 * pixels that come from outside of the picture, and their number in the mask.
 */
#define FV__FILL_FIELDS(options, colour)                                       \
    { FV__FIELD(options, AXES, fill), .axes = 3, .usual = (colour) },          \
    {                                                                          \
        FV__FIELD(options, COUNT, mask_fill)                                   \
    }
/* Refuses fills above 255. */
fv_status fv__fill_check(fv_context *context, const char *who,
                         const int64_t fill[3], int64_t mask_fill);

/* Fields of options that have `int64_t rows, columns`: columns are 0 if they
 * are left out and equal the rows. */
#define FV__SIZE_FIELDS(options)                                               \
    { FV__FIELD(options, COUNT, rows), .positional = true, .positive = true }, \
    {                                                                          \
        FV__FIELD(options, COUNT, columns),                                    \
            .positional = true, .positive = true, .optional = true,            \
            .as = offsetof(options, rows)                                      \
    }
/* Refuses a size of more than 2^20 pixels along an axis. */
fv_status fv__size_check(fv_context *context, const char *who, int64_t rows,
                         int64_t columns);

/* How pixels are made: words of which the first is none and the others are in
 * the order of fv_resample. */
extern const char *const fv__filter_words[], *const fv__warp_words[];
enum { FV__WARP_NEAREST = 1, FV__WARP_BILINEAR, FV__FILTER_BILINEAR = 3 };
/* The filter of such a word, bilinear if it is none. */
static inline fv_resample fv__filter_of(int32_t word)
{
    return (fv_resample)((word ? word : FV__FILTER_BILINEAR) - 1);
}

/* ---- parts ----------------------------------------------------------------
 */

/* What lies outside of a picture. */
typedef enum fv__border {
    FV__BORDER_FILL,
    FV__BORDER_REFLECT, /* the picture mirrored at its outermost pixels, which
                           are not repeated */
    FV__BORDER_EDGE     /* the outermost pixels */
} fv__border;

extern const char *const fv__border_words[];
/* Where pixel `at` of an axis of `extent` pixels is taken from; -1: nowhere. */
int64_t fv__border_source(int64_t at, int64_t extent, fv__border border);

typedef struct fv__part {
    int64_t top, left, rows, columns; /* may reach outside of the picture */
    fv__border border;
    const int64_t *fill; /* three bytes */
    int64_t mask_fill;
} fv__part;

/* Gives so many pixels a colour, of which one channel takes the first number.
 */
void fv__fill_pixels(unsigned char *to, int64_t pixels, int64_t channels,
                     const int64_t fill[3]);
/* Replaces picture and mask by a part of them. */
fv_status fv__example_part(fv__example *example, const fv__part *part);
/* Resizes a part of the picture and, by its nearest pixels, of the mask; NULL:
 * all. */
fv_status fv__example_resize(fv__example *example, const fv__box *box,
                             int64_t rows, int64_t columns, fv_resample filter);

/* ---- warps ----------------------------------------------------------------
 */

/* For the pixel of the result with the centre (x, y), the point of the picture
 *   ((a0 x + a1 y + a2) / w, (a3 x + a4 y + a5) / w), w = a6 x + a7 y + 1. */
typedef struct fv__warp {
    double a[8];
    bool
        bilinear; /* else the pixel in which the point lies; of a mask always */
    const int64_t *fill;
    int64_t mask_fill;
} fv__warp;

fv_status fv__example_warp(fv__example *example, const fv__warp *warp);

/* Sets a[] to the inverse of: move the centre of the picture to (0, 0), shear,
 * scale, rotate clockwise, move back and on by `shift`; torchvision's
 * affine(). Angles in degrees. */
typedef struct fv__placement {
    double centre[2], angle, shift[2], scale, shear[2]; /* x, y */
} fv__placement;

void fv__warp_place(const fv__placement *placement, double a[8]);
/* ... to that of a rotation anticlockwise about the centre, Pillow's rotate().
 */
void fv__warp_rotate(double degrees, int64_t rows, int64_t columns,
                     double a[8]);

/* ---- colours --------------------------------------------------------------
 */

/* Each changes the bytes of a picture of 1 to 4 channels in place; a fourth
 * channel, and a second, are opacity and stay. Factors as Pillow's
 * ImageEnhance: 1 keeps the picture, 0 gives black, grey or its mean. */
void fv__brightness(const fv_tensor *picture, double factor);
void fv__contrast(const fv_tensor *picture, double factor);
void fv__saturation(const fv_tensor *picture, double factor);
/* Turns the hue by `turn`, -1/2 to 1/2 of the circle. */
void fv__hue(const fv_tensor *picture, double turn);
/* Keeps the highest bits. */
void fv__posterize(const fv_tensor *picture, int32_t bits);
/* Inverts values of at least the threshold. */
void fv__solarize(const fv_tensor *picture, double threshold);
/* Stretches the values of each channel to 0..255. */
void fv__autocontrast(const fv_tensor *picture);
/* Makes the values of each channel equally frequent. */
void fv__equalize(const fv_tensor *picture);
/* Blends with the mean of 3x3 pixels, of which the middle one counts 5 times;
 * the rows and columns at the border stay. */
fv_status fv__sharpness(fv__example *example, double factor);
/* Grey of a pixel of bytes. */
static inline int fv__luma_at(const unsigned char *pixel)
{
    return (int)fv__luma(pixel[0], pixel[1], pixel[2]);
}

/* ---- policies -------------------------------------------------------------
 */

/* The magnitudes of the operations of RandAugment or TrivialAugment at their
 * highest. */
typedef struct fv__policy {
    double shear, degrees, factor;
    double shift;  /* of the size; 0: `pixels` */
    double pixels; /* of the shift */
    int32_t bits;  /* taken away by posterize */
} fv__policy;

/* One of the 14 operations, drawn, at `level` of 0..1 of its highest magnitude
 * and with a sign that is drawn. */
fv_status fv__policy_apply(const fv__policy *policy, double level,
                           fv__draws *draws, const fv__warp *warp,
                           fv__example *example);

/* ---- mixing ---------------------------------------------------------------
 */

/* rows[i] = part rows[i] + (1 - part) rows[i - 1], of an array [n, ...] of the
 * context's type; the first with the last. */
fv_status fv__mix_rows(fv__example *example, const fv_tensor *rows,
                       double part);
/* Refuses to mix but in training. */
fv_status fv__mix_check(fv_context *context, const void *options);

#endif
