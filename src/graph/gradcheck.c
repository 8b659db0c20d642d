/* The gradient checker compares backward passes with central differences. */
#include "graph/graph.h"

#include <math.h>

typedef struct check {
    fv_context *context;
    fv_function *function;
    void *user;
    fv_variables at;
    /* weights of the projection, of the shape of the result */
    fv_tensor weights;
} check;

/* Evaluates f at the current values. The first call also draws the weights. */
static fv_variable *apply(check *c)
{
    fv_variable *y = c->function(c->user, c->at);
    if (!y || c->weights.data) return y;
    const fv_tensor *value = &y->value;
    if (!fv__dtype_is_real(value->dtype)) {
        fv_fail(c->context, FV_MISUSE,
                "gradcheck: the result has type %s, which has no gradient",
                fv_dtype_name(value->dtype));
        return NULL;
    }
    c->weights =
        fv_tensor_new(c->context, value->dtype, value->rank, value->shape);
    if (!c->weights.data) return NULL;
    c->context->kernels->uniform(c->context->seed, FV__STREAM_CHECK, 0,
                                 (size_t)fv_tensor_count(value), 0.5, 1.5,
                                 c->weights.data);
    return y;
}

/* The dot product of f and the weights. */
static double evaluate(check *c)
{
    int former = fv_no_grad(c->context, 1);
    fv_variable *y = apply(c);
    double value = (double)NAN;
    if (y)
        value = c->context->kernels->dot((size_t)fv_tensor_count(&y->value),
                                         y->value.data, c->weights.data);
    fv_no_grad(c->context, former);
    fv_forget(c->context);
    return value;
}

static double get(const fv_tensor *tensor, int64_t i)
{
    return tensor->dtype == FV_F64 ? ((const double *)tensor->data)[i]
                                   : (double)((const float *)tensor->data)[i];
}

static void set(const check *c, const fv_tensor *tensor, int64_t i,
                double value)
{
    c->context->changes++;
    if (tensor->dtype == FV_F64)
        ((double *)tensor->data)[i] = value;
    else
        ((float *)tensor->data)[i] = (float)value;
}

/* The argument x of element i, as rounded to its type, and the value there. */
typedef struct point {
    double x, value;
} point;

static point sample(check *c, const fv_tensor *value, int64_t i, double x)
{
    set(c, value, i, x);
    return (point){ get(value, i), evaluate(c) };
}

/* Derivative at a of the parabola through a, b and c. */
static double slope(point a, point b, point c)
{
    double near = (b.value - a.value) / (b.x - a.x);
    double far = (c.value - b.value) / (c.x - b.x);
    return near + (near - far) * (b.x - a.x) / (c.x - a.x);
}

static double relative(double analytic, double numeric, double floor)
{
    double scale = fmax(fmax(fabs(analytic), fabs(numeric)), floor);
    return fabs(analytic - numeric) / scale;
}

/* An error that is small enough not to look closer. */
static const double enough = 1e-7;

/* Relative error of the derivative with respect to element i. Where the central
 * difference disagrees, a kink (of a ReLU or a maximum) may lie within the
 * step. One-sided differences are then tried on both sides: at least one side
 * has no kink nearby, and a wrong derivative disagrees with both. Their error
 * is that of rounding, in proportion to the value and to 1 / step, so that
 * where they disagree, too, longer steps are tried. */
static double check_element(check *c, fv_variable *variable, int64_t i,
                            double step, double floor)
{
    const fv_tensor *value = &variable->value;
    double x = get(value, i), analytic = get(&variable->grad, i);
    double h = step > 0 ? step : 6e-6 * fmax(1, fabs(x));
    point above = sample(c, value, i, x + h),
          below = sample(c, value, i, x - h);
    double numeric = (above.value - below.value) / (above.x - below.x);
    double error = relative(analytic, numeric, floor);
    point here = error > enough ? sample(c, value, i, x) : above;
    for (int k = -1; k < 3 && error > enough; k++)
        for (int side = -1; side <= 1; side += 2) {
            const double s = ldexp(h, 2 * k);
            point b = sample(c, value, i, x + side * s);
            point d = sample(c, value, i, x + side * 2 * s);
            error = fmin(error, relative(analytic, slope(here, b, d), floor));
        }
    set(c, value, i, x);
    return isnan(error) ? (double)INFINITY : error;
}

/* Largest relative error over the elements of one variable. */
static double check_one(check *c, fv_variable *variable, double step,
                        double floor)
{
    double worst = 0;
    for (int64_t i = 0; i < fv_tensor_count(&variable->value); i++)
        worst = fmax(worst, check_element(c, variable, i, step, floor));
    return worst;
}

double fv_gradcheck(fv_function *f, void *user, fv_variables at, double step,
                    double floor)
{
    if (!f || at.count < 1 || !at.at[0]) return (double)INFINITY;
    check c = {
        .context = at.at[0]->context, .function = f, .user = user, .at = at
    };
    for (int64_t i = 0; i < at.count; i++) {
        if (!at.at[i] || at.at[i]->graph) {
            fv_fail(c.context, FV_MISUSE, "gradcheck: variable %lld is %s",
                    (long long)i, at.at[i] ? "not a leaf" : "NULL");
            return (double)INFINITY;
        }
        fv_variable_zero_grad(at.at[i]);
    }
    fv_forget(c.context);
    double worst = 0;
    c.context->checking = true;
    fv_variable *y = apply(&c);
    if (y && fv__backprop(y, &c.weights) == FV_OK)
        for (int64_t i = 0; i < at.count && fv__ok(c.context); i++) {
            if (!at.at[i]->requires_grad || !fv__leaf_grad(at.at[i])) continue;
            worst = fmax(
                worst, check_one(&c, at.at[i], step, floor > 0 ? floor : 1e-2));
        }
    c.context->checking = false;
    fv_forget(c.context);
    for (int64_t i = 0; i < at.count; i++) fv_variable_zero_grad(at.at[i]);
    fv_tensor_free(c.context, &c.weights);
    return fv__ok(c.context) ? worst : (double)INFINITY;
}
