/* Optimizers: an update rule and its state for a list of variables. */
#include "train/train.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void destroy(void *object)
{
    fv_optimizer *optimizer = object;
    if (!optimizer->network)
        fv__release(optimizer->context, optimizer->variables);
    fv__release(optimizer->context, optimizer->state);
    fv__release(optimizer->context, optimizer);
}

void fv_optimizer_free(fv_optimizer *optimizer) { fv__destroy(optimizer); }

/* ---- making ------------------------------------------------------------- */

static fv_context *context_of(const fv_network *network, fv_variables variables)
{
    if (network) return network->context;
    return variables.count > 0 && variables.at
               ? fv_variable_context(variables.at[0])
               : NULL;
}

static fv_status copy_list(fv_optimizer *optimizer, fv_variables list)
{
    fv_context *context = optimizer->context;
    optimizer->variables =
        fv__allocate(context, FV__RUN, (size_t)list.count * sizeof *list.at);
    if (!optimizer->variables) return fv_failed(context);
    for (int64_t i = 0; i < list.count; i++) {
        fv_variable *variable = list.at[i];
        if (!variable || variable->context != context || variable->graph)
            return fv_fail(context, FV_MISUSE, "optimizer: variable %lld is %s",
                           (long long)i,
                           !variable         ? "NULL"
                           : variable->graph ? "not a leaf"
                                             : "of another context");
        optimizer->variables[i] = variable;
    }
    optimizer->count = list.count;
    return FV_OK;
}

static fv_status take_variables(fv_optimizer *optimizer, fv_variables list)
{
    fv_context *context = optimizer->context;
    fv_network *network = optimizer->network;
    if (network && fv__network_seal(network) == FV_OK) {
        optimizer->variables = network->variables;
        optimizer->count = network->num_variables;
    } else if (!network) {
        copy_list(optimizer, list);
    }
    for (int64_t i = 0; fv__ok(context) && i < optimizer->count; i++)
        optimizer->slot_bytes +=
            fv__align(fv__tensor_bytes(&optimizer->variables[i]->value));
    return fv_failed(context);
}

static fv_optimizer *make(fv_network *network, fv_variables list, fv__rule rule)
{
    fv_context *context = context_of(network, list);
    if (!fv__ok(context)) return NULL;
    fv_optimizer *optimizer =
        fv__allocate_zero(context, FV__RUN, sizeof *optimizer);
    if (!optimizer) return NULL;
    optimizer->context = context;
    optimizer->network = network;
    optimizer->rule = rule;
    fv__adopt(context, &optimizer->object, destroy);
    if (take_variables(optimizer, list) == FV_OK) return optimizer;
    fv__destroy(optimizer);
    return NULL;
}

/* Checks an option that must be at least 0. */
static void check_least(fv_context *context, const char *who, const char *what,
                        double value)
{
    if (value >= 0 && isfinite(value)) return;
    fv_fail(context, FV_MISUSE, "%s: %s %s is not a number of at least 0", who,
            what, FV__NUMBER(value));
}

/* Checks an option that must be at least 0 and below 1. */
static void check_share(fv_context *context, const char *who, const char *what,
                        double value)
{
    if (value >= 0 && value < 1) return;
    fv_fail(context, FV_MISUSE, "%s: %s %s is not at least 0 and below 1", who,
            what, FV__NUMBER(value));
}

/* Checks an option that must be above 0 and below `high`. */
static void check_above(fv_context *context, const char *who, const char *what,
                        double value, double high)
{
    if (value > 0 && value < high) return;
    fv_fail(context, FV_MISUSE, "%s: %s %s is not above 0%s", who, what,
            FV__NUMBER(value), isinf(high) ? " and finite" : " and below 1");
}

/* Returns the optimizer; frees it and returns NULL if its options were wrong.
 */
static fv_optimizer *checked(fv_optimizer *optimizer)
{
    if (fv__ok(optimizer->context)) return optimizer;
    fv__destroy(optimizer);
    return NULL;
}

