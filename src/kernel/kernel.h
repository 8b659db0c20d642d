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

#include "kernel/depthwise.h"
#include "kernel/elementwise.h"
#include "kernel/geometry.h"
#include "kernel/grouped.h"
#include "kernel/normalise.h"
#include "kernel/resample.h"
#include "kernel/sample.h"
#include "kernel/winograd.h"

enum { FV__LANES = 16 };

/* Divisors of average pooling that are counted for each window: its taps in the
 * image; those in the image and its padding. */
enum { FV__TAPS_INSIDE = 0, FV__TAPS_PADDED = -1 };

struct fv__update; /* kernel/optimizer.h */

/* The table. Pointers are to `real` unless a type is given. Functions work on
 * the calling thread; the fv__..._all functions below cut and share. */
typedef struct fv__kernels {
    const char *isa;
    fv_dtype dtype;

    /* y[i] = f(x[i]); y may be x */
    void (*unary)(fv__unary f, size_t n, const void *x, void *y, double p,
                  double q);
    /* dx[i] (+)= f'(x[i]) dy[i]; x or y may be NULL where the derivative does
     * without it; dx may be dy. The gradients replace what is in dx (FV__STORE)
     * or are added to it (FV__ACCUMULATE). */
    void (*unary_grad)(fv__unary f, size_t n, const void *x, const void *y,
                       const void *dy, void *dx, double p, double q,
                       fv__accumulation accumulation);
    /* y[i] = f(a[i a_step], b[i b_step]), steps 0 or 1 */
    void (*binary)(fv__binary f, size_t n, const void *a, size_t a_step,
                   const void *b, size_t b_step, void *y);
    /* d[i] = dy[i] df/da or, for operand 1, df/db; overwrites d */
    void (*binary_grad)(fv__binary f, int operand, size_t n, const void *a,
                        size_t a_step, const void *b, size_t b_step,
                        const void *dy, void *d);

    /* y[i] = a[i a_step] r b[i b_step], steps 0 or 1, of whole numbers, truth
     * values or `real` */
    void (*compare)(fv_dtype dtype, fv__relation r, size_t n, const void *a,
                    size_t a_step, const void *b, size_t b_step, uint8_t *y);
    /* y[i] = f(a[i a_step], b[i b_step]) of truth values */
    void (*connect)(fv__connective f, size_t n, const uint8_t *a, size_t a_step,
                    const uint8_t *b, size_t b_step, uint8_t *y);
    /* y[i] = c[i c_step] ? a[i a_step] : b[i b_step] of elements of 1, 2, 4 or
     * 8 bytes */
    void (*choose)(size_t bytes, size_t n, const uint8_t *c, size_t c_step,
                   const void *a, size_t a_step, const void *b, size_t b_step,
                   void *y);
    /* y[i] = x[i] in another type, whole numbers, truth values or `real`: see
     * op/shape/cast.c */
    void (*convert)(fv_dtype from, fv_dtype to, size_t n, const void *x,
                    void *y);

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

    /* A tile of a matrix product: m <= mr rows, n <= nr columns. Only the n
     * columns of b are read. */
    int32_t mr, nr;
    void (*microkernel)(size_t m, size_t n, const fv__tile *tile);
    /* The same for any multiple m of FV__LANES rows and n <= small_n columns,
     * with vectors along rows; a_step is 1. The prefetch distance is next - a,
     * in every row of A. The columns of C are c_column apart. */
    int32_t small_n;
    void (*microkernel_small_n)(size_t m, size_t n, const fv__tile *tile);
    /* Makes the calling thread's nontemporal stores visible to all threads. */
    void (*store_fence)(void);
    /* c[i] = fma(x, y, c[i]), k times, for mr nr elements in registers */
    void (*peak)(size_t k, double x, double y, void *c);

    /* Transposes the m x n matrix x: y[j][i] = x[i][j] for i < m, and 0 for
     * m <= i < width. Rows are x_row and y_row elements apart. */
    void (*transpose)(size_t m, size_t n, const void *x, size_t x_row, void *y,
                      size_t y_row, size_t width);

    /* The transforms of Winograd's convolution, of n channels or filters each.
     * U = G g G^T, where taps of g are g_tap elements apart */
    void (*winograd_filter)(fv__scheme f, size_t n, const void *g,
                            ptrdiff_t g_tap, const fv__transformed_tile *u);
    /* V = B^T d B, where d points to the pixels of a tile, row by row */
    void (*winograd_input)(fv__scheme f, size_t n, const void *const *d,
                           const fv__transformed_tile *v);
    /* Y = A^T M A */
    void (*winograd_output)(fv__scheme f, size_t n,
                            const fv__winograd_output *output);
    /* Y = A^T [sum over depth of U . V] A for a row of tiles, n filters */
    void (*winograd_small_channels)(fv__scheme f, size_t n,
                                    const fv__winograd_small_channels *row);
    /* The adjoint of the output transform: Z = A dY A^T, where dy points to the
     * pixels of a tile */
    void (*winograd_output_grad)(fv__scheme f, size_t n, const void *const *dy,
                                 const fv__transformed_tile *z);
    /* The adjoint of the filter transform: dg = G^T dU G, or dg += with
     * `accumulate`, where taps of dg are dg_tap elements apart */
    void (*winograd_filter_grad)(fv__scheme f, size_t n,
                                 const fv__transformed_tile *du, void *dg,
                                 size_t dg_tap, bool accumulate);
    /* Depthwise convolution and its weight gradient: see kernel/depthwise.h. */
    void (*depthwise)(const fv__depthwise *d);
    void (*depthwise_grad)(const fv__depthwise_grad *d);
    /* Grouped convolution: see kernel/grouped.h. A vector has nr / 2 lanes; x,
     * weight and out of replicated channels are aligned to its size. */
    void (*replicate)(const fv__replicate *r);
    void (*grouped)(const fv__grouped *g);

    /* rows [m][n]: y = softmax(x) */
    void (*softmax)(size_t m, size_t n, const void *x, void *y);
    /* dx += y (dy - <dy, y>) */
    void (*softmax_grad)(size_t m, size_t n, const void *y, const void *dy,
                         void *dx);
    /* y = log(softmax(x)) */
    void (*log_softmax)(size_t m, size_t n, const void *x, void *y);
    /* dx += dy - exp(y) sum dy */
    void (*log_softmax_grad)(size_t m, size_t n, const void *y, const void *dy,
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
    /* y[i] = f(x[i], t[i]); w may be NULL where f does without it */
    void (*loss)(fv__loss f, size_t n, const void *x, const void *t,
                 const void *w, double p, double q, void *y);
    /* d[i] = df/dx or, for operand 1, df/dt where f has it; overwrites d */
    void (*loss_slope)(fv__loss f, int operand, size_t n, const void *x,
                       const void *t, const void *w, double p, double q,
                       void *d);
    /* A step of connectionist temporal classification over n states:
     * to[i] = emit[i] + log(exp(from[i]) + exp(from[i - 1])
     * + exp(skip[i] + from[i - 2])), where from begins two elements before
     * state 0 */
    void (*ctc_step)(size_t n, const void *from, const void *skip,
                     const void *emit, void *to);

    /* Pools of one image, or of some of its windows: begin[] is then that of
     * the first of them, and may be negative. Largest of each window, and where
     * (flat in the image d h w, -1: the window has no tap in it; NULL: not
     * kept). */
    void (*maxpool)(const fv__geometry *g, const void *x, void *y,
                    int32_t *where);
    void (*maxpool_grad)(const fv__geometry *g, const int32_t *where,
                         const void *dy, void *dx,
                         fv__accumulation accumulation);
    /* Sum of each window, divided by that number, or by a count of taps. */
    void (*avgpool)(const fv__geometry *g, int64_t divisor, const void *x,
                    void *y);
    void (*avgpool_grad)(const fv__geometry *g, int64_t divisor, const void *dy,
                         void *dx, fv__accumulation accumulation);
    /* (sum of x^p)^(1/p) of each window; no gradient passes where it is 0. */
    void (*lppool)(const fv__geometry *g, double p, const void *x, void *y);
    void (*lppool_grad)(const fv__geometry *g, double p, const void *x,
                        const void *y, const void *dy, void *dx,
                        fv__accumulation accumulation);
    /* y[where[i][j]][j] = x[i][j] for i < m and j < c, in ascending order; the
     * other elements of y, [plane][c], are zero. What lies outside of y is left
     * out. */
    void (*max_unpool)(size_t m, size_t plane, size_t c, const int64_t *where,
                       const void *x, void *y);
    /* dx[i][j] (+)= dy[where[i][j]][j] */
    void (*max_unpool_grad)(size_t m, size_t plane, size_t c,
                            const int64_t *where, const void *dy, void *dx,
                            fv__accumulation accumulation);

    /* Weighted sums along an axis: see kernel/resample.h. */
    void (*resample)(const fv__resample *r);
    /* y = x at the points of a grid: see kernel/sample.h */
    void (*sample)(const fv__sample *s, const void *x, void *y);
    /* Adds the gradients of channels first .. end - 1 to dx, in the order of
     * the points. */
    void (*sample_grad)(const fv__sample *s, size_t first, size_t end,
                        const void *dy, void *dx);
    /* dgrid += the gradient by the points' coordinates */
    void (*sample_grid_grad)(const fv__sample *s, const void *x, const void *dy,
                             void *dgrid);

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
                                  fv__accumulation accumulation);

    /* Normalises each of m rows of n: see kernel/normalise.h. y may be x.
     * statistics [m][2] receives mean and factor of each row, unless NULL. */
    void (*row_normalise)(size_t m, size_t n, const fv__row_normal *normal,
                          const void *x, void *statistics, void *y);
    /* dx (+)= the gradient of those rows; dx may be dy */
    void (*row_normalise_grad)(size_t m, size_t n, const fv__row_normal *normal,
                               const void *statistics, const void *dy,
                               const void *x, void *dx,
                               fv__accumulation accumulation);
    /* Of n columns of m rows, `step` elements apart: dot[j] of dy[i][j]
     * (x[i][j] - mean_i) factor_i, and sum[j] of dy[i][j] */
    void (*row_slopes)(size_t m, size_t n, size_t step, const void *statistics,
                       const void *dy, const void *x, void *dot, void *sum);
    /* Local response normalisation of rows [m][c]: see kernel/normalise.h.
     * y may be x; the buffer has fv__lrn_buffer numbers. */
    void (*lrn)(size_t m, size_t c, const fv__lrn *lrn, const void *x, void *y,
                void *buffer);
    /* dx (+)= its gradient; dx may be dy */
    void (*lrn_grad)(size_t m, size_t c, const fv__lrn *lrn, const void *dy,
                     const void *x, void *dx, fv__accumulation accumulation,
                     void *buffer);

    /* A step of an optimizer on n weights w with gradients g, which the rule
     * may overwrite, and arrays of state s, NULL where not in use: see
     * kernel/optimizer.h. */
    void (*update)(size_t n, const struct fv__update *update, void *g, void *w,
                   void *const s[]);

    /* A step of n units of a recurrent cell, whose gates lie `gate` elements
     * apart. LSTM, of the sums of gates i, f, g, o, which become the gates:
     * c = f c_before + i g, h = o tanh(c); c may be c_before */
    void (*lstm)(size_t n, size_t gate, void *gates, const void *c_before,
                 void *c, void *h);
    /* The gates become the gradients of their sums, and dc, the gradient of c
     * but for that through h, the gradient of c_before. */
    void (*lstm_grad)(size_t n, size_t gate, void *gates, const void *c_before,
                      const void *c, const void *dh, void *dc);
    /* GRU, of the sums of gates r and z, that of n from the state and that of n
     * from the input: h = (1 - z) n + z h_before. The third stays, the others
     * become the gates. */
    void (*gru)(size_t n, size_t gate, void *gates, const void *h_before,
                void *h);
    /* The gates become the gradients of the four sums, and dh that of h_before
     * but for those through them. */
    void (*gru_grad)(size_t n, size_t gate, void *gates, const void *h_before,
                     void *dh);

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

#endif
