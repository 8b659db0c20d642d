/* Draws an image on the terminal: two rows of pixels a line of half blocks, in
 * colour, in dots without colours, or in ASCII. */
#include "cli/cli.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

/* A view of the image in which `step` x `step` pixels are averaged to one. */
typedef struct picture {
    fv_context *context;
    fv_tensor image; /* [h, w, c], values from 0 to 1 or bytes */
    int64_t rows, columns, step;
} picture;

typedef struct pixel {
    double rgb[3]; /* 0 to 1 */
} pixel;

static double value_at(const picture *p, int64_t row, int64_t column,
                       int64_t channel)
{
    const int64_t index[3] = { row, column, channel };
    const double value = fv_tensor_get(p->context, &p->image, index);
    return p->image.dtype == FV_U8 ? value / 255 : value;
}

/* The mean of a square of the image; black below the last row. */
static pixel pixel_at(const picture *p, int64_t row, int64_t column)
{
    pixel result = { { 0, 0, 0 } };
    const int64_t channels = p->image.shape[2];
    for (int c = 0; c < 3; c++) {
        double sum = 0;
        int64_t count = 0;
        for (int64_t k = 0; k < p->step * p->step; k++) {
            const int64_t i = row * p->step + k / p->step;
            const int64_t j = column * p->step + k % p->step;
            if (i >= p->image.shape[0] || j >= p->image.shape[1]) continue;
            sum += value_at(p, i, j, channels >= 3 ? c : 0);
            count++;
        }
        if (count) result.rgb[c] = sum / (double)count;
    }
    return result;
}

static double brightness(const pixel *p)
{
    return 0.2126 * p->rgb[0] + 0.7152 * p->rgb[1] + 0.0722 * p->rgb[2];
}

/* ---- three ways of drawing ---------------------------------------------- */

/* A colour of the palette of 256: grays, or the 6 x 6 x 6 cube. */
static int palette(const pixel *p)
{
    const double *rgb = p->rgb;
    if (rgb[0] == rgb[1] && rgb[1] == rgb[2]) {
        const int gray = (int)lround(25 * rgb[0]);
        return gray == 0 ? 16 : gray == 25 ? 231 : 231 + gray;
    }
    return 16 + 36 * (int)lround(5 * rgb[0]) + 6 * (int)lround(5 * rgb[1])
           + (int)lround(5 * rgb[2]);
}

static void draw_colours(const pixel *upper, const pixel *lower)
{
    printf("\x1b[38;5;%d;48;5;%dm\u2580", palette(upper), palette(lower));
}

/* Whether a dot stands for a brightness: a 4 x 4 pattern of thresholds. */
static bool dot(const pixel *p, int64_t row, int64_t column)
{
    static const int order[4][4] = {
        { 0, 8, 2, 10 }, { 12, 4, 14, 6 }, { 3, 11, 1, 9 }, { 15, 7, 13, 5 }
    };
    return brightness(p) > (order[row % 4][column % 4] + 0.5) / 16;
}

static void draw_dots(const pixel *upper, const pixel *lower, int64_t row,
                      int64_t column)
{
    static const char *const blocks[] = { " ", "\u2580", "\u2584", "\u2588" };
    fputs(blocks[dot(upper, row, column) + 2 * dot(lower, row + 1, column)],
          stdout);
}

static void draw_ascii(const pixel *upper, const pixel *lower)
{
    static const char ramp[] = " .:-=+*#%@";
    const double mean = (brightness(upper) + brightness(lower)) / 2;
    putchar(ramp[lround(9 * mean)]);
}

static void draw(const picture *p)
{
    const bool unicode = cli_unicode();
    const bool colour = unicode && cli_colour(STDOUT_FILENO);
    for (int64_t row = 0; row < p->rows; row += 2) {
        for (int64_t column = 0; column < p->columns; column++) {
            const pixel upper = pixel_at(p, row, column);
            const pixel lower = pixel_at(p, row + 1, column);
            if (colour)
                draw_colours(&upper, &lower);
            else if (unicode)
                draw_dots(&upper, &lower, row, column);
            else
                draw_ascii(&upper, &lower);
        }
        fputs(colour ? "\x1b[0m\n" : "\n", stdout);
    }
}

void cli_picture_draw(fv_context *context, const fv_tensor *image, int columns)
{
    picture p = { .context = context };
    p.image = image->rank == 4 ? fv_tensor_at(context, image, 0, 0) : *image;
    if (p.image.rank != 3) return;
    p.step = (p.image.shape[1] + columns - 1) / columns;
    p.rows = (p.image.shape[0] + p.step - 1) / p.step;
    p.columns = (p.image.shape[1] + p.step - 1) / p.step;
    draw(&p);
}
