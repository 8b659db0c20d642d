/* Creating layers, their shapes and parameters, and using them alone. */
#include "layer/layer.h"

#include <math.h>
#include <string.h>

const fv__layer_type *fv__layer_type_find(const char *kind, size_t length)
{
    for (size_t i = 0; fv__layer_types[i]; i++)
        if (strlen(fv__layer_types[i]->kind) == length
            && !strncmp(fv__layer_types[i]->kind, kind, length))
            return fv__layer_types[i];
    return NULL;
}

/* The text of an option. */
static const char **text_at(const fv_layer *layer, size_t offset)
{
    return (const char **)(void *)((unsigned char *)layer->options + offset);
}

static void release_texts(const fv_layer *layer)
{
    const fv__field *field = layer->options ? layer->type->fields : NULL;
    for (; field && field->key; field++)
        if (field->kind == FV__FIELD_TEXT)
            fv__release(layer->context,
                        (char *)(uintptr_t)*text_at(layer, field->offset));
}

static void destroy(void *object)
{
    fv_layer *layer = object;
    for (int32_t i = 0; i < FV__MAX_PARAMETERS; i++)
        if (!layer->parameters[i].shared)
            fv_variable_free(layer->parameters[i].variable);
    fv__release(layer->context, layer->name);
    fv__release(layer->context, layer->from);
    fv__release(layer->context, layer->weights);
    release_texts(layer);
    fv__release(layer->context, layer->options);
    fv__release(layer->context, layer);
}

/* Rewrites the padding of both sides as begin and end. */
static fv_status resolve_padding(const fv_layer *layer, const fv__field *field)
{
    unsigned char *options = layer->options;
    int64_t *begin = (int64_t *)(void *)(options + field->offset);
    int64_t *both = (int64_t *)(void *)(options + field->both);
    int64_t *end = (int64_t *)(void *)(options + field->end);
    int32_t mode;
    memcpy(&mode, options + field->mode, sizeof mode);
    if (mode)
        for (int32_t i = 0; i < FV__AXES; i++) begin[i] = end[i] = 0;
    else if (fv__option_padding(layer->context, layer->name,
                                fv__field_axes(field), both, begin, end)
             != FV_OK)
        return fv_failed(layer->context);
    for (int32_t i = 0; i < FV__AXES; i++) both[i] = 0;
    return FV_OK;
}

/* Refuses numbers that are no words of their enum, and no numbers at all. */
static fv_status check_options(const fv_layer *layer)
{
    const fv__field *field = layer->type->fields;
    const unsigned char *options = layer->options;
    for (; field && field->key; field++) {
        if (field->kind == FV__FIELD_NUMBER) {
            double number;
            memcpy(&number, options + field->offset, sizeof number);
            if (!isfinite(number))
                return fv_fail(layer->context, FV_MISUSE, "%s: %s %s",
                               layer->name, field->key, FV__NUMBER(number));
        }
        if (!field->words) continue;
        bool padding = field->kind == FV__FIELD_PADDING;
        int32_t word, count = 0;
        memcpy(&word, options + (padding ? field->mode : field->offset),
               sizeof word);
        while (field->words[count]) count++;
        if (word < 0 || word >= count)
            return fv_fail(layer->context, FV_MISUSE,
                           "%s: %s %ld is unknown (0 to %ld)", layer->name,
                           padding ? "auto_pad" : field->key, (long)word,
                           (long)count - 1);
    }
    return FV_OK;
}

/* Replaces a text of the copied options by the layer's own copy. */
static char *take_text(const fv_layer *layer, size_t offset)
{
    const char **at = text_at(layer, offset);
    const char *text = *at;
    *at = NULL;
    return text ? fv__copy_text(layer->context, FV__RUN, text, strlen(text))
                : NULL;
}

static fv_status take_options(fv_layer *layer, const void *options)
{
    const fv__layer_type *type = layer->type;
    fv_context *context = layer->context;
    layer->options = fv__allocate(context, FV__RUN, type->options_size);
    if (layer->options
        && !fv__options(context, type->kind, options, layer->options,
                        type->options_size)) {
        fv__release(context, layer->options);
        layer->options = NULL;
    }
    if (!layer->options) return fv_failed(context);
    for (const fv__field *field = type->fields; field && field->key; field++)
        if (field->kind == FV__FIELD_TEXT)
            *text_at(layer, field->offset) = take_text(layer, field->offset);
    layer->name = take_text(layer, type->name);
    layer->named = layer->name != NULL;
    if (!layer->named)
        layer->name =
            fv__copy_text(context, FV__RUN, type->kind, strlen(type->kind));
    layer->from = take_text(layer, type->from);
    layer->weights = take_text(layer, type->weights);
    const unsigned char *in_shape =
        (const unsigned char *)layer->options + type->in_shape;
    layer->declared = fv__shape_of((const int64_t *)(const void *)in_shape);
    if (!fv__ok(context) || check_options(layer) != FV_OK)
        return fv_failed(context);
    for (const fv__field *field = type->fields; field && field->key; field++) {
        fv__field_resolve(field, layer->options, false);
        if (field->kind == FV__FIELD_PADDING
            && resolve_padding(layer, field) != FV_OK)
            return fv_failed(context);
    }
    return FV_OK;
}

