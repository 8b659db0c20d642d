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
        fv_variable_free(layer->parameters[i].variable);
    fv__release(layer->context, layer->name);
    fv__release(layer->context, layer->from);
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

enum { MOST_INPUTS = 64 };

/* ---- shapes ------------------------------------------------------------- */

static fv_status check_count(const fv_layer *layer, const char *what,
                             fv_shape shape)
{
    if (fv__shape_count(&shape) >= 0) return FV_OK;
    char text[FV__SHAPE_BYTES];
    shape = fv__shape_outside(layer->context, shape);
    return fv_fail(layer->context, FV_LIMIT, "%s: %s %s has too many elements",
                   layer->name, what,
                   fv__shape_text(text, sizeof text, shape.rank, shape.extent));
}

static bool parameter_fits(const fv_layer *layer, const char *name,
                           int32_t rank, const int64_t shape[])
{
    char text[FV__SHAPE_BYTES];
    if (!fv__ok(layer->context)) return false;
    if (layer->num_parameters == FV__MAX_PARAMETERS)
        fv_fail(layer->context, FV_LIMIT,
                "%s: parameter %s is one more than the %d of a layer",
                layer->name, name, FV__MAX_PARAMETERS);
    else if (rank < 0 || rank > FV__MAX_PARAMETER_RANK)
        fv_fail(layer->context, FV_LIMIT,
                "%s: parameter %s of rank %d is outside 0..%d", layer->name,
                name, rank, FV__MAX_PARAMETER_RANK);
    else if (fv__product(rank, shape) < 0)
        fv_fail(layer->context, FV_LIMIT, "%s: %s %s has too many elements",
                layer->name, name,
                fv__shape_text(text, sizeof text, rank, shape));
    return fv__ok(layer->context);
}

/* Reads what the recorded operators say of the layer. */
static void read_record(fv_layer *layer, const fv__graph *graph)
{
    const int64_t limit = INT32_MAX;
    for (int32_t i = 0; i < graph->count; i++) {
        const fv__node *node = graph->nodes[i];
        layer->multiply_accumulates = fv__saturated_sum(
            layer->multiply_accumulates, node->multiply_accumulates);
        for (int32_t axis = 0; axis < 2; axis++) {
            int64_t *window = &layer->window[axis], *step = &layer->step[axis];
            const int64_t reach = fv__min(node->window[axis], limit) - 1;
            *window = *window && node->window[axis]
                          ? fv__saturated_sum(*window, reach * *step)
                          : 0;
            *step = fv__min(limit, *step * fv__min(limit, node->step[axis]));
        }
    }
}

/* Records the operators for one image. */
static fv_status record(fv_layer *layer, int32_t count, const fv_shape inputs[])
{
    fv_context *context = layer->context;
    fv__graph graph = { 0 };
    fv_variable *at[MOST_INPUTS + 1];
    fv__graph_begin(&graph, context, false);
    for (int32_t axis = 0; axis < 2; axis++)
        layer->window[axis] = layer->step[axis] = 1;
    layer->multiply_accumulates = 0;
    for (int32_t k = 0; k < count; k++)
        at[k] = fv__variable_placeholder(&graph, context->dtype, 1, &inputs[k]);
    if (layer->type->target) at[count++] = at[0];
    const fv_variable *output =
        count ? fv__layer_apply(layer, count, at) : NULL;
    read_record(layer, &graph);
    if (layer->type->target)
        layer->out_shape = inputs[0];
    else if (output)
        layer->out_shape = fv__shape_of_image(&output->value);
    fv__graph_free(&graph);
    return fv_failed(context);
}

/* Sizes that stand for open extents: many halvings leave no remainder. */
static const int64_t sizes[2] = { 256, 512 };

/* Declares and records with one of those sizes. */
static fv_status try_size(fv_layer *layer, int32_t count,
                          const fv_shape inputs[], int64_t size)
{
    const fv__layer_type *type = layer->type;
    fv_shape shapes[MOST_INPUTS];
    for (int32_t k = 0; k < count; k++) {
        shapes[k] = inputs[k];
        for (int32_t i = 0; i < shapes[k].rank; i++)
            if (shapes[k].extent[i] == FV_OPEN) shapes[k].extent[i] = size;
        if (check_count(layer, "input", shapes[k]) != FV_OK)
            return fv_failed(layer->context);
    }
    layer->num_parameters = 0;
    if (fv__fields_check(layer->context, layer->name, type->fields,
                         layer->options)
        != FV_OK)
        return fv_failed(layer->context);
    if ((!type->declare || type->declare(layer, count, shapes) == FV_OK)
        && fv__layer_prepare(layer) == FV_OK)
        record(layer, count, shapes);
    return fv_failed(layer->context);
}