fv_optimizer *fv_sgd_new(const fv_sgd_options *options)
{
    if (!options) return NULL;
    fv_context *context = context_of(options->network, options->variables);
    fv_sgd_options o;
    if (!fv__ok(context) || !fv__options(context, "sgd", options, &o, sizeof o))
        return NULL;
    fv_optimizer *optimizer = make(o.network, o.variables, FV__RULE_SGD);
    if (!optimizer) return NULL;
    optimizer->sgd = (fv__sgd){
        .learning_rate = o.learning_rate,
        .momentum = o.momentum,
        .weight_decay = o.weight_decay,
        .nesterov = o.nesterov != 0,
    };
    optimizer->slots = optimizer->sgd.momentum != 0;
    check_least(context, "sgd", "learning_rate", o.learning_rate);
    check_share(context, "sgd", "momentum", o.momentum);
    check_least(context, "sgd", "weight_decay", o.weight_decay);
    if (o.nesterov && !optimizer->slots)
        fv_fail(context, FV_MISUSE, "sgd: nesterov needs a momentum above 0");
    return checked(optimizer);
}

static fv_optimizer *adam(const fv_adam_options *options, fv__rule rule)
{
    if (!options) return NULL;
    const char *who = rule == FV__RULE_ADAM ? "adam" : "adamw";
    fv_context *context = context_of(options->network, options->variables);
    fv_adam_options o;
    if (!fv__ok(context) || !fv__options(context, who, options, &o, sizeof o))
        return NULL;
    fv_optimizer *optimizer = make(o.network, o.variables, rule);
    if (!optimizer) return NULL;
    const bool usual = o.betas[0] == 0 && o.betas[1] == 0;
    fv__adam *a = &optimizer->adam;
    *a = (fv__adam){
        .learning_rate = o.learning_rate,
        .beta1 = usual ? 0.9 : o.betas[0],
        .beta2 = usual ? 0.999 : o.betas[1],
        .epsilon = o.epsilon == 0 ? 1e-8 : o.epsilon,
        .weight_decay = o.weight_decay,
        .decoupled = rule == FV__RULE_ADAMW,
    };
    optimizer->slots = 2;
    check_least(context, who, "learning_rate", a->learning_rate);
    check_share(context, who, "beta1", a->beta1);
    check_above(context, who, "beta2", a->beta2, 1);
    check_above(context, who, "epsilon", a->epsilon, (double)INFINITY);
    check_least(context, who, "weight_decay", a->weight_decay);
    return checked(optimizer);
}

fv_optimizer *fv_adam_new(const fv_adam_options *options)
{
    return adam(options, FV__RULE_ADAM);
}

fv_optimizer *fv_adamw_new(const fv_adam_options *options)
{
    return adam(options, FV__RULE_ADAMW);
}

/* ---- state -------------------------------------------------------------- */

static size_t state_bytes(const fv_optimizer *optimizer)
{
    size_t bytes;
    if (!fv__multiply((size_t)optimizer->slots, optimizer->slot_bytes, &bytes))
        return SIZE_MAX;
    if (optimizer->rule == FV__RULE_SGD) return bytes;
    return bytes + (size_t)optimizer->count * sizeof(int64_t);
}

size_t fv__optimizer_pending(const fv_optimizer *optimizer)
{
    if (optimizer->state || !optimizer->slots) return 0;
    return fv__footprint(state_bytes(optimizer));
}

fv_status fv__optimizer_ready(fv_optimizer *optimizer)
{
    if (optimizer->state || !optimizer->slots)
        return fv_failed(optimizer->context);
    optimizer->state =
        fv__allocate_zero(optimizer->context, FV__RUN, state_bytes(optimizer));
    if (optimizer->state && optimizer->rule != FV__RULE_SGD)
        optimizer->counts = (int64_t *)(void *)(optimizer->state
                                                + (size_t)optimizer->slots
                                                      * optimizer->slot_bytes);
    return fv_failed(optimizer->context);
}

const char *fv__optimizer_kind(const fv_optimizer *optimizer)
{
    if (optimizer->rule == FV__RULE_SGD)
        return optimizer->slots ? "sgd with momentum" : "sgd without momentum";
    return optimizer->rule == FV__RULE_ADAM ? "adam" : "adamw";
}