fv_layer *fv__layer_new(const fv__layer_type *type, const void *options)
{
    fv_context *context =
        options ? ((const fv_layer_options *)options)->context : NULL;
    if (!fv__ok(context)) return NULL;
    fv_layer *layer = fv__allocate_zero(context, FV__RUN, sizeof *layer);
    if (!layer) return NULL;
    layer->context = context;
    layer->type = type;
    fv__adopt(context, &layer->object, destroy);
    if (take_options(layer, options) == FV_OK) return layer;
    fv__destroy(layer);
    return NULL;
}

const char *fv_layer_kind(const fv_layer *layer)
{
    return layer ? layer->type->kind : "";
}

const char *fv_layer_name(const fv_layer *layer)
{
    return layer ? layer->name : "";
}

/* ---- shapes ------------------------------------------------------------- */

/* Checks the in_shape given for a layer used alone. */
static fv_status check_declared(const fv_layer *layer)
{
    for (int32_t i = 0; i < layer->declared.rank; i++)
        if (layer->declared.extent[i] < 1)
            return fv_fail(layer->context, FV_MISUSE,
                           "%s: in_shape has an extent of %lld", layer->name,
                           (long long)layer->declared.extent[i]);
    return FV_OK;
}

/* Checks that an input has the shape that the layer was made for. */
static fv_status check_given(const fv_layer *layer, const fv_shape *expected,
                             const fv_shape *given)
{
    if (fv__shape_fits(expected, given)) return FV_OK;
    char is[FV__SHAPE_BYTES], text[FV__SHAPE_BYTES];
    fv_shape a = fv__shape_outside(layer->context, *given);
    fv_shape b = fv__shape_outside(layer->context, *expected);
    return fv_fail(layer->context, FV_MISUSE,
                   "%s: input %s does not fit in_shape %s", layer->name,
                   fv__shape_show(is, &a), fv__shape_show(text, &b));
}

static fv_status lacks_in_shape(const fv_layer *layer)
{
    return fv_fail(layer->context, FV_MISUSE,
                   "%s: in_shape is required for a layer used alone",
                   layer->name);
}

/* Determines the shape of a layer used alone from in_shape or from the first
 * input. That of a layer in a network is known. */
static fv_status resolve_shape(fv_layer *layer, int32_t count,
                               const fv_shape *given, const fv_dtype *dtypes)
{
    fv_context *context = layer->context;
    if (!fv__ok(context)) return fv_failed(context);
    if (layer->network)
        return given ? check_given(layer, &layer->in_shape, given) : FV_OK;
    if (check_declared(layer) != FV_OK) return fv_failed(context);
    fv_shape declared = fv__shape_inside(context, layer->declared);
    int32_t needed = layer->type->min_inputs;
    if (!given) {
        if (layer->shaped) return FV_OK;
        if (!declared.rank && needed) return lacks_in_shape(layer);
        return fv__layer_shape(layer, needed ? 1 : 0, &declared, NULL);
    }
    if (declared.rank && check_given(layer, &declared, given) != FV_OK)
        return fv_failed(context);
    if (layer->shaped && count == 1
        && fv__shape_equal(&layer->in_shape, &given[0]))
        return FV_OK;
    fv_status status = fv__layer_shape(layer, count, given, dtypes);
    if (status == FV_OK && layer->num_parameters && !declared.rank)
        return lacks_in_shape(layer);
    return status;
}

fv_shape fv_layer_output_shape(fv_layer *layer)
{
    if (!layer || resolve_shape(layer, 0, NULL, NULL) != FV_OK
        || !layer->shaped)
        return (fv_shape){ .rank = -1 };
    return fv__shape_outside(layer->context, layer->out_shape);
}

/* ---- use ---------------------------------------------------------------- */

