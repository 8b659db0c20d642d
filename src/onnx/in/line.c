/* Lines of the network that nodes become. */
#include "onnx/in/importer.h"

#include <float.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- names -----------------------------------------------------------------
 */

static bool is_layer(const fv__importer *to, const char *name)
{
    const fv_network *network = to->network;
    return fv__network_find(network, network->count, name, strlen(name)) >= 0;
}

static bool taken(const fv__importer *to, const char *name)
{
    if (is_layer(to, name)) return true;
    const fv__onnx_graph *graph = to->model->graph;
    for (size_t i = 0; i < graph->n_output; i++)
        if (graph->output[i]->name && !strcmp(graph->output[i]->name, name))
            return true;
    return false;
}

/* A name made of a text, for a layer or for an output of the graph. */
static const char *name_of(fv__importer *to, const char *text,
                           bool (*used)(const fv__importer *, const char *))
{
    enum { LONGEST = 230 };
    char *name = fv__onnx_allocate(to, LONGEST + 24);
    if (!name) return NULL;
    size_t length = 0;
    for (; length < LONGEST && text[length]; length++)
        name[length] = fv__name_character(text[length]) ? text[length] : '_';
    if (!length) name[length++] = '_';
    name[length] = '\0';
    for (int number = 2; used(to, name); number++)
        snprintf(name + length, 24, ".%d", number);
    return name;
}

const char *fv__onnx_unique(fv__importer *to, const char *text)
{
    return name_of(to, text, taken);
}

/* ---- refusals ---------------------------------------------------------------
 */

static const char *copy_text(fv__importer *to, const char *text)
{
    const size_t bytes = strlen(text) + 1;
    char *copy = fv__onnx_allocate(to, bytes);
    return copy ? memcpy(copy, text, bytes) : NULL;
}

static const char *copy_printable(fv__importer *to, const char *text)
{
    char shown[128];
    return copy_text(to,
                     fv__printable(text, strlen(text), shown, sizeof shown));
}

fv_status fv__onnx_refuse(fv__importer *to, const fv__onnx_node *node,
                          const char *format, ...)
{
    char raw[512], why[512];
    if (!fv__ok(to->context)) return FV_UNSUPPORTED;
    va_list list;
    va_start(list, format);
    vsnprintf(raw, sizeof raw, format, list);
    va_end(list);
    fv__printable(raw, strlen(raw), why, sizeof why);
    fv__refusal **end = &to->refusals;
    for (; *end; end = &(*end)->next)
        if (!strcmp((*end)->kind, node->kind) && !strcmp((*end)->why, why)) {
            (*end)->count++;
            return FV_UNSUPPORTED;
        }
    fv__refusal *refusal = fv__onnx_allocate(to, sizeof *refusal);
    if (!refusal) return FV_UNSUPPORTED;
    *refusal = (fv__refusal){ .kind = node->kind,
                              .shown = copy_printable(to, node->kind),
                              .why = copy_text(to, why),
                              .name = copy_printable(to, node->name),
                              .version = node->version,
                              .count = 1 };
    if (refusal->shown && refusal->why && refusal->name) *end = refusal;
    return FV_UNSUPPORTED;
}

fv_status fv__onnx_malformed(const fv__importer *to, const char *what,
                             const char *name)
{
    char shown[128];
    return fv_fail(to->context, FV_MALFORMED, "%s: %s \"%s\"", to->shown, what,
                   fv__printable(name, strlen(name), shown, sizeof shown));
}

/* Turns the failure of a line, unless it is one of the machine, into a refusal
 * of its node. */
static void *refuse_failure(fv__importer *to)
{
    const fv_status status = fv_failed(to->context);
    if (status == FV_NO_MEMORY || status == FV_OK || !to->node) return NULL;
    char why[512];
    snprintf(why, sizeof why, "%s", fv_error(to->context));
    fv_clear_error(to->context);
    fv__onnx_refuse(to, to->node, "%s", why);
    return NULL;
}

/* ---- known values -----------------------------------------------------------
 */