void fv__optimizer_text(const fv_optimizer *optimizer, char *out, size_t bytes)
{
    const fv__sgd *s = &optimizer->sgd;
    const fv__adam *a = &optimizer->adam;
    if (optimizer->rule == FV__RULE_SGD)
        snprintf(out, bytes, "momentum %s weight_decay %s nesterov %d",
                 FV__NUMBER(s->momentum), FV__NUMBER(s->weight_decay),
                 s->nesterov);
    else
        snprintf(out, bytes, "beta1 %s beta2 %s epsilon %s weight_decay %s",
                 FV__NUMBER(a->beta1), FV__NUMBER(a->beta2),
                 FV__NUMBER(a->epsilon), FV__NUMBER(a->weight_decay));
}

double fv_learning_rate(const fv_optimizer *optimizer)
{
    if (!optimizer) return (double)NAN;
    return optimizer->rule == FV__RULE_SGD ? optimizer->sgd.learning_rate
                                           : optimizer->adam.learning_rate;
}

fv_status fv_set_learning_rate(fv_optimizer *optimizer, double rate)
{
    if (!optimizer) return FV_MISUSE;
    check_least(optimizer->context, "optimizer", "learning_rate", rate);
    if (!fv__ok(optimizer->context)) return fv_failed(optimizer->context);
    optimizer->sgd.learning_rate = optimizer->adam.learning_rate = rate;
    return FV_OK;
}

/* ---- the update --------------------------------------------------------- */

enum { CHUNK = 16384 };

typedef struct update {
    const fv_optimizer *optimizer;
    fv_variable *variable;
    const fv__adam *adam; /* with the bias corrections of this variable */
    unsigned char *m, *v; /* state of this variable; NULL: none */
} update;

static unsigned char *offset(unsigned char *at, size_t bytes)
{
    return at ? at + bytes : NULL;
}

static void update_chunk(void *argument, size_t item, size_t worker)
{
    (void)worker;
    const update *u = argument;
    const fv__kernels *kernels = u->optimizer->context->kernels;
    size_t n = (size_t)fv_tensor_count(&u->variable->value);
    size_t first = item * CHUNK;
    if (n - first > CHUNK) n = first + CHUNK;
    size_t at = first * fv_dtype_bytes(kernels->dtype);
    unsigned char *g = (unsigned char *)u->variable->grad.data + at;
    unsigned char *w = (unsigned char *)u->variable->value.data + at;
    if (u->optimizer->rule == FV__RULE_SGD)
        kernels->sgd(n - first, &u->optimizer->sgd, g, w, offset(u->m, at));
    else
        kernels->adam(n - first, u->adam, g, w, offset(u->m, at),
                      offset(u->v, at));
    memset(g, 0, (n - first) * fv_dtype_bytes(kernels->dtype));
}

fv_status fv_optimizer_update(fv_optimizer *optimizer)
{
    if (!optimizer) return FV_MISUSE;
    fv_context *context = optimizer->context;
    if (!fv__ok(context) || fv__optimizer_ready(optimizer) != FV_OK)
        return fv_failed(context);
    context->changes++;
    fv__adam adam = optimizer->adam;
    int64_t corrected =
        0; /* number of the update that the corrections are for */
    size_t at = 0;
    for (int64_t i = 0; i < optimizer->count; i++) {
        fv_variable *variable = optimizer->variables[i];
        size_t n = (size_t)fv_tensor_count(&variable->value);
        update u = { .optimizer = optimizer,
                     .variable = variable,
                     .adam = &adam,
                     .m = offset(optimizer->state, at) };
        if (optimizer->slots == 2)
            u.v = offset(optimizer->state, at + optimizer->slot_bytes);
        at += fv__align(fv__tensor_bytes(&variable->value));
        if (!variable->requires_grad || !variable->grad.data) continue;
        if (optimizer->counts && ++optimizer->counts[i] != corrected) {
            corrected = optimizer->counts[i];
            adam.correction1 = 1 - pow(adam.beta1, (double)corrected);
            adam.correction2 = 1 - pow(adam.beta2, (double)corrected);
        }
        fv__parallel(context, (n + CHUNK - 1) / CHUNK, (double)n * 4,
                     update_chunk, &u);
    }
    return FV_OK;
}

void fv_zero_grad(fv_optimizer *optimizer)
{
    for (int64_t i = 0; optimizer && i < optimizer->count; i++)
        fv_variable_zero_grad(optimizer->variables[i]);
}