fv_variables fv_layer_variables(fv_layer *layer)
{
    fv_variables none = { 0 };
    if (!layer || resolve_shape(layer, 0, NULL, NULL) != FV_OK) return none;
    if (fv__layer_draw(layer) != FV_OK) return none;
    fv_variables variables = { 0, layer->trainable };
    for (int32_t i = 0; i < layer->num_parameters; i++) {
        fv__parameter *parameter = &layer->parameters[i];
        if (!parameter->trainable || !parameter->variable) continue;
        layer->trainable[variables.count++] = parameter->variable;
    }
    return variables;
}

int32_t fv__layer_apply_n(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[],
                          fv_variable *outputs[FV__MAX_OUTPUTS])
{
    fv_context *context = layer->context;
    const fv__layer_type *type = layer->type;
    if (!fv__ok(context) || !fv__tape_begin(context)) return 0;
    const char *former = context->tape->who;
    int32_t made;
    context->tape->who = layer->name;
    if (type->forward_n) {
        made = type->forward_n(layer, count, inputs, outputs);
    } else {
        outputs[0] = type->plain ? type->plain(inputs[0])
                                 : type->forward(layer, count, inputs);
        made = outputs[0] != NULL;
    }
    context->tape->who = former;
    if (!made) fv__layer_blame(layer);
    return made;
}

fv_variable *fv__layer_apply(fv_layer *layer, int32_t count,
                             fv_variable *const inputs[])
{
    fv_variable *outputs[FV__MAX_OUTPUTS];
    return fv__layer_apply_n(layer, count, inputs, outputs) ? outputs[0] : NULL;
}

void fv__layer_blame(const fv_layer *layer)
{
    fv_context *context = layer->context;
    const size_t length = strlen(layer->name);
    const bool named = !strncmp(context->message, layer->name, length)
                       && context->message[length] == ':';
    if (context->status != FV_NO_MEMORY && !named)
        fv__fail_at(context, "%s: ", layer->name);
}

/* Checks the inputs of a layer that is used alone and converts them to channels
 * last. */
static fv_status take_inputs(const fv_layer *layer, int32_t count,
                             fv_variable *const inputs[], fv_variable *inside[],
                             fv_shape shapes[], fv_dtype dtypes[])
{
    fv_context *context = layer->context;
    if (count < 1 || count > FV__MAX_INPUTS)
        return fv_fail(context, FV_MISUSE, "%s: %d inputs is not in 1..%d",
                       layer->name, count, FV__MAX_INPUTS);
    for (int32_t k = 0; k < count; k++) {
        if (!inputs[k])
            return fv_fail(context, FV_MISUSE, "%s: input %d is NULL",
                           layer->name, k + 1);
        if (inputs[k]->context != context)
            return fv_fail(context, FV_MISUSE,
                           "%s: input %d belongs to another context",
                           layer->name, k + 1);
        inside[k] = fv__variable_inside(inputs[k]);
        if (!inside[k]) return fv_failed(context);
        dtypes[k] = inside[k]->value.dtype;
        shapes[k] = fv__shape_of_image(&inside[k]->value);
        if (shapes[k].rank < 0)
            return fv_fail(context, FV_MISUSE, "%s: input %d has no batch axis",
                           layer->name, k + 1);
    }
    return FV_OK;
}

fv_status fv_layer_apply(fv_layer *layer, int32_t count,
                         fv_variable *const inputs[], int32_t num_outputs,
                         fv_variable *outputs[])
{
    fv_variable *inside[FV__MAX_INPUTS], *made[FV__MAX_OUTPUTS];
    fv_shape shapes[FV__MAX_INPUTS];
    fv_dtype dtypes[FV__MAX_INPUTS];
    for (int32_t k = 0; k < num_outputs; k++) outputs[k] = NULL;
    if (!layer || !fv__ok(layer->context)) return FV_MISUSE;
    const int32_t target = layer->type->target != FV__NO_TARGET;
    if (take_inputs(layer, count, inputs, inside, shapes, dtypes) != FV_OK
        || resolve_shape(layer, count - target, shapes, dtypes) != FV_OK
        || fv__layer_draw(layer) != FV_OK)
        return fv_failed(layer->context);
    const int32_t all = fv__layer_apply_n(layer, count, inside, made);
    for (int32_t k = 0; k < all && k < num_outputs; k++)
        outputs[k] = fv__variable_outside(made[k]);
    return fv_failed(layer->context);
}

fv_variable *fv_layer_forward_n(fv_layer *layer, int32_t count,
                                fv_variable *const inputs[])
{
    fv_variable *output;
    fv_layer_apply(layer, count, inputs, 1, &output);
    return output;
}

fv_variable *fv_layer_forward(fv_layer *layer, fv_variable *x)
{
    return fv_layer_forward_n(layer, 1, &x);
}