enum { MOST_IN_TEXT = 1024, MOST_REALS_IN_TEXT = 16 };

static void write_values(fv__text *line, const fv_tensor *known)
{
    char number[FV__NUMBER_BYTES];
    const int64_t count = fv_tensor_count(known);
    fv__text_add(line, " values=");
    for (int64_t i = 0; i < count; i++)
        fv__text_add(
            line, "%s%s", i ? "," : "",
            fv__element_text(known->dtype, fv__tensor_byte(known, i), number));
}

/* Whether the numbers can be read from the text of a network. */
static bool readable(const fv_tensor *known)
{
    const double most = fv__dtype_is_real(known->dtype) ? DBL_MAX : 1e15 - 1;
    const int64_t count = fv_tensor_count(known);
    for (int64_t i = 0; i < count; i++) {
        const double number = fv__onnx_element(known, i);
        if (!(number >= -most && number <= most)) return false;
    }
    return true;
}

/* Adds the line of a kind, options and inputs, whose name is made of `base`;
 * NULL after a failure. */
static fv__value *append_line(fv__importer *to, const char *base, int32_t count,
                              fv__value *const inputs[], const char *options);

/* Gives a known value a line of its own: numbers in the text, or a parameter.
 */
static fv_status give_line(fv__importer *to, fv__value *value)
{
    const fv_tensor *known = &value->known;
    const bool real = fv__dtype_is_real(known->dtype);
    const int64_t count = fv_tensor_count(known);
    const bool short_enough =
        count <= (real ? MOST_REALS_IN_TEXT : MOST_IN_TEXT) && count > 0;
    fv__text line = { .context = to->context, .account = FV__DATA };
    fv__text_add(&line, "constant");
    for (int32_t i = 0; i < known->rank; i++)
        fv__text_add(&line, " %lld", (long long)known->shape[i]);
    fv__text_add(&line, " type=%s", fv__onnx_input_word(known->dtype));
    const bool text = short_enough && readable(known);
    if (text) write_values(&line, known);
    fv__value *made =
        line.at ? append_line(to, value->name, 0, NULL, line.at) : NULL;
    fv__text_free(&line);
    if (!made) return FV_UNSUPPORTED;
    value->result = made->result;
    return text ? FV_OK : fv__onnx_weight(to, "value", known);
}

fv_status fv__onnx_add(fv__importer *to, fv__value *value)
{
    fv__deferred *d = value->deferred;
    if (value->result >= 0) return FV_OK;
    if (!d) return give_line(to, value);
    if (d->result < 0) {
        const fv__value *made =
            append_line(to, d->base, d->count, d->inputs, d->options);
        if (!made) return FV_UNSUPPORTED;
        d->result = made->result;
    }
    value->result = d->result;
    return FV_OK;
}

/* Whether a layer has parameters, which are not known yet. */
static bool has_parameters(fv_layer *layer, int32_t count,
                           fv__value *const inputs[])
{
    fv_shape shapes[FV__MAX_INPUTS];
    if (!layer->type->declare) return false;
    for (int32_t k = 0; k < count; k++)
        shapes[k] = fv__shape_of_image(&inputs[k]->known);
    layer->type->declare(layer, count, shapes);
    return layer->num_parameters > 0;
}

bool fv__onnx_compute(fv__importer *to, const char *base, int32_t count,
                      fv__value *const inputs[], const char *options,
                      fv__value **result)
{
    fv_context *context = to->context;
    fv_variable *at[FV__MAX_INPUTS], *outputs[FV__MAX_OUTPUTS];
    fv_layer *layer = fv_layer_parse(context, options);
    if (layer && has_parameters(layer, count, inputs)) {
        fv__destroy(layer);
        return false;
    }
    for (int32_t k = 0; k < count; k++)
        at[k] = fv_constant(context, &inputs[k]->known);
    const int32_t made =
        fv__ok(context) ? fv__layer_apply_n(layer, count, at, outputs) : 0;
    fv__value *first =
        made ? fv__onnx_allocate(to, (size_t)made * sizeof *first) : NULL;
    for (int32_t k = 0; first && k < made; k++) {
        const fv_tensor *from = &outputs[k]->value;
        const fv_tensor copy =
            fv__onnx_tensor_new(to, from->dtype, from->rank, from->shape);
        if (copy.rank >= 0 && fv_tensor_count(&copy))
            fv__tensor_copy_elements(&copy, from);
        first[k] = (fv__value){ .name = base,
                                .known = copy,
                                .result = -1,
                                .order = fv__order_plain() };
    }
    fv__destroy(layer);
    fv_forget(context);
    *result = fv__ok(context) ? first : refuse_failure(to);
    return true;
}

