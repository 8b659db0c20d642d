/* Shapes of layers: what they expect, the parameters they declare, and the
 * recording of their operators, by which the shapes of outputs are found. */
#include "layer/layer.h"

#include <string.h>

/* ---- what layers expect -------------------------------------------------- */

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

/* ---- targets of losses --------------------------------------------------- */

bool fv__target_indices(const fv_layer *loss, const fv_shape *input, bool dense,
                        fv_shape *shape)
{
    const fv__layer_type *type = loss->type;
    *shape = *input;
    if (type->target == FV__TARGET_VALUES
        || (dense && type->target == FV__TARGET_CLASSES))
        return false;
    if (type->target == FV__TARGET_SEQUENCE)
        *shape =
            (fv_shape){ .rank = 1, .extent = { type->target_length(loss) } };
    else if (shape->rank > 0)
        shape->rank--;
    return true;
}

bool fv__target_ignored(const fv_layer *loss, int64_t *label)
{
    const fv__field *field = loss->type->fields;
    while (field && field->key && field->kind != FV__FIELD_LABEL) field++;
    if (!field || !field->key) return false;
    memcpy(label, (const unsigned char *)loss->options + field->offset,
           sizeof *label);
    const bool given = *label != 0;
    if (*label == FV_LABEL_0) *label = 0;
    return given;
}

/* ---- parameters -----------------------------------------------------------
 */

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

/* A layer that was shaped before keeps the variable that was drawn then. */
fv__parameter *fv__layer_parameter(fv_layer *layer, const char *name,
                                   int32_t rank, const int64_t shape[],
                                   fv__init init)
{
    if (!parameter_fits(layer, name, rank, shape)
        || fv__init_check(layer, name, rank, &init) != FV_OK)
        return NULL;
    fv__parameter *parameter = &layer->parameters[layer->num_parameters++];
    fv_variable *drawn = parameter->variable;
    const fv_tensor now = fv_tensor_of(NULL, FV_F32, rank, shape);
    if (drawn && !fv_tensor_same_shape(&drawn->value, &now)) {
        fv_fail(layer->context, FV_MISUSE,
                "%s: the size of %s depends on the size of the input; put "
                "global_average_pool before it",
                layer->name, name);
        return NULL;
    }
    *parameter = (fv__parameter){ .name = name,
                                  .dtype = layer->context->dtype,
                                  .rank = rank,
                                  .init = init,
                                  .trainable = true,
                                  .variable = drawn };
    memcpy(parameter->shape, shape, (size_t)rank * sizeof *shape);
    return parameter;
}

/* Takes the parameters of the layer named by `weights`. */
static fv_status share_parameters(fv_layer *layer)
{
    const fv_layer *owner = layer->owner;
    if (!layer->weights) return FV_OK;
    if (!owner)
        return fv_fail(layer->context, FV_MISUSE,
                       "%s: weights are shared between layers of a network",
                       layer->name);
    if (owner->type != layer->type
        || owner->num_parameters != layer->num_parameters)
        return fv_fail(layer->context, FV_MISUSE,
                       "%s: the parameters of %s, a %s, are others",
                       layer->name, owner->name, owner->type->kind);
    for (int32_t i = 0; i < layer->num_parameters; i++) {
        fv__parameter *mine = &layer->parameters[i];
        const fv__parameter *other = &owner->parameters[i];
        char a[FV__SHAPE_BYTES], b[FV__SHAPE_BYTES];
        const fv_tensor is =
            fv_tensor_of(NULL, FV_F32, mine->rank, mine->shape);
        if (!fv_tensor_same_shape(&is, &other->variable->value))
            return fv_fail(
                layer->context, FV_MISUSE, "%s: %s %s differs from %s of %s",
                layer->name, mine->name,
                fv__shape_text(a, sizeof a, mine->rank, mine->shape),
                fv__shape_text(b, sizeof b, other->rank, other->shape),
                owner->name);
        mine->shared = true;
        mine->variable = other->variable;
    }
    return FV_OK;
}

/* ---- applying -------------------------------------------------------------
 */

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

/* ---- recording ------------------------------------------------------------
 */

/* Whether the node depends on inputs of the layer, which are marked by `leads`,
 * and not on parameters alone; marks its outputs. */
static bool reads_inputs(const fv__node *node)
{
    bool leads = false;
    for (int32_t k = 0; k < node->num_inputs; k++)
        leads |= node->inputs[k]->leads;
    for (int32_t k = 0; k < node->num_outputs; k++)
        node->outputs[k]->leads = leads;
    return leads;
}

/* Reads what the operators that were recorded from `first` on say of the layer.
 */
