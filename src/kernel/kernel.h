/* Arithmetic on raw pointers, behind one table per instruction set and element
 * type. Kernels know numbers, not tensors.
 *
 * Same bits everywhere. Every table computes the same bits: multiply-adds are
 * explicit fma(), vectors run over independent outputs, sums across a vector
 * use FV__LANES virtual lanes folded in one fixed tree, and exp, log and tanh
 * are our own polynomials. Work is cut by problem size, never by the number of
 * threads. `real` below is float or double, by the table. */
#ifndef FV_KERNEL_KERNEL_H
#define FV_KERNEL_KERNEL_H

#include "base/base.h"
#include "kernel/chain.h"

enum { FV__LANES = 16 };

/* Functions of one element; p and q are parameters. The derivative is written
 * with x, y = f(x) and g = the upstream gradient. */
typedef enum fv__map {
    FV__NEG,
    FV__ABS,
    FV__EXP,
    FV__LOG,
    FV__SQRT,
    FV__SIN,
    FV__COS,
    FV__TAN,
    FV__ASIN,
    FV__ACOS,
    FV__ATAN,
    FV__TANH,
    FV__SIGMOID,
    /* min(max(x, p), q); its gradient is 0 where x <= p or x >= q, but q =
     * infinity is no limit; NaN passes, and so does the gradient there */
    FV__CLAMP,
    FV__LEAKY_RELU, /* x > 0 ? x : p x */
    FV__ELU,        /* x > 0 ? x : p (exp(x) - 1) */
    FV__SCALE_ADD,  /* p x + q, with one rounding each for product and sum */
    FV__POWER,      /* x^p */
    FV__RECIPROCAL  /* p / x */
} fv__map;

/* Functions of two elements. */
typedef enum fv__zip {
    FV__ADD,
    FV__SUB,
    FV__MUL,
    FV__DIV,
    FV__POW,
    FV__MINIMUM,
    FV__MAXIMUM
} fv__zip;

/* Geometry of a convolution or a pool over one batch, NHWC. Weights are
 * [filters, kh, kw, c / groups]. */
typedef struct fv__geometry {
    int64_t batch, in[2], channels; /* rows, columns */
    int64_t out[2], filters;
    int64_t kernel[2], stride[2], dilation[2];
    int64_t begin[2], end[2]; /* padding: before, after */
    int64_t groups;
} fv__geometry;

/* What is done to a finished sum, in this order, where it is made; pointers
 * NULL where nothing is added. */
typedef struct fv__finish {
    const void *bias;     /* of the first column */
    const void *residual; /* beside the first output */
    size_t residual_row;  /* elements from row to row */
    double low, high;     /* then x < low ? low : x > high ? high : x */
    bool clamp;
    bool past; /* stored past the caches, where whole lines are */
} fv__finish;

/* How sums meet what is in c: they take its place, are added to it, or their
 * chains go on from it. */
typedef enum fv__meet { FV__REPLACE, FV__ACCUMULATE, FV__CONTINUE } fv__meet;

/* A tile of a matrix product: c[i][j] is a block of a chain of fma, over
 * `segments` and then l < k, of
 *     a[a_segment + i a_row + l a_step] b[b_segment + l b_step + j].
 * Without a list of segments they follow one another. Of b, only columns that
 * are made are read. */
typedef struct fv__tile {
    const void *a, *b;
    void *c;
    size_t a_row, a_step, b_step, c_row;
    size_t segments, k;
    const ptrdiff_t *a_segment, *b_segment;
    const fv__finish *finish; /* NULL: nothing */
    fv__meet meet;
    const void *next; /* one cache line for each k, read soon; NULL: none */
    size_t next_step; /* bytes */
    size_t c_column;  /* from column to column of a narrow product */
} fv__tile;

/* What batch normalisation does to each column, then clamping the result to
 * low..high, which may be infinite. */
typedef struct fv__normal {
    const void *mean, *a, *b;
    double low, high;
} fv__normal;

/* Winograd's F(outputs, taps) along each axis: F(2, 3), F(4, 3), F(2, 5); and,
 * for `phases` taps - 1 taps of stride `phases`, F(4, 2), F(4, 3) or F(3, 4) in
 * each phase: tap t meets pixels of phase t % phases. The last phase has one
 * tap less, a scheme at the same points but for infinity. Where an image is not
 * taken apart, its side of a scheme has one phase. */
typedef struct fv__scheme {
    int32_t outputs, taps, phases;
} fv__scheme;

