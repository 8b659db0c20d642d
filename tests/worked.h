/* Convolutions with all their numbers, whole ones, as num.cr and CS231n worked
 * them out, in the orders NCHW and OIHW. */
#ifndef FV_TESTS_WORKED_H
#define FV_TESTS_WORKED_H

#include "support.h"

/* ---- the numbers -------------------------------------------------------- */

/* A: one plane, padding 1; upstream gradients 1, then 1..16. */
static const double a_x[] = { 1, 2, 0, 0, 5, 3, 0, 4, 0, 0, 0, 7, 9, 3, 0, 0 };
static const double a_w[] = { 1, 1, 1, 1, 1, 0, 1, 0, 0 };
static const double a_y[] = { 1, 8,  5,  0,  8, 11, 5,  4,
                              8, 17, 10, 11, 9, 12, 10, 7 };
static const double a_dx1[] = {
    4, 5, 5, 3, 5, 6, 6, 3, 5, 6, 6, 3, 3, 3, 3, 1
};
static const double a_dw1[] = { 11, 22, 16, 23, 34, 19, 20, 31, 17 };
static const double a_dx2[] = { 14, 23, 28, 19, 32, 46, 52, 31,
                                52, 70, 76, 43, 37, 40, 43, 16 };
static const double a_dw2[] = { 103, 252, 186, 230, 323, 161, 142, 194, 91 };

/* B: three channels, two filters, stride 2, padding 1; upstream gradients 1,
 * then 1..18. */
static const double b_x[] = { 2, 2, 0, 2, 1, 0, 1, 1, 0, 2, 1, 2, 1, 2, 1,
                              2, 2, 0, 0, 2, 2, 1, 1, 1, 2, 2, 0, 1, 1, 1,
                              2, 2, 0, 0, 2, 2, 2, 1, 0, 0, 1, 1, 2, 2, 0,
                              2, 1, 1, 1, 0, 0, 1, 2, 2, 0, 1, 1, 1, 1, 0,
                              2, 1, 2, 2, 0, 0, 2, 2, 2, 1, 0, 0, 2, 2, 1 };
static const double b_w[] = { -1, -1, -1, 1,  0,  1, 0,  -1, 0,  1,  0,
                              -1, 1,  -1, 1,  0,  1, 0,  0,  0,  1,  -1,
                              -1, -1, -1, 0,  0,  0, 1,  0,  1,  -1, -1,
                              1,  1,  -1, -1, 0,  1, -1, -1, 1,  1,  1,
                              0,  0,  1,  1,  -1, 1, -1, -1, -1, 0 };
static const double b_y[] = { 2,  -2, 0, -3, 2,  -5, -2, -1, 0,
                              -7, 1,  0, 3,  -3, 2,  1,  3,  -2 };
static const double b_dx1[] = {
    -1, 2,  -1, 2,  -1, 0,  -2, 0,  -2, 0,  -1, 2,  -1, 2,  -1, 0,  -2, 0, -2,
    0,  -1, 2,  -1, 2,  -1, -2, 2,  -2, 2,  -2, 2,  1,  2,  1,  2,  -2, 2, -2,
    2,  -2, 2,  1,  2,  1,  2,  -2, 2,  -2, 2,  -2, 0,  -4, 0,  -4, 0,  0, 0,
    0,  0,  0,  0,  -4, 0,  -4, 0,  0,  0,  0,  0,  0,  0,  -4, 0,  -4, 0
};
static const double b_dw1[] = { 3, 7, 3,  10, 11, 10, 3, 7, 3, 5, 7, 5, 5,  10,
                                5, 5, 7,  5,  6,  5,  6, 8, 9, 8, 6, 5, 6,  3,
                                7, 3, 10, 11, 10, 3,  7, 3, 5, 7, 5, 5, 10, 5,
                                5, 7, 5,  6,  5,  6,  8, 9, 8, 6, 5, 6 };
static const double b_dx2[] = {
    -10, 4,   -11, 6,   -12, 18,  -8,  18,  -10, 18,  -13, 10,  -14, 12,  -15,
    18,  -14, 18,  -16, 18,  -16, 16,  -17, 18,  -18, -11, 2,   -13, 4,   -15,
    11,  11,  13,  12,  15,  -17, 8,   -19, 10,  -21, 17,  14,  19,  15,  21,
    -23, 14,  -25, 16,  -27, 9,   -24, 9,   -28, 9,   3,   4,   3,   4,   3,
    9,   -36, 9,   -40, 9,   3,   4,   3,   4,   3,   9,   -48, 9,   -52, 9
};
static const double b_dw2[] = { 21, 49,  18, 49,  60,  39,  12, 28, 9,
                                36, 43,  31, 30,  42,  25,  21, 22, 16,
                                45, 34,  39, 43,  47,  35,  27, 19, 21,
                                48, 112, 45, 139, 159, 129, 39, 91, 36,
                                81, 106, 76, 75,  132, 70,  66, 85, 61,
                                99, 79,  93, 115, 128, 107, 81, 64, 75 };

