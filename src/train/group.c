/* Parameters by a pattern of their names: their learning rate, their weight
 * decay, and whether they are trained. */
#include "train/optimizer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Whether the text fits the pattern: * is any characters, ? is one. */
static bool fits(const char *pattern, const char *text)
{
    const char *star = NULL, *from = NULL;
    while (*text) {
        if (*pattern == '*') {
            star = pattern++;
            from = text;
        } else if (*pattern == '?' || *pattern == *text) {
            pattern++;
            text++;
        } else if (star) { /* the star takes one character more */
            pattern = star + 1;
            text = ++from;
        } else {
            return false;
        }
    }
    while (*pattern == '*') pattern++;
    return !*pattern;
}

/* Calls `set` for the trainable parameters of a network whose names,
 * "conv1.weight", fit the pattern; refuses a pattern that fits none. */
static fv_status each(fv_network *network, const char *who, const char *pattern,
                      void (*set)(void *argument, int64_t index),
                      void *argument)
{
    fv_context *context = network->context;
    char name[512], shown[128];
    int64_t index = 0, found = 0;
    if (!pattern)
        return fv_fail(context, FV_MISUSE, "%s: the pattern is NULL", who);
    for (int32_t i = 0; i < network->count; i++) {
        const fv_layer *layer = network->places[i].layer;
        for (int32_t k = 0; k < layer->num_parameters; k++) {
            if (!layer->parameters[k].trainable) continue;
            snprintf(name, sizeof name, "%s.%s", layer->name,
                     layer->parameters[k].name);
            if (fits(pattern, name)) {
                found++;
                set(argument, index);
            }
            index++;
        }
    }
    if (found) return FV_OK;
    return fv_fail(
        context, FV_MISUSE, "%s: no parameter fits \"%s\"", who,
        fv__printable(pattern, strlen(pattern), shown, sizeof shown));
}

/* ---- groups of an optimizer ---------------------------------------------- */

static bool can_group(fv_optimizer *optimizer)
{
    if (!optimizer || !fv__ok(optimizer->context)) return false;
    if (optimizer->groups) return true;
    optimizer->groups =
        fv__allocate(optimizer->context, FV__RUN,
                     (size_t)optimizer->count * sizeof *optimizer->groups);
    for (int64_t i = 0; optimizer->groups && i < optimizer->count; i++)
        optimizer->groups[i] = (fv__group){ .factor = 1, .decay = (double)NAN };
    return optimizer->groups != NULL;
}

static bool can_name(fv_optimizer *optimizer, const char *what, double value)
{
    if (!optimizer || !fv__ok(optimizer->context)) return false;
    if (!optimizer->network)
        fv_fail(optimizer->context, FV_MISUSE,
                "optimizer: a list of variables has no names to fit a pattern");
    else if (!(value >= 0 && isfinite(value)))
        fv_fail(optimizer->context, FV_MISUSE,
                "optimizer: %s %s is not a number of at least 0", what,
                FV__NUMBER(value));
    return fv__ok(optimizer->context) && can_group(optimizer);
}

/* A number for the groups of some variables. */
typedef struct setting {
    fv__group *groups;
    double value;
} setting;

static void set_factor(void *argument, int64_t index)
{
    const setting *s = argument;
    s->groups[index].factor = s->value;
}

static void set_decay(void *argument, int64_t index)
{
    const setting *s = argument;
    s->groups[index].decay = s->value;
}

fv_status fv_scale_learning_rate(fv_optimizer *optimizer, const char *pattern,
                                 double factor)
{
    if (!can_name(optimizer, "factor", factor))
        return optimizer ? fv_failed(optimizer->context) : FV_MISUSE;
    return each(optimizer->network, "optimizer", pattern, set_factor,
                &(setting){ optimizer->groups, factor });
}

fv_status fv_set_weight_decay(fv_optimizer *optimizer, const char *pattern,
                              double decay)
{
    if (!can_name(optimizer, "weight_decay", decay))
        return optimizer ? fv_failed(optimizer->context) : FV_MISUSE;
    return each(optimizer->network, "optimizer", pattern, set_decay,
                &(setting){ optimizer->groups, decay });
}

fv_status fv_decay_weights_only(fv_optimizer *optimizer)
{
    if (!can_group(optimizer))
        return optimizer ? fv_failed(optimizer->context) : FV_MISUSE;
    for (int64_t i = 0; i < optimizer->count; i++)
        if (optimizer->variables[i]->value.rank <= 1)
            optimizer->groups[i].decay = 0;
    return FV_OK;
}

/* ---- what is trained ----------------------------------------------------- */

typedef struct trained {
    fv_network *network;
    int on;
} trained;

static void set_trained(void *argument, int64_t index)
{
    const trained *t = argument;
    fv_variable_set_requires_grad(t->network->variables[index], t->on);
}

fv_status fv_set_trained(fv_network *network, const char *pattern, int on)
{
    if (!network) return FV_MISUSE;
    if (fv__network_seal(network) != FV_OK) return fv_failed(network->context);
    trained t = { network, on != 0 };
    return each(network, "network", pattern, set_trained, &t);
}