/* Points of an axis, the last of them infinity. */
static inline int32_t fv__scheme_side(fv__scheme f)
{
    return f.outputs + f.taps - 1;
}

/* Phases of an axis that reach infinity. */
static inline int32_t fv__scheme_far(fv__scheme f)
{
    return f.phases > 1 ? f.phases - 1 : 1;
}

/* Points of all phases: as many as pixels that they are made of. */
static inline int32_t fv__scheme_lines(fv__scheme f)
{
    return (fv__scheme_side(f) - 1) * f.phases + fv__scheme_far(f);
}

/* Phases of rows and columns that meet at a point. */
static inline int32_t fv__scheme_phases(fv__scheme f, size_t point)
{
    const int32_t side = fv__scheme_side(f), at = (int32_t)point;

    return (at / side == side - 1 ? fv__scheme_far(f) : f.phases)
           * (at % side == side - 1 ? fv__scheme_far(f) : f.phases);
}

/* Points [side][side] of a tile, those of a phase further on; distances in
 * elements. */
typedef struct fv__points {
    void *at;
    size_t step, phase;
} fv__points;

/* An output tile of Winograd's convolution: those rows and columns of it that
 * exist. */
typedef struct fv__winograd_tile {
    fv__points points;
    void *out; /* the first that exists */
    size_t out_row, out_pixel;
    size_t first[2], end[2];  /* of rows, of columns */
    const fv__finish *finish; /* NULL: nothing; residual laid out as `out` */
    bool add;                 /* to what is in `out` */
} fv__winograd_tile;

/* A row of tiles of few channels: points [side][side][depth][tile] of inputs,
 * those of a point x_step and of a channel x_channel apart, and weights, those
 * of a panel [point][depth][nr]; depth is phases x channels. Up to three
 * numbers behind the last tile are read. `tile` is the first of the outputs,
 * its end[1] that of the row. */
typedef struct fv__winograd_few {
    const void *x, *u;
    size_t x_step, x_channel, u_step, u_panel;
    size_t channels, tiles;
    fv__winograd_tile tile;
} fv__winograd_few;

/* One axis of a depthwise convolution. Tap t of output u meets input
 * i = u stride + t step, which is zero unless low <= i < high. Distances, in
 * elements: inputs lie `from` apart, outputs `to`, weights `weight`. */
typedef struct fv__window {
    int64_t outputs, taps, stride, step;
    int64_t low, high;
    ptrdiff_t from, to, weight;
} fv__window;

/* Outputs of a row for which large depthwise kernels leave out the same columns
 * of taps, those at which none of them meets the image. */
enum { FV__DEPTHWISE_COLUMNS = 8 };

/* A depthwise convolution of one image: every output is a chain of fma over
 * rows and columns of taps, which are one step apart. In a strip, which large
 * kernels are done in, columns of inputs and taps of a row are one cache line
 * apart, of which channels fill no more than one, and beside the image lie
 * zeros, for whole groups of FV__DEPTHWISE_COLUMNS outputs; columns have stride
 * 1, and chains are not cut. */
typedef struct fv__depthwise {
    fv__window axis[2]; /* rows, columns */
    size_t channels;
    const void *x; /* input 0 of both axes, there or not */
    const void *weight;
    void *y;
    fv__finish finish; /* its residual lies as y does */
    bool add;          /* the residual is y, which blocks of chains are added to
                          one after the other */
    bool far;          /* inputs are not in a cache */
    bool strip;
} fv__depthwise;

/* Its weight gradient over some rows of one image: chains over the outputs in
 * order, from zero or from what is there. The bias gradient goes on. */
typedef struct fv__depthwise_grad {
    fv__window axis[2];
    size_t channels;
    const void *x, *dy;
    void *dweight, *dbias; /* dbias NULL: not wanted */
    bool fresh;            /* from zero */
    bool far;              /* inputs are not in a cache */
} fv__depthwise_grad;

/* Channels of groups are laid under the filters that meet them, a vector of
 * neighbouring filters at a time, of one group or more: to out[pixel][c][lane]
 * goes channel `channel` + c of the group of filter first + lane. Behind the
 * last filter lie numbers of some channel. */
typedef struct fv__spread {
    size_t channels, filters; /* of a group */
    size_t channel, made;     /* the first channel; how many */
    size_t first, count;      /* the first filter; how many there are */
    size_t pixels;
    const void *x;  /* channel 0 of a pixel */
    ptrdiff_t from; /* from pixel to pixel, in elements */
    void *out;
} fv__spread;

