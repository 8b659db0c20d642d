/* Optimizers: making one from its options, and its state. */
#include "train/optimizer.h"
#include "kernel/kernel.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void destroy(void *object)
{
    fv_optimizer *optimizer = object;
    if (!optimizer->network)
        fv__release(optimizer->context, optimizer->variables);
    fv__release(optimizer->context, optimizer->state);
    fv__release(optimizer->context, optimizer->partials);
    fv__release(optimizer->context, optimizer->groups);
    fv__release(optimizer->context, optimizer->averages);
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

static bool option_on(const fv_optimizer *optimizer, const char *key)
{
    return fv__field_on(fv__field_find(optimizer->type->fields, key),
                        &optimizer->options);
}

static fv_status take_options(fv_optimizer *optimizer)
{
    const fv__optimizer_type *type = optimizer->type;
    fv_context *context = optimizer->context;
    const void *options = &optimizer->options;
    fv__fields_check(context, type->name, type->fields, options);
    if (type->check && fv__ok(context)) type->check(context, options);
    for (int32_t i = 0; i < FV__MOST_SLOTS && type->slots[i].name; i++)
        if (!type->slots[i].key || option_on(optimizer, type->slots[i].key))
            optimizer->slot[optimizer->slots++] = i;
    optimizer->counted =
        type->counted
        || (type->counted_key && option_on(optimizer, type->counted_key));
    return fv_failed(context);
}

/* Makes the optimizer of options with every default filled in. */
static fv_optimizer *make(const fv_optimizer *recipe, fv_variables list)
{
    fv_context *context = recipe->context;
    fv_optimizer *optimizer =
        fv__allocate_zero(context, FV__RUN, sizeof *optimizer);
    if (!optimizer) return NULL;
    *optimizer = *recipe;
    optimizer->run_end = -1;
    fv__adopt(context, &optimizer->object, destroy);
    if (take_variables(optimizer, list) == FV_OK
        && take_options(optimizer) == FV_OK)
        return optimizer;
    fv__destroy(optimizer);
    return NULL;
}

fv_optimizer *fv__optimizer_new(const fv__optimizer_type *type,
                                const void *options)
{
    if (!options) return NULL;
    const unsigned char *given = options;
    const fv_variables empty = { 0 };
    fv_variables list;
    memcpy(&list, given + type->variables, sizeof list);
    fv_network *network = ((const fv__optimizer_options *)options)->network;
    fv_optimizer recipe = { .context = context_of(network, list),
                            .network = network,
                            .type = type };
    if (!fv__ok(recipe.context)
        || !fv__options(recipe.context, type->name, options, &recipe.options,
                        type->options_size))
        return NULL;
    memcpy(recipe.options.bytes + type->variables, &empty, sizeof empty);
    fv__fields_resolve(type->fields, &recipe.options);
    return make(&recipe, list);
}

/* ---- by name ------------------------------------------------------------ */

enum { MOST_TYPES = 64 };

const char *fv_optimizer_name(int32_t index)
{
    for (int32_t i = 0; fv__optimizer_types[i]; i++)
        if (i == index) return fv__optimizer_types[i]->name;
    return NULL;
}

static const fv__optimizer_type *find_type(fv_context *context,
                                           const fv__token *name)
{
    const char *names[MOST_TYPES + 1] = { NULL };
    for (int i = 0; i < MOST_TYPES && fv__optimizer_types[i]; i++) {
        names[i] = fv__optimizer_types[i]->name;
        if (fv__token_is(name, names[i])) return fv__optimizer_types[i];
    }
    char shown[64], guess[64];
    fv__printable(name->at, name->length, shown, sizeof shown);
    fv__token_fail(context, name, "there is no optimizer \"%s\"%s", shown,
                   fv__suggestion(name, names, guess));
    return NULL;
}

fv_optimizer *fv_optimizer_parse(fv_network *network, const char *text)
{
    fv_context *context = network ? network->context : NULL;
    if (!fv__ok(context)) return NULL;
    if (!text) {
        fv_fail(context, FV_MISUSE, "optimizer: the text is NULL");
        return NULL;
    }
    fv__words words = {
        .context = context, .file = "optimizer", .begin = text, .at = text
    };
    fv__token name, rest;
    fv__words_next(&words, &name);
    fv_optimizer recipe = { .context = context,
                            .network = network,
                            .type = find_type(context, &name) };
    if (!recipe.type
        || fv__fields_read(&words, recipe.type->name, recipe.type->fields,
                           &recipe.options)
               != FV_OK)
        return NULL;
    char shown[64];
    if (fv__words_next(&words, &rest)) {
        fv__token_fail(
            context, &rest, "%s takes no further \"%s\"", recipe.type->name,
            fv__printable(rest.at, rest.length, shown, sizeof shown));
        return NULL;
    }
    return make(&recipe, (fv_variables){ 0 });
}

/* ---- state -------------------------------------------------------------- */

size_t fv__optimizer_state_bytes(const fv_optimizer *optimizer)
{
    size_t bytes;
    if (!fv__multiply((size_t)optimizer->slots, optimizer->slot_bytes, &bytes))
        return SIZE_MAX;
    if (!optimizer->counted) return bytes;
    return bytes + (size_t)optimizer->count * sizeof(int64_t);
}

/* Two sums for each chunk of the largest variable. */
static size_t partials_bytes(const fv_optimizer *optimizer)
{
    int64_t most = 0;
    if (!optimizer->type->layerwise && optimizer->clip_norm == 0) return 0;
    for (int64_t i = 0; i < optimizer->count; i++)
        most = fv__max(most, fv_tensor_count(&optimizer->variables[i]->value));
    return (size_t)fv__divide_up(most, FV__UPDATE_CHUNK) * 2 * sizeof(double);
}

size_t fv__optimizer_pending(const fv_optimizer *optimizer)
{
    size_t pending = 0;
    if (!optimizer->state && optimizer->slots)
        pending += fv__footprint(fv__optimizer_state_bytes(optimizer));
    if (!optimizer->partials && partials_bytes(optimizer))
        pending += fv__footprint(partials_bytes(optimizer));
    if (!optimizer->averages && optimizer->average != 0)
        pending += fv__footprint(optimizer->slot_bytes);
    return pending;
}

/* Fills the slots that do not begin with zeros. */
static void begin_state(fv_optimizer *optimizer)
{
    const fv__kernels *kernels = optimizer->context->kernels;
    const fv__optimizer_type *type = optimizer->type;
    for (int32_t i = 0; i < optimizer->slots; i++) {
        const char *key = type->slots[optimizer->slot[i]].initial;
        if (key)
            kernels->fill(optimizer->slot_bytes
                              / fv_dtype_bytes(kernels->dtype),
                          fv__field_number(fv__field_find(type->fields, key),
                                           &optimizer->options),
                          optimizer->state + (size_t)i * optimizer->slot_bytes);
    }
    if (optimizer->counted)
        optimizer->counts = (int64_t *)(void *)(optimizer->state
                                                + (size_t)optimizer->slots
                                                      * optimizer->slot_bytes);
}

fv_status fv__optimizer_ready(fv_optimizer *optimizer)
{
    fv_context *context = optimizer->context;
    if (!optimizer->state && optimizer->slots) {
        optimizer->state = fv__allocate_zero(
            context, FV__RUN, fv__optimizer_state_bytes(optimizer));
        if (optimizer->state) begin_state(optimizer);
    }
    if (!optimizer->partials && partials_bytes(optimizer))
        optimizer->partials =
            fv__allocate(context, FV__RUN, partials_bytes(optimizer));
    return fv__average_ready(optimizer);
}

/* ---- its options -------------------------------------------------------- */

void fv__optimizer_kind(const fv_optimizer *optimizer, char *out, size_t bytes)
{
    size_t used = (size_t)snprintf(out, bytes, "%s", optimizer->type->name);
    for (int32_t i = 0; i < optimizer->slots && used < bytes; i++) {
        const char *key = optimizer->type->slots[optimizer->slot[i]].key;
        if (key)
            used += (size_t)snprintf(out + used, bytes - used, " with %s", key);
    }
    if (optimizer->average != 0 && used < bytes)
        snprintf(out + used, bytes - used, " with average");
}

void fv__optimizer_text(const fv_optimizer *optimizer, char *out, size_t bytes)
{
    size_t used = 0;
    const fv__field *s = optimizer->type->fields + 1;
    const void *options = &optimizer->options;
    for (*out = '\0'; s->key && used < bytes; s++) {
        const bool number = s->kind == FV__FIELD_NUMBER;
        used += (size_t)snprintf(
            out + used, bytes - used, "%s%s %s", used ? " " : "", s->key,
            number ? FV__NUMBER(fv__field_number(s, options))
            : fv__field_on(s, options) ? "1"
                                       : "0");
    }
}

double fv_learning_rate(const fv_optimizer *optimizer)
{
    if (!optimizer) return (double)NAN;
    return fv__schedule_rate(&optimizer->schedule,
                             optimizer->options.first.learning_rate,
                             optimizer->updates, optimizer->run_end);
}

fv_status fv_set_learning_rate(fv_optimizer *optimizer, double rate)
{
    if (!optimizer) return FV_MISUSE;
    const fv__optimizer_options options = { .learning_rate = rate };
    const fv__field only[] = { optimizer->type->fields[0], { .key = NULL } };
    if (!fv__ok(optimizer->context)
        || fv__fields_check(optimizer->context, "optimizer", only, &options)
               != FV_OK)
        return fv_failed(optimizer->context);
    optimizer->options.first.learning_rate = rate;
    return FV_OK;
}

static fv_status set_clip(fv_optimizer *optimizer, const char *what,
                          double limit, double *to)
{
    if (!fv__ok(optimizer->context)) return fv_failed(optimizer->context);
    if (!(limit >= 0 && isfinite(limit)))
        return fv_fail(optimizer->context, FV_MISUSE,
                       "optimizer: %s %s is not a number of at least 0", what,
                       FV__NUMBER(limit));
    *to = limit;
    return FV_OK;
}

fv_status fv_set_clip_value(fv_optimizer *optimizer, double limit)
{
    if (!optimizer) return FV_MISUSE;
    return set_clip(optimizer, "clip_value", limit, &optimizer->clip_value);
}

fv_status fv_set_clip_norm(fv_optimizer *optimizer, double limit)
{
    if (!optimizer) return FV_MISUSE;
    return set_clip(optimizer, "clip_norm", limit, &optimizer->clip_norm);
}

fv_status fv_set_schedule(fv_optimizer *optimizer, const char *schedule)
{
    if (!optimizer) return FV_MISUSE;
    fv_context *context = optimizer->context;
    if (!fv__ok(context)) return fv_failed(context);
    if (schedule && *schedule)
        return fv__schedule_parse(context, schedule, &optimizer->schedule);
    optimizer->schedule.count = 0;
    return FV_OK;
}

fv_status fv_optimizer_observe(fv_optimizer *optimizer, double loss,
                               double accuracy)
{
    if (!optimizer) return FV_MISUSE;
    if (!fv__ok(optimizer->context)) return fv_failed(optimizer->context);
    fv__schedule_observe(&optimizer->schedule, optimizer->updates, loss,
                         accuracy);
    return FV_OK;
}

void fv_zero_grad(fv_optimizer *optimizer)
{
    for (int64_t i = 0; optimizer && i < optimizer->count; i++)
        fv_variable_zero_grad(optimizer->variables[i]);
}
