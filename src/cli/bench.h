/* What the files of `fovea bench` share: timing, random data, the roofline, and
 * files of shapes. */
#ifndef FV_CLI_BENCH_H
#define FV_CLI_BENCH_H

#include "cli/cli.h"

#include <stdio.h>

/* Each takes the words after `fovea bench`, "fovea bench conv" being
 * argv[0]. */
int cli_bench_conv(int argc, char **argv);
int cli_bench_train(int argc, char **argv);
int cli_bench_infer(int argc, char **argv);
int cli_bench_layers(int argc, char **argv);

/* ---- measuring (measure.c) ---------------------------------------------- */

/* Seconds of one run; zeros if a run failed. */
typedef struct cli_time {
    double median, least;
} cli_time;

/* Runs for a fifth of `seconds` to warm up, then for `seconds` and at least
 * five times; run() ends it all with a failure. */
cli_time cli_measure(fv_status (*run)(void *user), void *user, double seconds);
/* Random numbers in [-1, 1), or of all an integer type holds; classes, in
 * FV_I64. */
void cli_fill(const fv_tensor *tensor);
void cli_fill_classes(const fv_tensor *labels, int64_t classes);
/* A tensor [batch, shape...] of such numbers, of the context's type. */
fv_tensor cli_batch(fv_context *context, int64_t batch, const fv_shape *shape);

/* Measures the machine and says in one line what it can do. */
fv_machine cli_roofline(fv_context *context, FILE *file);
/* Seconds that so much work takes at best on that machine. */
double cli_roofline_seconds(const fv_machine *machine, double flops,
                            double bytes);

/* ---- one convolution (convolve.c) --------------------------------------- */

/* Measures a direction of it on random data, the weights packed before a
 * forward pass and in every input gradient, as training does. */
cli_time cli_convolve(fv_context *context, fv_conv *conv, int64_t batch,
                      fv_conv_pass pass, double seconds);
/* Bytes that a direction reads and writes at least. */
double cli_convolve_bytes(const fv_context *context, const fv_conv *conv,
                          int64_t batch);

/* ---- shapes in files (shapes.c) ----------------------------------------- */

/* Columns of a file of shapes behind net and layer, in its order. Those of the
 * depth may be missing. */
enum {
    CLI_N,
    CLI_H,
    CLI_W,
    CLI_C,
    CLI_K,
    CLI_R,
    CLI_S,
    CLI_SH,
    CLI_SW,
    CLI_PH,
    CLI_PW,
    CLI_DH,
    CLI_DW,
    CLI_GROUPS,
    CLI_D,
    CLI_T,
    CLI_SD,
    CLI_PD,
    CLI_DD,
    CLI_NUMBERS
};

/* "net,layer,N,...,groups" and "D,...,dd" */
extern const char cli_shape_columns[], cli_depth_columns[];

typedef struct cli_conv_shape {
    char net[CLI_CELL], layer[CLI_CELL];
    int64_t number[CLI_NUMBERS];
    int numbers; /* CLI_D if the file has no column of the depth */
} cli_conv_shape;

/* Hands the lines of a CSV file to use(), in order, until the context has
 * failed; columns are found by name, others are ignored, and so are transposed
 * convolutions, whose layers end in "_T": each is a backward_data. */
void cli_read_shapes(fv_context *context, const char *path,
                     void (*use)(void *user, const cli_conv_shape *shape),
                     void *user);

#endif