/* Outputs of a row are made so many at a time. */
enum { FV__GROUPED_COLUMNS = 4 };

/* A convolution of a vector of filters whose channels were spread: each output
 * is a chain of fma over rows, columns and channels. Output (p, q)
 * begins at input (top + p stride, q stride) and taps are a step apart. Row i
 * of the inputs is that of number i % rows in memory, and is left out unless
 * low <= i < high. */
typedef struct fv__grouped {
    int64_t outputs[2], taps[2], stride[2], step[2];
    int64_t top, rows, low, high;
    size_t channels, count; /* of a group; filters that there are */
    const void *x;          /* [row][column][channel][lane] */
    const void *weight;     /* [row][column][channel][lane] */
    void *y;
    ptrdiff_t from, to[2]; /* of x from row to row; of y, in elements */
    fv__finish finish;     /* its residual lies as y does */
    bool add;              /* the residual is y, as of fv__depthwise */
} fv__grouped;

/* Hyper-parameters of one optimizer step, settled once a step. */
typedef struct fv__sgd {
    double learning_rate, momentum, weight_decay;
    bool nesterov;
} fv__sgd;

typedef struct fv__adam {
    double learning_rate, beta1, beta2, epsilon, weight_decay;
    bool decoupled;                  /* AdamW */
    double correction1, correction2; /* 1 - beta^t */
} fv__adam;

/* The table. Pointers are to `real` unless a type is given. Functions work on
 * the calling thread; the fv__..._all functions below cut and share. */
