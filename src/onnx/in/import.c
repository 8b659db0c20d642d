/* An ONNX model as a network: inputs, nodes, outputs, weights. */
#include "onnx/onnx.h"

#include "onnx/in/importer.h"

#include <string.h>

/* ---- inputs
 * ------------------------------------------------------------------ */

/* An input of the graph: its element type and extents, -1 where they are open.
 */
typedef struct input {
    fv_dtype dtype;
    int32_t rank;
    int64_t extent[FV_MAX_RANK];
    bool batched; /* the first axis is the batch */
} input;

static const Fv__Onnx__TypeProto__Tensor *tensor_of(const fv__onnx_type *type)
{
    return type && type->value_case == FV__ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE
               ? type->tensor_type
               : NULL;
}

/* Whether it is the name of the input, or that of its layer. */
static bool is_name(const char *name, const char *of)
{
    while (*of
           && (*name == *of || (*name == '_' && !fv__name_character(*of)))) {
        name++;
        of++;
    }
    return !*of && !*name;
}

/* The shape that is given for an input; NULL: none. */
static const fv_shape *shape_given(const fv__importer *to,
                                   const fv__onnx_value_info *info, bool first)
{
    for (size_t i = 0; i < to->options->num_shapes; i++) {
        const fv_onnx_shape *s = &to->options->shapes[i];
        if (s->name ? is_name(s->name, info->name) : first) return &s->shape;
    }
    return NULL;
}

/* Gives open extents, from axis `from` to `end` - 1, those of a shape. */
static fv_status narrow(const fv__importer *to, const fv__onnx_value_info *info,
                        const fv_shape *shape, int32_t from, int32_t end,
                        input *is)
{
    char shown[128];
    bool fits = shape->rank == is->rank;
    for (int32_t i = from; fits && i < end; i++) {
        const int64_t given = shape->extent[i];
        if (is->extent[i] == FV_OPEN && given > 0)
            is->extent[i] = given;
        else
            fits = given == is->extent[i];
    }
    if (fits) return FV_OK;
    fv__printable(info->name, strlen(info->name), shown, sizeof shown);
    char wanted[FV__SHAPE_BYTES], has[FV__SHAPE_BYTES];
    return fv_fail(
        to->context, FV_MISUSE,
        "%s: input \"%s\" of shape %s cannot have shape %s", to->shown, shown,
        fv__shape_text(has, sizeof has, is->rank, is->extent),
        fv__shape_text(wanted, sizeof wanted, shape->rank, shape->extent));
}

static fv_status describe(fv__importer *to, const fv__onnx_value_info *info,
                          input *is)
{
    char shown[128];
    fv__printable(info->name, strlen(info->name), shown, sizeof shown);
    const Fv__Onnx__TypeProto__Tensor *type = tensor_of(info->type);
    *is = (input){ 0 };
    if (!type || !fv__onnx_dtype(to->context, type->elem_type, &is->dtype))
        return fv_fail(to->context, FV_UNSUPPORTED,
                       "%s: input \"%s\" is no tensor of numbers", to->shown,
                       shown);
    if (!type->shape || type->shape->n_dim > FV_MAX_EXTENTS)
        return fv_fail(to->context, FV_UNSUPPORTED,
                       "%s: input \"%s\" has %s axes", to->shown, shown,
                       type->shape ? "too many" : "an unknown number of");
    is->rank = (int32_t)type->shape->n_dim;
    for (int32_t i = 0; i < is->rank; i++) {
        const Fv__Onnx__TensorShapeProto__Dimension *d = type->shape->dim[i];
        is->extent[i] =
            d->value_case
                        == FV__ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE
                    && d->dim_value > 0
                ? d->dim_value
                : FV_OPEN;
    }
    return FV_OK;
}

/* Whether the first axis may be a batch: it is open, or one image. Channels
 * cannot be open. */