/* C: a batch of two, padding 1; x = ((7 k + 3) mod 11) - 5, w =
 * ((5 k + 1) mod 7) - 3, upstream gradients ((3 k + 2) mod 7) - 3, then 1. */
static const double c_y[] = { -11, -32, -7,  -4,  -11, 17,  13,  -53, 13,  17,
                              1,   -31, -9,  -9,  -22, 6,   14,  11,  -25, 20,
                              -39, 19,  -9,  -4,  1,   -11, -50, 35,  21,  46,
                              -28, -32, 42,  -38, -2,  27,  0,   -29, 8,   -10,
                              13,  5,   -25, 11,  5,   1,   -31, -9,  -9,  -22,
                              18,  35,  13,  -53, 38,  34,  -1,  -4,  -7,  -4,
                              -12, -22, 27,  10,  34,  -28, -32, 42,  -38, -2,
                              43,  -25, -50, 35,  -6,  3,   -24, -31, 17,  -9 };
static const double c_dx[] = {
    -3,  -10, -2,  13,  5,   13,  -21, 11,  -20, 18, 15,  6,   17,  -21, 24,
    -1,  15,  -18, 19,  5,   13,  -2,  2,   -8,  -1, 13,  -24, 23,  -14, -8,
    -12, -6,  20,  -24, 6,   -28, 11,  -5,  0,   5,  -13, 20,  -29, 34,  -28,
    13,  -20, 0,   13,  -6,  24,  -25, 23,  -20, 16, 15,  0,   8,   -12, 12,
    13,  -12, 3,   -10, 5,   15,  6,   17,  -21, 24, 10,  5,   2,   6,   16,
    -5,  11,  -22, 15,  -22, -3,  -17, 15,  -2,  -5, -12, -6,  20,  -24, 6,
    -23, 5,   -4,  -6,  6,   -22, 15,  -22, 11,  -5, 16,  -8,  -8,  20,  -22,
    24,  -25, 23,  -20, 16,  21,  -16, 25,  -25, 24, 10,  -2,  13,  0,   5
};
static const double c_dw[] = { -18, 45,  -38, 62,  -31, -1,  10,  -9,  51,
                               -38, -2,  -50, -46, 35,  19,  44,  -39, 5,
                               -25, 39,  -7,  22,  -20, -38, -10, -47, 25,
                               44,  -36, -3,  -46, -23, 1,   -38, 28,  -24,
                               10,  -21, 56,  62,  24,  -9,  -18, -5,  11,
                               31,  -28, 5,   -17, -39, 58,  -31, 72,  -31 };
static const double c_dx1[] = {
    -5, -2, -2,  -2, 0,  -5, -1, -1, -1, -1,  -5, -1, -1, -1, -1,  -4,  -4, -4,
    -4, -6, 5,   -1, -1, -1, -4, 10, 4,  4,   4,  0,  10, 4,  4,   4,   0,  6,
    4,  4,  4,   4,  -6, 0,  0,  0,  6,  -10, -5, -5, -5, 1,  -10, -5,  -5, -5,
    1,  -5, -2,  -2, -2, 0,  -5, -2, -2, -2,  0,  -5, -1, -1, -1,  -1,  -5, -1,
    -1, -1, -1,  -4, -4, -4, -4, -6, 5,  -1,  -1, -1, -4, 10, 4,   4,   4,  0,
    10, 4,  4,   4,  0,  6,  4,  4,  4,  4,   -6, 0,  0,  0,  6,   -10, -5, -5,
    -5, 1,  -10, -5, -5, -5, 1,  -5, -2, -2,  -2, 0
};
static const double c_dw1[] = { 12, -1,  -7, 15,  2,   -3, 16,  4,  -3, -16, -3,
                                9,  -15, -8, 0,   -12, -9, -9,  0,  6,  3,   -1,
                                4,  3,   -7, 0,   7,   12, -1,  -7, 15, 2,   -3,
                                16, 4,   -3, -16, -3,  9,  -15, -8, 0,  -12, -9,
                                -9, 0,   6,  3,   -1,  4,  3,   -7, 0,  7 };

/* D: everything unequal; x and w as in C, upstream gradients 1..18. */
static const double d_y[] = { -23, -8, 18,  -15, -40, 23,  -3,  -15, 17,
                              17,  -6, -18, -14, 36,  -13, -22, 33,  -22 };
