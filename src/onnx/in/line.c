/* Lines of the network that nodes become. */
#include "onnx/in/importer.h"

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
    for (; text[length] && length < LONGEST; length++)
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

fv_status fv__onnx_refuse(fv__importer *to, const fv__onnx_node *node,
                          const char *format, ...)
{
    char why[512], name[128];
    if (!fv__ok(to->context)) return fv_failed(to->context);
    va_list list;
    va_start(list, format);
    vsnprintf(why, sizeof why, format, list);
    va_end(list);
    const char *is = node && node->message->name ? node->message->name : "";
    fv__printable(is, strlen(is), name, sizeof name);
    to->refusals++;
    fv__text_add(&to->reasons, "%s%s-%lld \"%s\": %s",
                 to->reasons.length ? "; " : "", node ? node->kind : "node",
                 node ? (long long)node->version : 0, name, why);
    return FV_UNSUPPORTED;
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

static const char *type_word(fv_dtype dtype)
{
    switch (dtype) {
    case FV_I64:
        return "i64";
    case FV_I32:
    case FV_I16:
    case FV_I8:
        return "i32";
    case FV_U8:
        return "u8";
    case FV_BOOL:
        return "bool";
    default:
        return "real";
    }
}

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

static bool all_finite(const fv_tensor *known)
{
    const int64_t count = fv_tensor_count(known);
    for (int64_t i = 0; i < count; i++) {
        double number;
        fv__load_doubles(known->dtype, fv__tensor_byte(known, i), 1, 1,
                         &number);
        if (!(number - number == 0)) return false;
    }
    return true;
}

static fv__value *add_line(fv__importer *to, const char *base, int32_t count,
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
    fv__text_add(&line, " type=%s", type_word(known->dtype));
    const bool text = short_enough && (!real || all_finite(known));
    if (text) write_values(&line, known);
    fv__value *made =
        line.at ? add_line(to, value->name, 0, NULL, line.at) : NULL;
    fv__text_free(&line);
    if (!made) return fv_failed(to->context);
    value->result = made->result;
    return text ? FV_OK : fv__onnx_weight(to, "value", known);
}

/* Computes a line of known values; false: it is to be added. */
static bool compute(fv__importer *to, const fv__onnx_node *node, int32_t count,
                    fv__value *const inputs[], const char *options,
                    fv__value **result)
{
    fv_context *context = to->context;
    fv_variable *at[FV__MAX_INPUTS], *outputs[FV__MAX_OUTPUTS];
    fv_layer *layer = fv_layer_parse(context, options);
    if (layer && layer->type->declare && !layer->type->checks) {
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
        first[k] = (fv__value){ .name = node ? node->name : "constant",
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

static fv__value *add_line(fv__importer *to, const char *base, int32_t count,
                           fv__value *const inputs[], const char *options)
{
    fv_context *context = to->context;
    for (int32_t k = 0; k < count; k++)
        if (inputs[k]->result < 0 && give_line(to, inputs[k]) != FV_OK)
            return NULL;
    const bool output = strcmp(options, "output") == 0;
    const char *name = name_of(to, base, output ? is_layer : taken);
    fv__text line = { .context = context, .account = FV__DATA };
    if (name) fv__text_add(&line, "%s name=%s", options, name);
    write_inputs(to, &line, count, inputs);
    fv_layer *layer = line.at ? fv_layer_parse(context, line.at) : NULL;
    fv__text_free(&line);
    if (!layer || fv_network_add(to->network, layer) != FV_OK) {
        if (layer && !layer->network) fv__destroy(layer);
        return refuse_failure(to);
    }
    fv__value *value = fv__onnx_allocate(to, sizeof *value);
    if (value)
        *value =
            (fv__value){ .name = name,
                         .result =
                             to->network->places[to->network->count - 1].first,
                         .order = fv__order_plain() };
    return value;
}

fv__value *fv__onnx_line(fv__importer *to, const fv__onnx_node *node,
                         int32_t count, fv__value *const inputs[],
                         const char *format, ...)
{
    if (!fv__ok(to->context)) return NULL;
    bool known = count > 0;
    for (int32_t k = 0; k < count; k++) {
        if (!inputs[k]) return NULL;
        known = known && inputs[k]->known.data;
    }
    char options[2048];
    va_list list;
    va_start(list, format);
    const int length = vsnprintf(options, sizeof options, format, list);
    va_end(list);
    if (length < 0 || (size_t)length >= sizeof options) {
        fv__onnx_refuse(to, to->node, "its line has %d characters", length);
        return NULL;
    }
    fv__value *result;
    if (known && compute(to, node, count, inputs, options, &result))
        return result;
    const char *base = node ? node->name : count ? inputs[0]->name : "value";
    return add_line(to, base, count, inputs, options);
}

fv__value *fv__onnx_output(fv__importer *to, fv__value *value, const char *name)
{
    return add_line(to, name, 1, &value, "output");
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
    const fv_network *network = to->network;
    const char *layer = network->places[network->count - 1].layer->name;
    const size_t length = strlen(layer) + strlen(parameter) + 2;
    fv__onnx_weights *w = fv__onnx_allocate(to, sizeof *w);
    char *name = fv__onnx_allocate(to, length);
    if (!w || !name) return fv_failed(to->context);
    snprintf(name, length, "%s.%s", layer, parameter);
    *w = (fv__onnx_weights){ name, *numbers, to->weights };
    to->weights = w;
    return FV_OK;
}

fv_status fv__onnx_set(fv__onnx_node *node, int32_t k, fv__value *value,
                       fv__order order)
{
    if (!value) return FV_UNSUPPORTED;
    if (k >= node->num_outputs || !node->outputs[k]) return FV_OK;
    fv__value *output = node->outputs[k];
    output->known = value->known;
    output->result = value->result;
    output->flattened = value->flattened;
    output->order = order;
    output->made = true;
    return FV_OK;
}