static void read_record(fv_layer *layer, const fv__graph *graph, int32_t first)
{
    const int64_t limit = INT32_MAX;
    for (int32_t axis = 0; axis < 2; axis++)
        layer->window[axis] = layer->step[axis] = 1;
    layer->multiply_accumulates = 0;
    for (int32_t i = first; i < graph->count; i++) {
        const fv__node *node = graph->nodes[i];
        layer->multiply_accumulates = fv__saturated_sum(
            layer->multiply_accumulates, node->multiply_accumulates);
        if (!reads_inputs(node)) continue;
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

int32_t fv__layer_trace(fv_layer *layer, fv__graph *graph, int32_t count,
                        fv_variable *const inputs[],
                        fv_variable *outputs[FV__MAX_OUTPUTS])
{
    fv_context *context = layer->context;
    const fv__layer_type *type = layer->type;
    fv_shape shapes[FV__MAX_INPUTS] = { { 0 } };
    fv_variable *at[FV__MAX_INPUTS + 1] = { NULL };
    for (int32_t k = 0; k < count; k++) {
        shapes[k] = fv__shape_of_image(&inputs[k]->value);
        at[k] = inputs[k];
        at[k]->leads = true;
    }
    layer->num_parameters = 0;
    if (!fv__tape_begin(context)
        || fv__fields_check(context, layer->name, type->fields, layer->options)
               != FV_OK
        || (type->declare && type->declare(layer, count, shapes) != FV_OK)
        || share_parameters(layer) != FV_OK
        || fv__layer_prepare(layer) != FV_OK)
        return 0;
    if (type->target && count > 0) {
        fv_shape target;
        const bool labels =
            fv__target_indices(layer, &shapes[0], true, &target);
        at[count] = labels ? fv__variable_placeholder(
                        graph, FV_I64, inputs[0]->value.shape[0], &target)
                           : at[0];
        if (!at[count++]) return 0;
    }
    const int32_t first = graph->count;
    fv__graph *former = fv__tape_record(context, graph);
    const int32_t made = fv__layer_apply_n(layer, count, at, outputs);
    fv__tape_record(context, former);
    read_record(layer, graph, first);
    return made;
}

const int64_t fv__open_sizes[2] = { 256, 512 };

static fv_status check_count(const fv_layer *layer, const fv_shape *shape)
{
    if (fv__shape_count(shape) >= 0) return FV_OK;
    char text[FV__SHAPE_BYTES];
    const fv_shape is = fv__shape_outside(layer->context, *shape);
    return fv_fail(layer->context, FV_LIMIT,
                   "%s: input %s has too many elements", layer->name,
                   fv__shape_text(text, sizeof text, is.rank, is.extent));
}

/* Finds the shape of the output with a size for open extents. */
static fv_status try_size(fv_layer *layer, int32_t count,
                          const fv_shape inputs[], const fv_dtype dtypes[],
                          int64_t size)
{
    fv_context *context = layer->context;
    fv__graph graph = { 0 };
    fv_variable *at[FV__MAX_INPUTS] = { NULL };
    fv_variable *outputs[FV__MAX_OUTPUTS] = { NULL };
    fv__graph_begin(&graph, context, false);
    for (int32_t k = 0; k < count && fv__ok(context); k++) {
        fv_shape shape = inputs[k];
        for (int32_t i = 0; i < shape.rank; i++)
            if (shape.extent[i] == FV_OPEN) shape.extent[i] = size;
        if (check_count(layer, &shape) == FV_OK)
            at[k] = fv__variable_placeholder(
                &graph, dtypes ? dtypes[k] : context->dtype, 1, &shape);
    }
    if (fv__ok(context) && fv__layer_trace(layer, &graph, count, at, outputs))
        layer->out_shape = layer->type->target
                               ? inputs[0]
                               : fv__shape_of_image(&outputs[0]->value);
    fv__graph_free(&graph);
    return fv_failed(context);
}

/* Tries both sizes. */
static fv_status try_open(fv_layer *layer, int32_t count,
                          const fv_shape inputs[], const fv_dtype dtypes[])
{
    const int64_t *sizes = fv__open_sizes;
    if (try_size(layer, count, inputs, dtypes, sizes[0]) != FV_OK)
        return fv_failed(layer->context);
    const fv_shape first = layer->out_shape;
    if (try_size(layer, count, inputs, dtypes, sizes[1]) != FV_OK)
        return fv_failed(layer->context);
    fv__shape_join(&layer->out_shape, &first);
    layer->multiply_accumulates = 0;
    return FV_OK;
}

fv_status fv__layer_inputs(const fv_layer *layer, int32_t count)
{
    const fv__layer_type *type = layer->type;
    if (count >= type->min_inputs && count <= type->max_inputs
        && count <= FV__MAX_INPUTS)
        return FV_OK;
    const bool few = count < type->min_inputs;
    return fv_fail(layer->context, FV_MISUSE, "%s: %d inputs, expected %s%d",
                   layer->name, count, few ? "at least " : "",
                   few ? type->min_inputs
                       : (int32_t)fv__min(type->max_inputs, FV__MAX_INPUTS));
}

fv_status fv__layer_find_shape(fv_layer *layer, int32_t count,
                               const fv_shape inputs[], const fv_dtype dtypes[])
{
    if (!fv__ok(layer->context) || fv__layer_inputs(layer, count) != FV_OK)
        return fv_failed(layer->context);
    bool open = false;
    if (layer->type == &fv__layer_input && !count) {
        layer->shaped = layer->type->declare(layer, 0, NULL) == FV_OK;
        return fv_failed(layer->context);
    }
    for (int32_t k = 0; k < count; k++) open |= fv__shape_open(&inputs[k]);
    if (count) layer->in_shape = inputs[0];
    layer->shaped = false;
    layer->shaped = (open ? try_open(layer, count, inputs, dtypes)
                          : try_size(layer, count, inputs, dtypes, 0))
                    == FV_OK;
    return fv_failed(layer->context);
}