/* ---- lines ------------------------------------------------------------------
 */

/* "from=a,b:1" */
static void write_inputs(fv__importer *to, fv__text *line, int32_t count,
                         fv__value *const inputs[])
{
    for (int32_t k = 0; k < count; k++) {
        const fv__result *r = &to->network->results[inputs[k]->result];
        fv__text_add(line, "%s%s", k ? "," : " from=",
                     to->network->places[r->place].layer->name);
        if (r->output) fv__text_add(line, ":%d", r->output);
    }
}

/* Records the layer that was added last for two images. What goes wrong does so
 * for more than one image only, and is left to the run of more. */
static void record_twice(fv__importer *to)
{
    const fv__place *place = &to->network->places[to->network->count - 1];
    fv_layer *layer = place->layer;
    const fv_layer as_it_is = *layer;
    fv_variable *inputs[FV__MAX_INPUTS], *outputs[FV__MAX_OUTPUTS] = { NULL };
    bool works = true;
    if (layer->type == &fv__layer_input) {
        fv_shape shape = layer->out_shape;
        for (int32_t i = 0; i < shape.rank; i++)
            if (shape.extent[i] == FV_OPEN) shape.extent[i] = fv__open_sizes[0];
        const fv_dtype dtype = fv__input_dtype(layer);
        outputs[0] =
            fv__input_is_batched(layer)
                ? fv__variable_placeholder(&to->twice, dtype, 2, &shape)
                : fv__graph_value(&to->twice, dtype, shape.rank, shape.extent);
    } else {
        for (int32_t k = 0; k < place->num_inputs; k++)
            works &= (inputs[k] = to->doubled[place->inputs[k]]) != NULL;
        if (works
            && !fv__layer_trace(layer, &to->twice, place->num_inputs, inputs,
                                outputs))
            memset(outputs, 0, sizeof outputs);
        if (fv_failed(to->context) != FV_NO_MEMORY) fv_clear_error(to->context);
        *layer = as_it_is;
    }
    for (int32_t k = 0; k < place->num_outputs; k++)
        to->doubled[place->first + k] = outputs[k];
}

fv_status fv__onnx_append(fv__importer *to, fv_layer *layer)
{
    if (!layer || fv_network_add(to->network, layer) != FV_OK) {
        if (layer && !layer->network) fv__destroy(layer);
        return fv_failed(to->context);
    }
    const int32_t results = to->network->num_results;
    if (results > to->num_doubled) {
        const int32_t more = results + to->num_doubled;
        fv_variable **grown =
            fv__onnx_allocate(to, (size_t)more * sizeof(void *));
        if (!grown) return fv_failed(to->context);
        memset(grown, 0, (size_t)more * sizeof(void *));
        if (to->num_doubled)
            memcpy(grown, to->doubled,
                   (size_t)to->num_doubled * sizeof(void *));
        to->doubled = grown;
        to->num_doubled = more;
    }
    record_twice(to);
    return fv_failed(to->context);
}