static const double d_dx[] = { -19, 9,   10,  33,  25,  27, 29,  12, -22, 12,
                               13,  39,  19,  33,  35,  24, -25, 15, 16,  45,
                               3,   -13, -11, -21, -10, 14, 11,  21, 12,  -7,
                               -5,  -24, -13, 5,   2,   15, 21,  -1, 1,   -27 };
static const double d_dw[] = { 8,  17,  -11, -37, -1,  14, 56,  43,
                               -3, -18, 35,  28,  35,  26, -20, -73,
                               26, 23,  119, 88,  -57, 0,  98,  73 };

/* ---- the cases ---------------------------------------------------------- */

/* A list or, if it is NULL, ((a k + b) mod m) - c for the k-th number. */
typedef struct worked_numbers {
    const double *list;
    int64_t a, b, m, c;
} worked_numbers;

/* Shapes are n, c, h, w and filters, c, kh, kw; padding is that of both sides.
 */
typedef struct worked {
    int64_t x_shape[4], w_shape[4], y_shape[4], padding[2], stride[2];
    worked_numbers x, w;
    double bias[2];
    worked_numbers y, dy, dx, dw;
    double db[2];
} worked;

/* clang-format off */
#define WORKED_X { NULL, 7, 3, 11, 5 }
#define WORKED_W { NULL, 5, 1, 7, 3 }
#define WORKED_MIXED { NULL, 3, 2, 7, 3 }
#define WORKED_ONES { NULL, 0, 1, 2, 0 }
#define WORKED_COUNT { NULL, 1, 1, 99, 0 }
#define WORKED_A { 1,1,4,4 }, { 1,1,3,3 }, { 1,1,4,4 }, { 1,1 }, { 1,1 }
#define WORKED_B { 1,3,5,5 }, { 2,3,3,3 }, { 1,2,3,3 }, { 1,1 }, { 2,2 }
#define WORKED_C { 2,3,4,5 }, { 2,3,3,3 }, { 2,2,4,5 }, { 1,1 }, { 1,1 }
#define WORKED_D { 1,2,5,4 }, { 2,2,3,2 }, { 1,2,3,3 }, { 1,0 }, { 2,1 }
static const worked worked_cases[] = {
    { WORKED_A, { .list = a_x }, { .list = a_w }, { 0 }, { .list = a_y },
      WORKED_ONES, { .list = a_dx1 }, { .list = a_dw1 }, { 16 } },
    { WORKED_A, { .list = a_x }, { .list = a_w }, { 0 }, { .list = a_y },
      WORKED_COUNT, { .list = a_dx2 }, { .list = a_dw2 }, { 136 } },
    { WORKED_B, { .list = b_x }, { .list = b_w }, { 1, 0 }, { .list = b_y },
      WORKED_ONES, { .list = b_dx1 }, { .list = b_dw1 }, { 9, 9 } },
    { WORKED_B, { .list = b_x }, { .list = b_w }, { 1, 0 }, { .list = b_y },
      WORKED_COUNT, { .list = b_dx2 }, { .list = b_dw2 }, { 45, 126 } },
    { WORKED_C, WORKED_X, WORKED_W, { 1, -2 }, { .list = c_y },
      WORKED_MIXED, { .list = c_dx }, { .list = c_dw }, { 0, -1 } },
    { WORKED_C, WORKED_X, WORKED_W, { 1, -2 }, { .list = c_y },
      WORKED_ONES, { .list = c_dx1 }, { .list = c_dw1 }, { 40, 40 } },
    { WORKED_D, WORKED_X, WORKED_W, { 1, -2 }, { .list = d_y },
      WORKED_COUNT, { .list = d_dx }, { .list = d_dw }, { 45, 126 } },
};
/* clang-format on */
enum { WORKED_CASES = sizeof worked_cases / sizeof *worked_cases };
enum { WORKED_MOST = 128 }; /* numbers of one array */

static inline int64_t worked_count(const int64_t shape[4])
{
    return shape[0] * shape[1] * shape[2] * shape[3];
}

/* The k-th number. */
static inline double worked_at(const worked_numbers *n, int64_t k)
{
    return n->list ? n->list[k] : (double)((n->a * k + n->b) % n->m - n->c);
}

/* From [n, c, h, w] to [n, h, w, c]. */
static inline void worked_nhwc(const worked_numbers *n, const int64_t shape[4],
                               double to[WORKED_MOST])
{
    const int64_t c = shape[1], h = shape[2], w = shape[3];

    assert_in_range(worked_count(shape), 1, WORKED_MOST);
    for (int64_t k = 0; k < worked_count(shape); k++) {
        const int64_t pixel = k / (w * h * c) * h * w + k % (h * w);

        to[pixel * c + k / (w * h) % c] = worked_at(n, k);
    }
}

#endif
