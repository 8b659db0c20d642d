/* The gradient checker: backward against central differences. */
#include "graph/graph.h"

#include <math.h>

typedef struct check {
    fv_context *context;
    fv_function *function;
    void *user;
    fv_variables at;
    fv_tensor weights; /* of the projection, of the result's shape */
} check;

/* f at the present values; makes the weights on the first call. */
static fv_variable *apply(check *c)
{
    fv_variable *y = c->function(c->user, c->at);
    if (!y || c->weights.data) return y;
    const fv_tensor *value = &y->value;
    c->weights =
        fv_tensor_new(c->context, value->dtype, value->rank, value->shape);
    if (!c->weights.data) return NULL;
    c->context->kernels->uniform(c->context->seed, FV__STREAM_CHECK, 0,
                                 (size_t)fv_tensor_count(value), 0.5, 1.5,
                                 c->weights.data);
    return y;
}

/* The projection of f on the weights. */
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

static void set(const fv_tensor *tensor, int64_t i, double value)
{
    if (tensor->dtype == FV_F64)
        ((double *)tensor->data)[i] = value;
    else
        ((float *)tensor->data)[i] = (float)value;
}

/* Largest relative error over the elements of one variable. */
static double check_one(check *c, fv_variable *variable, double step,
                        double floor)
{
    double worst = 0;
    const fv_tensor *value = &variable->value;
    for (int64_t i = 0; i < fv_tensor_count(value); i++) {
        double x = get(value, i);
        double h = step > 0 ? step : 6e-6 * fmax(1, fabs(x));
        set(value, i, x + h);
        double above = evaluate(c), x_above = get(value, i);
        set(value, i, x - h);
        double below = evaluate(c), x_below = get(value, i);
        set(value, i, x);
        double numeric = (above - below) / (x_above - x_below);
        double analytic = get(&variable->grad, i);
        double scale = fmax(fmax(fabs(analytic), fabs(numeric)), floor);
        double error = fabs(analytic - numeric) / scale;
        if (!(error <= worst)) worst = error;
        if (isnan(worst)) return (double)INFINITY;
    }
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
    fv_variable *y = apply(&c);
    if (y && fv__backprop(y, &c.weights) == FV_OK) {
        fv_forget(c.context);
        for (int64_t i = 0; i < at.count && fv__ok(c.context); i++) {
            if (!at.at[i]->requires_grad || !fv__leaf_grad(at.at[i])) continue;
            worst = fmax(
                worst, check_one(&c, at.at[i], step, floor > 0 ? floor : 1e-2));
        }
    }
    for (int64_t i = 0; i < at.count; i++) fv_variable_zero_grad(at.at[i]);
    fv_tensor_free(c.context, &c.weights);
    return fv__ok(c.context) ? worst : (double)INFINITY;
}