/* Tries both sizes. */
static fv_status try_open(fv_layer *layer, int32_t count,
                          const fv_shape inputs[])
{
    if (try_size(layer, count, inputs, sizes[0]) != FV_OK)
        return fv_failed(layer->context);
    const fv_shape first = layer->out_shape;
    if (try_size(layer, count, inputs, sizes[1]) != FV_OK)
        return fv_failed(layer->context);
    for (int32_t i = 0; i < first.rank; i++)
        if (layer->out_shape.extent[i] != first.extent[i])
            layer->out_shape.extent[i] = FV_OPEN;
    layer->multiply_accumulates = 0;
    return FV_OK;
}

fv_status fv__layer_shape(fv_layer *layer, int32_t count,
                          const fv_shape inputs[])
{
    const fv__layer_type *type = layer->type;
    if (!fv__ok(layer->context)) return fv_failed(layer->context);
    if (count < type->min_inputs || count > type->max_inputs)
        return fv_fail(
            layer->context, FV_MISUSE, "%s: %d inputs, expected %s%d",
            layer->name, count, count < type->min_inputs ? "at least " : "",
            count < type->min_inputs ? type->min_inputs : type->max_inputs);
    bool open = false;
    for (int32_t k = 0; k < count; k++) open |= fv__shape_open(&inputs[k]);
    if (count) layer->in_shape = inputs[0];
    layer->shaped = false;
    layer->shaped = (open ? try_open(layer, count, inputs)
                          : try_size(layer, count, inputs, 0))
                    == FV_OK;
    return fv_failed(layer->context);
}

/* A layer that was shaped before keeps the variable that was drawn then. */
fv__parameter *fv__layer_parameter(fv_layer *layer, const char *name,
                                   int32_t rank, const int64_t shape[],
                                   fv__init init)
{
    if (!parameter_fits(layer, name, rank, shape)) return NULL;
    fv__parameter *parameter = &layer->parameters[layer->num_parameters++];
    fv_variable *drawn = parameter->variable;
    const fv_tensor now = fv_tensor_of(NULL, FV_F32, rank, shape);
    if (drawn && !fv_tensor_same_shape(&drawn->value, &now)) {
        fv_fail(layer->context, FV_MISUSE,
                "%s: the size of %s depends on an extent of the input that is "
                "open; put global_average_pool before it",
                layer->name, name);
        return NULL;
    }
    *parameter = (fv__parameter){ .name = name,
                                  .rank = rank,
                                  .init = init,
                                  .trainable = true,
                                  .variable = drawn };
    memcpy(parameter->shape, shape, (size_t)rank * sizeof *shape);
    return parameter;
}

fv_status fv__layer_expect_axes(const fv_layer *layer, const fv_shape *input,
                                int32_t axes)
{
    static const char *const what[] = {
        "a sequence of positions and channels",
        "an image of rows, columns and channels",
        "a volume of planes, rows, columns and channels",
    };
    if (input->rank == axes + 1) return FV_OK;
    char text[FV__SHAPE_BYTES];
    return fv_fail(
        layer->context, FV_MISUSE, "%s: input %s is not %s", layer->name,
        fv__shape_text(text, sizeof text, input->rank, input->extent),
        what[axes - 1]);
}

fv_status fv__layer_expect_image(const fv_layer *layer, const fv_shape *input)
{
    return fv__layer_expect_axes(layer, input, 2);
}

fv_status fv__layer_expect_vector(const fv_layer *layer, const fv_shape *input)
{
    if (input->rank == 1) return FV_OK;
    fv_shape shape = fv__shape_outside(layer->context, *input);
    char text[FV__SHAPE_BYTES];
    return fv_fail(layer->context, FV_MISUSE,
                   "%s: input %s is not a vector, put flatten before it",
                   layer->name,
                   fv__shape_text(text, sizeof text, shape.rank, shape.extent));
}