typedef struct fv__kernels {
    const char *isa;
    fv_dtype dtype;

    /* y[i] = f(x[i]); y may be x */
    void (*map)(fv__map f, size_t n, const void *x, void *y, double p,
                double q);
    /* dx[i] (+)= f'(x[i]) dy[i]; x or y may be NULL where the derivative does
     * without it; dx may be dy. Gradients meet what is there as `meet` says:
     * they replace it, or are added to it. */
    void (*map_grad)(fv__map f, size_t n, const void *x, const void *y,
                     const void *dy, void *dx, double p, double q,
                     fv__meet meet);
    /* y[i] = f(a[i a_step], b[i b_step]), steps 0 or 1 */
    void (*zip)(fv__zip f, size_t n, const void *a, size_t a_step,
                const void *b, size_t b_step, void *y);
    /* d[i] = dy[i] df/da or, for operand 1, df/db; overwrites d */
    void (*zip_grad)(fv__zip f, int operand, size_t n, const void *a,
                     size_t a_step, const void *b, size_t b_step,
                     const void *dy, void *d);

    /* y[i] += a x[i], fused */
    void (*axpy)(size_t n, double a, const void *x, void *y);
    /* m rows of n: y += x */
    void (*add_rows)(size_t m, size_t n, const void *x, size_t x_row, void *y,
                     size_t y_row);
    /* m rows of n: y = x; what lies between rows of y may change too */
    void (*copy_rows)(size_t m, size_t n, const void *x, size_t x_row, void *y,
                      size_t y_row);
    void (*fill)(size_t n, double value, void *y);
    /* y[i] = scale * x[i] from bytes */
    void (*from_bytes)(size_t n, double scale, const uint8_t *x, void *y);
    /* sum of n numbers: 16 lanes, blocks of 4096, fixed tree */
    double (*sum)(size_t n, const void *x);
    /* sum of x[i] y[i], the same way */
    double (*dot)(size_t n, const void *x, const void *y);
    /* whether all are finite */
    bool (*finite)(size_t n, const void *x);

    /* m <= mr rows of n <= nr columns of a matrix product */
    int32_t mr, nr;
    void (*tile)(size_t m, size_t n, const fv__tile *tile);
    /* Any multiple of FV__LANES rows of few columns, n <= narrow_columns.
     * a_step is 1, and as far from every line of a as `next` is from its first,
     * lines are asked for. */
    int32_t narrow_columns;
    void (*narrow)(size_t m, size_t n, const fv__tile *tile);
    /* What was stored past the caches is there for all threads. */
    void (*settle)(void);
    /* c[i] = fma(x, y, c[i]), k times, mr nr numbers: all from registers */
    void (*peak)(size_t k, double x, double y, void *c);

    /* Rows x of n numbers become columns: y[j][i] = x[i][j], i < m <= width;
     * the width - m columns missing are zero. Rows are x_row, y_row apart. */
    void (*transpose)(size_t m, size_t n, const void *x, size_t x_row, void *y,
                      size_t y_row, size_t width);

    /* Winograd's transforms, n channels at a time.
     * Of a filter, taps w_step apart: u = G w G^T */
    void (*winograd_filter)(fv__scheme f, size_t n, const void *w,
                            ptrdiff_t w_step, const fv__points *u);
    /* of lines x lines pixels: v = B^T x B */
    void (*winograd_input)(fv__scheme f, size_t n, const void *const *x,
                           const fv__points *v);
    /* out = A^T points A */
    void (*winograd_output)(fv__scheme f, size_t n,
                            const fv__winograd_tile *tile);
    /* the same of sums over depth, out = A^T (sum of x u) A */
    void (*winograd_few)(fv__scheme f, size_t n, const fv__winograd_few *few);
    /* and their adjoints: z = A dy A^T of a tile's pixels; dw (+)= G^T u G */
    void (*winograd_output_grad)(fv__scheme f, size_t n, const void *const *dy,
                                 const fv__points *z);
    void (*winograd_filter_grad)(fv__scheme f, size_t n, const fv__points *u,
                                 void *dw, size_t dw_step, bool add);
    /* Weights, and the sums of their gradients, are whole vectors. */
    void (*depthwise)(const fv__depthwise *d);
    void (*depthwise_grad)(const fv__depthwise_grad *d);
    /* Vectors are nr / 2 lanes, and begin at multiples of their size. */
    void (*spread)(const fv__spread *s);
    void (*grouped)(const fv__grouped *g);

    /* rows [m][n]: y = softmax(x) */
    void (*softmax)(size_t m, size_t n, const void *x, void *y);
    /* dx += y (dy - <dy, y>) */
    void (*softmax_grad)(size_t m, size_t n, const void *y, const void *dy,
                         void *dx);
    /* loss[i] = logsumexp(x_i) sum_j t_ij - <t_i, x_i>; t are labels (int64)
     * where `labels` is not NULL, else real rows; a label outside [0, n)
     * makes the loss NaN and has no gradient */
    void (*cross_entropy)(size_t m, size_t n, const void *x,
                          const int64_t *labels, const void *t, void *loss);
    /* dx += scale (softmax(x) sum_j t_j - t) */
    void (*cross_entropy_grad)(size_t m, size_t n, const void *x,
                               const int64_t *labels, const void *t,
                               double scale, void *dx);
    /* loss terms max(x,0) - x t + log(1 + exp(-|x|)), one an element */
    void (*sigmoid_cross_entropy)(size_t n, const void *x, const void *t,
                                  void *loss);
    void (*sigmoid_cross_entropy_grad)(size_t n, const void *x, const void *t,
                                       double scale, void *dx);

    /* one image, or some rows of its windows, above which begin[0] then ends,
     * and may be negative: largest of each window, and where (flat in the plane
     * h w, -1: the window has no tap in it; NULL: not kept) */
    void (*maxpool)(const fv__geometry *g, const void *x, void *y,
                    int32_t *where);
    void (*maxpool_grad)(const fv__geometry *g, const int32_t *where,
                         const void *dy, void *dx, fv__meet meet);
    void (*avgpool)(const fv__geometry *g, bool count_padding, const void *x,
                    void *y);
    void (*avgpool_grad)(const fv__geometry *g, bool count_padding,
                         const void *dy, void *dx, fv__meet meet);

    /* Column sums of rows [m][c]: sum[j] += x[i][j] over i, ascending i, in
     * blocks, each from zero */
    void (*column_sum)(size_t m, size_t c, const void *x, void *sum);
    /* sum[j] of x[i][j] over i, and square[j] of (x[i][j] - sum[j] / m)^2 */
    void (*column_moments)(size_t m, size_t c, const void *x, void *sum,
                           void *square);
    /* Mean and squares of m rows, from those sums of blocks of `each` of them,
     * the last block shorter; rows of sums are c long */
    void (*column_merge)(size_t m, size_t each, size_t c, const void *sums,
                         const void *squares, void *mean, void *square);
    /* total[j] of the sums of blocks */
    void (*column_total)(size_t blocks, size_t c, const void *sums,
                         void *total);
    /* y[i][j] = a[j] (x[i][j] - mean[j]) + b[j], fused, clamped; y may be x */
    void (*column_normalise)(size_t m, size_t c, const fv__normal *normal,
                             const void *x, void *y);
    /* sum[j] of dy[i][j], and dot[j] of dy[i][j] (x[i][j] - mean[j]), over the
     * dy that the clamp lets through */
    void (*column_slopes)(size_t m, size_t c, const fv__normal *normal,
                          const void *dy, const void *x, void *sum, void *dot);
    /* dx[i][j] (+)= a[j] dy[i][j] + slope[j] (x[i][j] - mean[j]) + offset[j],
     * without the two where slope is NULL, of the same dy; dx may be dy */
    void (*column_normalise_grad)(size_t m, size_t c, const fv__normal *normal,
                                  const void *slope, const void *offset,
                                  const void *dy, const void *x, void *dx,
                                  fv__meet meet);

    /* Updates; momentum m and moments m, v are state of n numbers, NULL where
     * not in use. */
    void (*sgd)(size_t n, const fv__sgd *rule, const void *g, void *w, void *m);
    void (*adam)(size_t n, const fv__adam *rule, const void *g, void *w,
                 void *m, void *v);

    /* Random numbers, elements first .. first + n of a stream. */
    void (*uniform)(uint64_t seed, uint64_t stream, uint64_t first, size_t n,
                    double low, double high, void *y);
    void (*normal)(uint64_t seed, uint64_t stream, uint64_t first, size_t n,
                   double mean, double deviation, void *y);
    /* y = kept ? x / (1 - p) : 0 */
    void (*dropout)(uint64_t seed, uint64_t stream, uint64_t first, size_t n,
                    double p, const void *x, void *y);
    /* dx += kept ? dy / (1 - p) : 0, the same elements kept */
    void (*dropout_grad)(uint64_t seed, uint64_t stream, uint64_t first,
                         size_t n, double p, const void *dy, void *dx);
} fv__kernels;