static fv__value *append_line(fv__importer *to, const char *base, int32_t count,
                              fv__value *const inputs[], const char *options)
{
    fv_context *context = to->context;
    for (int32_t k = 0; k < count; k++)
        if (fv__onnx_add(to, inputs[k]) != FV_OK) return NULL;
    const bool output = strcmp(options, "output") == 0;
    const char *name = name_of(to, base, output ? is_layer : taken);
    fv__text line = { .context = context, .account = FV__DATA };
    if (name) fv__text_add(&line, "%s name=%s", options, name);
    write_inputs(to, &line, count, inputs);
    fv_layer *layer = line.at ? fv_layer_parse(context, line.at) : NULL;
    fv__text_free(&line);
    if (fv__onnx_append(to, layer) != FV_OK) return refuse_failure(to);
    fv__value *value = fv__onnx_allocate(to, sizeof *value);
    if (value)
        *value =
            (fv__value){ .name = name,
                         .result =
                             to->network->places[to->network->count - 1].first,
                         .order = fv__order_plain() };
    return value;
}

/* A line of at most so many characters. */
enum { LONGEST_LINE = 2048 };

FV_PRINTF(5, 0)
static fv__value *add_line(fv__importer *to, const fv__onnx_node *node,
                           int32_t count, fv__value *const inputs[],
                           const char *format, va_list list)
{
    if (!fv__ok(to->context)) return NULL;
    bool known = count > 0;
    for (int32_t k = 0; k < count; k++) {
        if (!inputs[k]) return NULL;
        known = known && inputs[k]->known.data;
    }
    char options[LONGEST_LINE];
    const int length = vsnprintf(options, sizeof options, format, list);
    if (length < 0 || length >= LONGEST_LINE) {
        fv__onnx_refuse(to, to->node, "its line has %d characters", length);
        return NULL;
    }
    const char *base = node ? node->name : count ? inputs[0]->name : "value";
    fv__value *result;
    if (known && fv__onnx_compute(to, base, count, inputs, options, &result))
        return result;
    result = fv__onnx_move_sizes(to, base, count, inputs, options);
    if (result || !fv__ok(to->context)) return result;
    return append_line(to, base, count, inputs, options);
}

fv__value *fv__onnx_line(fv__importer *to, const fv__onnx_node *node,
                         int32_t count, fv__value *const inputs[],
                         const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fv__value *made = add_line(to, node, count, inputs, format, list);
    va_end(list);
    return made;
}

fv__value *fv__onnx_map(fv__importer *to, const fv__onnx_node *node,
                        fv__value *x, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fv__value *made = add_line(to, node, 1, &x, format, list);
    va_end(list);
    if (made) made->order = x->order;
    return made;
}

fv__value *fv__onnx_output(fv__importer *to, fv__value *value, const char *name)
{
    return append_line(to, name, 1, &value, "output");
}

fv__value *fv__onnx_sibling(fv__importer *to, const fv__value *first, int32_t k)
{
    if (first->known.data) return (fv__value *)(uintptr_t)(first + k);
    fv__value *value = fv__onnx_allocate(to, sizeof *value);
    if (!value) return NULL;
    *value = *first;
    value->result += k;
    return value;
}

fv_status fv__onnx_weight(fv__importer *to, const char *parameter,
                          const fv_tensor *numbers)
{
    fv__onnx_weights *w = fv__onnx_allocate(to, sizeof *w);
    if (!w) return fv_failed(to->context);
    *w = (fv__onnx_weights){ to->network->count - 1, parameter, *numbers,
                             to->weights };
    to->weights = w;
    return FV_OK;
}

bool fv__onnx_wanted(const fv__onnx_node *node, int32_t k)
{
    return k < node->num_outputs && node->outputs[k];
}

fv_status fv__onnx_set_ordered(fv__onnx_node *node, int32_t k,
                               const fv__value *value, fv__order order)
{
    if (!value) return FV_UNSUPPORTED;
    if (!fv__onnx_wanted(node, k)) return FV_OK;
    fv__value *output = node->outputs[k];
    output->known = value->known;
    output->result = value->result;
    output->deferred = value->deferred;
    output->flattened = value->flattened;
    output->order = order;
    output->made = true;
    return FV_OK;
}

fv_status fv__onnx_set(fv__onnx_node *node, int32_t k, fv__value *value)
{
    return fv__onnx_set_ordered(node, k, value,
                                value ? value->order : fv__order_plain());
}
