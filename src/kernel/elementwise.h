/* Functions of one and of two elements, the arguments of the kernels unary,
 * binary, compare and connect. */
#ifndef FV_KERNEL_ELEMENTWISE_H
#define FV_KERNEL_ELEMENTWISE_H

#include "base/base.h"

/* Functions of one element x with parameters p and q. A derivative gets x, y =
 * f(x) and the gradient of y, and reads only those that it needs. */
typedef enum fv__unary {
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
    /* min(max(x, p), q). The gradient is 0 where x <= p or x >= q; if q is
     * infinite there is no upper limit. A NaN is not clamped, and its gradient
     * passes. */
    FV__CLAMP,
    FV__LEAKY_RELU, /* x > 0 ? x : p x */
    FV__ELU,        /* x > 0 ? q x : p (exp(x) - 1) */
    FV__CELU,       /* x > 0 ? x : p (exp(x / p) - 1), p > 0 */
    FV__SOFTPLUS,   /* log(1 + exp(p x)) / p; x where p x > q */
    FV__SOFTSIGN,   /* x / (1 + |x|) */
    FV__GELU,       /* x times the normal distribution up to x */
    FV__GELU_TANH,  /* x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 */
    FV__SILU,       /* x / (1 + exp(-x)) */
    FV__MISH,       /* x tanh(log(1 + exp(x))) */
    /* min(max(x + 3, 0), 6) / 6. The gradient is 0 where x <= -3 or x >= 3. */
    FV__HARD_SIGMOID,
    /* x min(max(x + 3, 0), 6) / 6. The gradient at -3 is that to the right. */
    FV__HARD_SWISH,
    FV__SCALE_ADD,  /* p x + q; product and sum are rounded one after the other
                     */
    FV__POWER,      /* x^p */
    FV__RECIPROCAL, /* p / x */
    FV__ERF,        /* the error function */
    /* The gradient of the following is 0. */
    FV__FLOOR,
    FV__CEIL,
    FV__ROUND, /* halves to even */
    FV__SIGN   /* -1, 0 or 1; of NaN, NaN */
} fv__unary;

/* Functions of two elements. */
typedef enum fv__binary {
    FV__ADD,
    FV__SUB,
    FV__MUL,
    FV__DIV,
    FV__POW,
    FV__MINIMUM,
    FV__MAXIMUM,
    FV__PRELU,     /* a > 0 ? a : b a */
    FV__REMAINDER, /* a - b floor(a / b), exact: it has the sign of b */
    FV__FMOD       /* a - b trunc(a / b), exact: it has the sign of a */
} fv__binary;

/* Comparisons of two elements. NaN is unequal to all numbers and neither less
 * nor greater. */
typedef enum fv__relation {
    FV__EQUAL,
    FV__NOT_EQUAL,
    FV__LESS,
    FV__LESS_OR_EQUAL
} fv__relation;

/* Functions of two truth values. */
typedef enum fv__connective {
    FV__AND,
    FV__OR,
    FV__XOR,
    FV__NOR /* neither */
} fv__connective;

/* Terms of losses: functions of an element x and its target t with parameters p
 * and q and, where the comment has it, a weight w of the element. */
typedef enum fv__loss {
    FV__L1,        /* |x - t| */
    FV__HUBER,     /* with d = x - t: d^2 / 2 where |d| < p, else
                      p (|d| - p / 2) */
    FV__SMOOTH_L1, /* the same divided by p; |d| where p = 0 */
    /* -t max(log x, -100) - (1 - t) max(log(1 - x), -100) */
    FV__BINARY_CROSS_ENTROPY,
    FV__KL,                    /* t (log t - x), 0 where t = 0 */
    FV__KL_LOG,                /* exp(t) (t - x) */
    FV__SIGMOID_CROSS_ENTROPY, /* max(x, 0) - x t + log(1 + exp(-|x|)) */
    FV__LOGIT, /* w t log(1 + exp(-x)) + (1 - t) log(1 + exp(x)) */
    /* cross-entropy of the sigmoid, times u^q and, where 0 <= p, times
     * p t + (1 - p) (1 - t); u is the probability of what t is not */
    FV__SIGMOID_FOCAL,
    FV__FOCAL /* of a cross-entropy x: (1 - exp(-x))^q x; t is not read */
} fv__loss;

#endif