static bool may_be_batch(const input *is, bool open)
{
    const bool image = fv__dtype_is_real(is->dtype);
    return is->rank > 1 && is->extent[0] == (open ? FV_OPEN : 1)
           && (!image || is->extent[1] != FV_OPEN);
}

/* Whether a recurrent node reads it whose first axes are positions, or
 * directions, and images. */
static bool is_sequence(const fv__onnx_graph *graph, const char *name)
{
    for (size_t i = 0; i < graph->n_node; i++) {
        const fv__onnx_node node = { .message = graph->node[i] };
        const fv__onnx_node_message *m = node.message;
        const char *kind = m->op_type ? m->op_type : "";
        const bool recurrent = !strcmp(kind, "LSTM") || !strcmp(kind, "GRU")
                               || !strcmp(kind, "RNN");
        if (!recurrent || fv__onnx_int(&node, "layout", 0)) continue;
        for (size_t k = 0; k < m->n_input; k++)
            if ((k == 0 || k == 5 || k == 6) && m->input[k]
                && !strcmp(m->input[k], name))
                return true;
    }
    return false;
}

/* "input 224 224 3 type=real" */
static fv_status add_input(fv__importer *to, const fv__onnx_value_info *info,
                           const input *is)
{
    const bool image = is->batched && fv__dtype_is_real(is->dtype);
    const fv__order order =
        image ? fv__order_last(is->rank) : fv__order_plain();
    fv__text line = { .context = to->context, .account = FV__DATA };
    fv__text_add(&line, "input");
    for (int32_t i = is->batched; i < is->rank; i++) {
        const int64_t extent = is->extent[order.axis[i]];
        if (extent == FV_OPEN)
            fv__text_add(&line, " ?");
        else
            fv__text_add(&line, " %lld", (long long)extent);
    }
    fv__value *value = fv__onnx_named(to, info->name);
    const char *name = fv__onnx_unique(to, info->name);
    fv__text_add(&line, " type=%s batch=%s name=%s",
                 fv__onnx_input_word(is->dtype), is->batched ? "yes" : "no",
                 name ? name : "");
    fv_layer *layer =
        line.at && value ? fv_layer_parse(to->context, line.at) : NULL;
    fv__text_free(&line);
    if (fv__onnx_append(to, layer) != FV_OK || !value)
        return fv_failed(to->context);
    value->made = true;
    value->result = to->network->places[to->network->count - 1].first;
    value->order = order;
    return FV_OK;
}

/* The numbers that an input is fixed to; NULL: it is not. */
static const fv_tensor *fixed_to(const fv__importer *to, const char *name)
{
    for (size_t i = 0; i < to->options->num_fixed; i++)
        if (!strcmp(to->options->fixed[i].name, name))
            return &to->options->fixed[i].tensor;
    return NULL;
}

static fv_status fix(fv__importer *to, fv__value *value, fv_dtype dtype,
                     const fv_tensor *numbers)
{
    value->known =
        fv__onnx_tensor_new(to, dtype, numbers->rank, numbers->shape);
    value->made = true;
    return value->known.rank < 0 ? fv_failed(to->context)
                                 : fv__tensor_assign(to->context, value->name,
                                                     &value->known, numbers);
}