fv_status fv__layer_expect_channels(const fv_layer *layer,
                                    const fv_shape *input)
{
    if (input->rank > 0) return FV_OK;
    return fv_fail(layer->context, FV_MISUSE,
                   "%s: the input has a batch axis and no other", layer->name);
}

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
                               const fv_shape *given)
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
        return fv__layer_shape(layer, needed ? 1 : 0, &declared);
    }
    if (declared.rank && check_given(layer, &declared, given) != FV_OK)
        return fv_failed(context);
    if (layer->shaped && count == 1
        && fv__shape_equal(&layer->in_shape, &given[0]))
        return FV_OK;
    fv_status status = fv__layer_shape(layer, count, given);
    if (status == FV_OK && layer->num_parameters && !declared.rank)
        return lacks_in_shape(layer);
    return status;
}

fv_shape fv_layer_output_shape(fv_layer *layer)
{
    if (!layer || resolve_shape(layer, 0, NULL) != FV_OK || !layer->shaped)
        return (fv_shape){ .rank = -1 };
    return fv__shape_outside(layer->context, layer->out_shape);
}

/* ---- use ---------------------------------------------------------------- */

fv_variables fv_layer_variables(fv_layer *layer)
{
    fv_variables none = { 0 };
    if (!layer || resolve_shape(layer, 0, NULL) != FV_OK) return none;
    if (fv__layer_draw(layer) != FV_OK) return none;
    fv_variables variables = { 0, layer->trainable };
    for (int32_t i = 0; i < layer->num_parameters; i++) {
        fv__parameter *parameter = &layer->parameters[i];
        if (!parameter->trainable || !parameter->variable) continue;
        layer->trainable[variables.count++] = parameter->variable;
    }
    return variables;
}

fv_variable *fv__layer_apply(fv_layer *layer, int32_t count,
                             fv_variable *const inputs[])
{
    fv_context *context = layer->context;
    if (!fv__ok(context) || !fv__tape_begin(context)) return NULL;
    const char *former = context->tape->who;
    context->tape->who = layer->name;
    const fv__layer_type *type = layer->type;
    fv_variable *output = type->plain ? type->plain(inputs[0])
                                      : type->forward(layer, count, inputs);
    context->tape->who = former;
    if (!output) fv__layer_blame(layer);
    return output;
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

fv_variable *fv_layer_forward_n(fv_layer *layer, int32_t count,
                                fv_variable *const inputs[])
{
    if (!layer || !fv__ok(layer->context)) return NULL;
    fv_variable *inside[MOST_INPUTS];
    fv_shape shapes[MOST_INPUTS];
    if (count < 1 || count > MOST_INPUTS) {
        fv_fail(layer->context, FV_MISUSE, "%s: %d inputs is not in 1..%d",
                layer->name, count, MOST_INPUTS);
        return NULL;
    }
    for (int32_t k = 0; k < count; k++) {
        if (!inputs[k]) {
            fv_fail(layer->context, FV_MISUSE, "%s: input %d is NULL",
                    layer->name, k + 1);
            return NULL;
        }
        if (inputs[k]->context != layer->context) {
            fv_fail(layer->context, FV_MISUSE,
                    "%s: input %d belongs to another context", layer->name,
                    k + 1);
            return NULL;
        }
        inside[k] = fv__variable_inside(inputs[k]);
        if (!inside[k]) return NULL;
        shapes[k] = fv__shape_of_image(&inside[k]->value);
        if (shapes[k].rank < 0) {
            fv_fail(layer->context, FV_MISUSE, "%s: input %d has no batch axis",
                    layer->name, k + 1);
            return NULL;
        }
    }
    int32_t shaping = layer->type->target ? count - 1 : count;
    if (resolve_shape(layer, shaping, shapes) != FV_OK) return NULL;
    if (fv__layer_draw(layer) != FV_OK) return NULL;
    return fv__variable_outside(fv__layer_apply(layer, count, inside));
}

fv_variable *fv_layer_forward(fv_layer *layer, fv_variable *x)
{
    return fv_layer_forward_n(layer, 1, &x);
}
