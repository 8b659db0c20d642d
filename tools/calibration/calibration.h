/* The program of tools/calibrate: times the convolution algorithms on shapes
 * that it is given, and fits the constants of src/conv/cost.h to such times. */
#ifndef FV_TOOLS_CALIBRATION_H
#define FV_TOOLS_CALIBRATION_H

#include "conv/conv.h"
#include "conv/cost.h"

#include <fovea/fovea.h>

/* The constants that this program computes costs with: its link options put
 * them in the place of fv__costs. */
extern fv__conv_costs calibrated;

/* How a value was found, see src/conv/cost.h; only TUNED ones are fitted. */
typedef enum how { TUNED, COUNTED, ASSUMED } how;

/* A constant: where `calibrated` has it, and what src/conv/cost.h says. */
typedef struct constant {
    const char *theme, *name; /* "im2col", "im2col_row" */
    double *at, today;
    how how;
    const char *unit, *what;
} constant;

extern const constant constants[];
extern const int constant_count; /* at most 64 */

/* Sets a constant to `factor` times a value; a share is at most 1. */
void constant_set(const constant *constant, double value, double factor);

/* ---- shapes (shape.c) --------------------------------------------------- */

/* N, H, W, C, K, R, S, sh, sw, ph, pw, dh, dw, groups. */
enum { SHAPE_NUMBERS = 14, DIRECTIONS = 3 };
/* Algorithms at most, and variants of one that are told apart. */
enum { MOST_ALGORITHMS = 16, MOST_VARIANTS = 8 };

/* Reads so many numbers, each with a comma or the end of the line behind it;
 * the text behind them, or NULL. */
const char *shape_read(const char *line, int64_t numbers[SHAPE_NUMBERS]);
/* Fails as fv__geometry_check() does. */
fv_status shape_geometry(fv_context *context,
                         const int64_t numbers[SHAPE_NUMBERS],
                         fv__geometry *geometry);
/* The variant in which an algorithm, by its number, computes a direction: how
 * it decides by constants that it reads while it plans. */
uint64_t shape_variant(int number, const fv__geometry *geometry,
                       fv__direction direction);

/* ---- what the program does ---------------------------------------------- */

/* Reads shapes from standard input and prints, for each direction, each
 * algorithm that may be the fastest and each of its variants, a line: the
 * shape, direction, algorithm's number, variant, seconds. It ends after
 * `budget` seconds, between shapes. */
fv_status measure(fv_context *context, double seconds, double budget);
/* The same without measuring: one variant each, and the time that is predicted
 * with `calibrated` as it is. */
fv_status pretend(fv_context *context);
/* Reads such lines, the first `layers` shapes being layers of networks, fits
 * the constants of a theme (NULL: of all) and prints what came out. */
fv_status fit(fv_context *context, int64_t layers, const char *theme);

/* ---- times and how well they are predicted (times.c) -------------------- */

/* An algorithm for a direction of a shape: the times of its variants; with the
 * constants as they are its predicted time, and the measured one of the variant
 * that they lead to. */
typedef struct entry {
    int number;
    const fv__conv_algorithm *algorithm;
    uint64_t variants[MOST_VARIANTS];
    double seconds[MOST_VARIANTS];
    int count;
    uint64_t uses; /* the constants that either depends on, by bits */
    double predicted, measured, kept_predicted, kept_measured;
} entry;

/* Layers of networks, and the two parts of the random shapes. What is held out
 * is not fitted to, but shows what a fit is worth. */
enum { LAYERS = 1, FITTED = 2, HELD_OUT = 4 };

/* A direction of a shape. */
typedef struct problem {
    int64_t shape[SHAPE_NUMBERS];
    fv__geometry geometry;
    fv__direction direction;
    int part; /* LAYERS, FITTED or HELD_OUT */
    entry entries[MOST_ALGORITHMS];
    int count;
    double fastest; /* seconds */
} problem;

typedef struct times {
    problem *problems;
    size_t count, room;
    int64_t shapes, layers; /* of all, and at the beginning */
    uint64_t used;          /* constants that any entry uses */
} times;

/* Reads the lines that measure() prints. */
fv_status times_read(fv_context *context, int64_t layers, times *times);
void times_free(times *times);
/* Predicts the entries that use any of these constants anew. */
void times_refresh(times *times, uint64_t constants);
/* Keeps what was predicted for these entries, or takes it back. */
void times_keep(times *times, uint64_t constants);
void times_restore(times *times, uint64_t constants);

/* The entry with the lowest predicted time; its time over the fastest. */
const entry *problem_chosen(const problem *problem);
double problem_ratio(const problem *problem);
/* Sorts problems by this ratio, the highest first. */
void times_sort(times *times);

/* How good predictions are. A ratio is that of a problem. Deviations are
 * |log(measured / predicted)|, predicted times being multiplied by one factor
 * for all. */
typedef struct score {
    size_t problems, entries;
    double log_ratio, ratio, worst; /* means, and the largest ratio */
    double total;                   /* the ratio of the sums of times */
    double deviation;               /* mean */
    double deviations[MOST_ALGORITHMS];
    size_t counts[MOST_ALGORITHMS];
} score;

/* Of these parts, which are added. */
score times_score(const times *times, int parts);

#endif