static fv_status add_inputs(fv__importer *to, const fv__onnx_graph *graph)
{
    bool open = false, first = true;
    input is;
    for (int pass = 0; pass < 2; pass++) {
        first = true;
        for (size_t i = 0; i < graph->n_input; i++) {
            const fv__onnx_value_info *info = graph->input[i];
            if (!info->name || !*info->name)
                return fv_fail(to->context, FV_MALFORMED,
                               "%s: an input has no name", to->shown);
            fv__value *value = fv__onnx_named(to, info->name);
            if (!value) return fv_failed(to->context);
            if (value->initializer || value->known.data) continue;
            if (describe(to, info, &is) != FV_OK) return fv_failed(to->context);
            const fv_shape *shape = shape_given(to, info, first);
            first = false;
            if (shape && narrow(to, info, shape, 1, is.rank, &is) != FV_OK)
                return fv_failed(to->context);
            const fv_tensor *numbers = fixed_to(to, info->name);
            if (numbers) {
                if (fix(to, value, is.dtype, numbers) != FV_OK)
                    return fv_failed(to->context);
                continue;
            }
            const bool sequence = is_sequence(graph, info->name);
            open = open || (!sequence && may_be_batch(&is, true));
            is.batched = !sequence && may_be_batch(&is, open);
            if (shape && !is.batched && is.rank
                && narrow(to, info, shape, 0, 1, &is) != FV_OK)
                return fv_failed(to->context);
            if (pass && value->made)
                return fv__onnx_malformed(to, "there are two inputs",
                                          info->name);
            if (pass && add_input(to, info, &is) != FV_OK)
                return fv_failed(to->context);
        }
    }
    return FV_OK;
}

/* ---- outputs
 * ----------------------------------------------------------------- */

static fv_status add_output(fv__importer *to, const char *name)
{
    fv__value *value = fv__onnx_named(to, name);
    if (!value || value->refused) return fv_failed(to->context);
    if (!value->made)
        return fv__onnx_malformed(to, "nothing makes the output", name);
    if (fv__onnx_read_initializer(to, value) != FV_OK)
        return fv_failed(to->context);
    fv__value *plain = value->flattened ? fv__onnx_plain(to, value) : value;
    if (!plain || (!plain->known.data && fv__onnx_add(to, plain) != FV_OK))
        return fv_failed(to->context);
    const fv__result *r =
        plain->known.data ? NULL : &to->network->results[plain->result];
    const bool image = r && r->batched && fv__dtype_is_real(r->dtype);
    plain = image ? fv__onnx_last(to, plain) : fv__onnx_plain(to, plain);
    return plain && fv__onnx_output(to, plain, name) ? FV_OK
                                                     : fv_failed(to->context);
}

/* ---- weights
 * ----------------------------------------------------------------- */

/* The values of a parameter in the order of axes that it has in files; data
 * NULL: there is no such parameter. */
static fv_tensor values_of(const fv_layer *layer, const char *name)
{
    for (int32_t k = 0; k < layer->num_parameters; k++) {
        const fv__parameter *p = &layer->parameters[k];
        if (strcmp(p->name, name) == 0)
            return fv__parameter_in_files(p, &p->variable->value);
    }
    return fv__tensor_failed();
}

static fv_status set_weights(fv__importer *to)
{
    fv_context *context = to->context;
    if (fv__network_draw(to->network) != FV_OK) return fv_failed(context);
    for (const fv__onnx_weights *w = to->weights; w && fv__ok(context);
         w = w->next) {
        const fv_layer *layer = to->network->places[w->place].layer;
        const fv_tensor values = values_of(layer, w->name);
        char is[FV__SHAPE_BYTES], expected[FV__SHAPE_BYTES];
        if (values.data && fv_tensor_same_shape(&values, &w->numbers))
            fv__tensor_assign(context, layer->name, &values, &w->numbers);
        else
            fv_fail(context, FV_MALFORMED, "%s: %s.%s of shape %s, expected %s",
                    to->shown, layer->name, w->name,
                    fv__shape_text(is, sizeof is, w->numbers.rank,
                                   w->numbers.shape),
                    values.data ? fv__shape_text(expected, sizeof expected,
                                                 values.rank, values.shape)
                                : "none");
    }
    context->changes++;
    return fv_failed(context);
}

/* ---- the whole
 * --------------------------------------------------------------- */