/* The table of that name ("ref", ...) for FV_F32 or FV_F64. A NULL name is the
 * best this machine runs. Records FV_UNSUPPORTED, naming the tables there are,
 * and returns NULL if the name is unknown, not built, or not for this
 * machine. */
const fv__kernels *fv__kernels_find(fv_context *context, const char *isa,
                                    fv_dtype dtype);

/* One instruction set's tables, and how many of the processor's features that
 * they need this machine lacks. */
typedef struct fv__kernel_entry {
    const char *name, *needs;
    const fv__kernels *f32, *f64;
    int lacks;
} fv__kernel_entry;

/* The same out of these entries, the best last; the first lacks nothing. */
const fv__kernels *fv__kernels_pick(fv_context *context,
                                    const fv__kernel_entry entries[],
                                    size_t count, const char *isa,
                                    fv_dtype dtype);

/* ---- cut and shared over the pool -------------------------------------- */

void fv__map_all(fv_context *context, fv__map f, size_t n, const void *x,
                 void *y, double p, double q);
void fv__map_grad_all(fv_context *context, fv__map f, size_t n, const void *x,
                      const void *y, const void *dy, void *dx, double p,
                      double q, fv__meet meet);
void fv__axpy_all(fv_context *context, size_t n, double a, const void *x,
                  void *y);
/* Whether all are finite. */
bool fv__finite_all(fv_context *context, size_t n, const void *x);
/* Sum of n sums, which are overwritten: neighbours pair up, then the pairs, and
 * so on. On the calling thread. */
double fv__sum_pairs(size_t n, double *sums);
/* Sum by blocks of fixed size; `scratch` holds fv__sum_scratch(n) bytes. */
double fv__sum_all(fv_context *context, size_t n, const void *x, void *scratch);
size_t fv__sum_scratch(const fv_context *context, size_t n);

/* ---- matrix product ---------------------------------------------------- */

/* c [m x n] (+)= op(a) op(b), row-major with row strides in elements;
 * transposed operands are stored as [k x m] and [n x k]. Chains of k terms are
 * cut into blocks as chain.h says, which are added to c one after the other. */
typedef struct fv__gemm {
    size_t m, n, k;
    const void *a, *b;
    void *c;
    size_t a_row, b_row, c_row;
    bool a_transposed, b_transposed, accumulate;
    const void *bias; /* of the columns, added last; NULL: none */
} fv__gemm;

/* Bytes of packing scratch for a product of that size, or smaller, on one
 * worker; SIZE_MAX if they cannot be counted. */
size_t fv__gemm_scratch(const fv__kernels *kernels, size_t m, size_t n,
                        size_t k);
/* On the calling thread. The result does not depend on how m and n are cut. */
void fv__gemm_one(const fv__kernels *kernels, const fv__gemm *product,
                  void *scratch);
/* Cut over the pool; scratch: threads times fv__gemm_scratch of the whole. */
void fv__gemm_all(fv_context *context, const fv__gemm *product, void *scratch);

/* ---- convolution ------------------------------------------------------- */

typedef enum fv__direction {
    FV__FORWARD,
    FV__BACKWARD_DATA,
    FV__BACKWARD_WEIGHTS /* and bias */
} fv__direction;

/* What one convolution works on; which are read and written depends on the
 * direction. */
typedef struct fv__conv_call {
    fv_context *context;
    const fv__geometry *geometry;
    const void *x, *weight, *dy;
    void *y, *dx, *dweight, *dbias; /* dbias NULL: not wanted */
    fv__finish finish;              /* of y; residual: [n, p, q, filters] */
    bool overwrite;                 /* gradients, instead of adding to them */
    void *packed, *scratch;
} fv__conv_call;

/* An algorithm: all three directions, or refuses the geometry. It may pack the
 * weights for a direction before it runs; what was packed holds until they
 * change. The weight gradient packs nothing. */
typedef struct fv__conv_algorithm {
    const char *name; /* "im2col" */
    bool (*applicable)(const fv_context *context, const fv__geometry *geometry);
    /* Bytes of packed weights, 0: none, and of scratch for all workers;
     * SIZE_MAX if they cannot be counted. */
    size_t (*packed)(const fv_context *context, const fv__geometry *geometry,
                     fv__direction direction);
    size_t (*scratch)(const fv_context *context, const fv__geometry *geometry,
                      fv__direction direction);
    /* Predicted time, in multiply-adds of a vector of 16 elements; of the whole
     * batch, growing with it in proportion. */
    double (*cost)(const fv__geometry *geometry, fv__direction direction);
    bool plain;     /* rounds as the definition does */
    bool by_phases; /* its input gradient is a sweep for each of the stride */
    /* From the call's weight to its `packed`, 64-byte aligned. A forward pass
     * that packs does without the weight, which may be NULL when it runs. */
    void (*pack)(const fv__conv_call *call, fv__direction direction);
    void (*run)(const fv__conv_call *call, fv__direction direction);
    /* Multiply-accumulates that it does; NULL: those of the definition. */
    int64_t (*macs)(const fv__geometry *geometry, fv__direction direction);
} fv__conv_algorithm;

extern const fv__conv_algorithm fv__conv_reference, fv__conv_im2col,
    fv__conv_direct, fv__conv_winograd, fv__conv_depthwise, fv__conv_col2im;

/* Fills out[] by the shape rule and checks everything; records who, what, by
 * how much under the name `who`. With `pool`, padding must be below kernel. */
fv_status fv__geometry_check(fv_context *context, const char *who, bool pool,
                             fv__geometry *geometry);
/* Multiply-accumulates of a convolution, for the whole batch. */
int64_t fv__geometry_macs(const fv__geometry *geometry);

/* What a user asks of a convolution; zeros are the defaults. */
typedef struct fv__conv_wish {
    int algorithm;         /* fv_algorithm */
    bool strict;           /* plain algorithms only */
    int64_t max_workspace; /* bytes a thread; FV_OFF: none, 0: any number */
} fv__conv_wish;

typedef enum fv__conv_verdict {
    FV__CONV_UNKNOWN,
    FV__CONV_CANNOT,
    FV__CONV_NOT_PLAIN,
    FV__CONV_TOO_LARGE,
    FV__CONV_CAN
} fv__conv_verdict;

/* An algorithm that was thought of. Its workspace is counted for one thread of
 * the widest table, so that the verdict is the same on every machine. */
typedef struct fv__conv_candidate {
    const fv__conv_algorithm *algorithm; /* NULL: no such number */
    size_t workspace;
    double cost;
    fv__conv_verdict verdict;
} fv__conv_candidate;

/* Numbers are those of fv_algorithm, from 1 on. */
fv__conv_candidate fv__conv_consider(const fv_context *context, int number,
                                     const fv__conv_wish *wish,
                                     const fv__geometry *geometry,
                                     fv__direction direction);
/* The algorithm wished for; AUTO is the cheapest that can. NULL after recording
 * why not. */
const fv__conv_algorithm *fv__conv_choose(fv_context *context, const char *who,
                                          const fv__conv_wish *wish,
                                          const fv__geometry *geometry,
                                          fv__direction direction);

#endif