static fv_status check_model(fv__importer *to)
{
    const fv__onnx_model *model = to->model;
    const char *why = NULL;
    if (!model->graph)
        why = "it has no graph";
    else if (model->ir_version < 3)
        why = "files before IR version 3 are not supported";
    else if (!model->n_opset_import)
        why = "it does not tell the version of its operators";
    else if (!model->graph->n_output)
        why = "its graph has no output";
    for (size_t i = 0; !why && i < model->graph->n_output; i++)
        if (!model->graph->output[i]->name || !*model->graph->output[i]->name)
            why = "an output has no name";
    return why ? fv_fail(to->context, FV_MALFORMED, "%s: %s", to->shown, why)
               : FV_OK;
}

/* All refusals in one sentence; the log gets it whole where the failure cannot
 * hold it. */
static fv_status refuse_all(const fv__importer *to)
{
    enum { SENTENCE = 900 };
    fv_context *context = to->context;
    if (!fv__ok(context) || !to->refusals) return fv_failed(context);
    int64_t count = 0;
    fv__text reasons = { .context = context, .account = FV__DATA };
    for (const fv__refusal *r = to->refusals; r; r = r->next) {
        count += r->count;
        fv__text_add(&reasons, "%s%s-%lld \"%s\"", reasons.length ? "; " : "",
                     r->shown, (long long)r->version, r->name);
        if (r->count > 1)
            fv__text_add(&reasons, " and %lld more", (long long)(r->count - 1));
        fv__text_add(&reasons, ": %s", r->why);
    }
    if (reasons.at && reasons.length > SENTENCE)
        fv__log(context, "%s: %s", to->shown, reasons.at);
    if (reasons.at)
        fv_fail(context, FV_UNSUPPORTED,
                "%s: %lld node%s cannot be read: %.900s%s", to->shown,
                (long long)count, count > 1 ? "s" : "", reasons.at,
                reasons.length > SENTENCE ? "..." : "");
    fv__text_free(&reasons);
    return fv_failed(context);
}

static fv_status build(fv__importer *to)
{
    const fv__onnx_graph *graph = to->model->graph;
    fv__onnx_node_message **nodes = fv__onnx_prepare(to, graph);
    if (!nodes || add_inputs(to, graph) != FV_OK
        || fv__onnx_nodes(to, graph->n_node, nodes, to->model->n_opset_import,
                          to->model->opset_import, NULL)
               != FV_OK
        || refuse_all(to) != FV_OK)
        return fv_failed(to->context);
    for (size_t i = 0; i < graph->n_output; i++)
        if (add_output(to, graph->output[i]->name) != FV_OK) break;
    return refuse_all(to) == FV_OK ? set_weights(to) : fv_failed(to->context);
}

fv_network *fv__onnx_load(fv_context *context, const char *path, void *bytes,
                          size_t size, const fv_onnx_options *options)
{
    char shown[256];
    const fv_onnx_options none = { .size = sizeof none };
    fv__printable(path, strlen(path), shown, sizeof shown);
    fv__importer to = { .context = context,
                        .path = path,
                        .shown = shown,
                        .options = options ? options : &none,
                        .arena = { .context = context, .account = FV__DATA } };
    ProtobufCMessage *message = fv__onnx_read(
        context, shown, &fv__onnx__model_proto__descriptor, size, bytes);
    to.model = (const fv__onnx_model *)message;
    fv__onnx_scope(&to, NULL);
    if (fv__ok(context) && check_model(&to) == FV_OK)
        to.network = fv_network_new(context, NULL, 0);
    if (to.network) {
        to.network->layout = FV_NCHW;
        fv__graph_begin(&to.twice, context, false);
        to.twice.arena.account = FV__DATA;
        build(&to);
    }
    for (fv__onnx_file *f = to.files; f; f = f->next)
        fv__release(context, f->bytes);
    if (to.twice.context) fv__graph_free(&to.twice);
    fv__arena_free(&to.arena);
    fv__onnx_unread(context, message);
    if (fv__ok(context)) return to.network;
    fv__destroy(to.network);
    return NULL;
}
