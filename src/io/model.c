/* Saving and loading networks: text and parameters in one safetensors file. */
#include "io/model.h"

#include "io/json.h"
#include "io/onnx.h"

#include <stdio.h>
#include <string.h>

fv_status fv__model_add(fv__model *model, const char *prefix, const char *name,
                        const fv_tensor *tensor)
{
    fv__text text = { .context = model->context, .account = FV__DATA };
    fv__text_add(&text, "%s%s", prefix, name);
    if (!text.at) return fv_failed(model->context);
    model->entries[model->count++] = (fv_named_tensor){ text.at, *tensor };
    return FV_OK;
}

/* Adds the values of a parameter as "<layer>.<parameter>". */
static fv_status add_parameter(fv__model *model, const fv_layer *layer,
                               const fv__parameter *parameter,
                               const fv_tensor *values)
{
    if (!values) return fv_failed(model->context);
    const fv_tensor tensor = fv__parameter_in_files(parameter, values);
    fv__text prefix = { .context = model->context, .account = FV__DATA };
    fv__text_add(&prefix, "%s.", layer->name);
    if (prefix.at) fv__model_add(model, prefix.at, parameter->name, &tensor);
    fv__text_free(&prefix);
    return fv_failed(model->context);
}

/* Lists the parameters, or the gradients of those that are trained. */
static fv_status list(fv__model *model, fv_network *network, bool gradients,
                      size_t extra)
{
    fv_context *context = network->context;
    *model = (fv__model){ .context = context, .network = network };
    if (fv__network_draw(network) != FV_OK) return fv_failed(context);
    model->capacity = extra;
    for (int32_t i = 0; i < network->count; i++)
        model->capacity += (size_t)network->places[i].layer->num_parameters;
    model->entries = fv__allocate(context, FV__DATA,
                                  model->capacity * sizeof *model->entries);
    for (int32_t i = 0; model->entries && i < network->count; i++) {
        const fv_layer *layer = network->places[i].layer;
        for (int32_t k = 0; k < layer->num_parameters; k++) {
            const fv__parameter *p = &layer->parameters[k];
            if (p->shared || (gradients && !p->trainable)) continue;
            const fv_tensor *values =
                gradients ? fv_variable_grad(p->variable) : &p->variable->value;
            if (add_parameter(model, layer, p, values) != FV_OK)
                return fv_failed(context);
        }
    }
    return fv_failed(context);
}

fv_status fv__model_begin(fv__model *model, fv_network *network, size_t extra)
{
    return list(model, network, false, extra);
}

fv_status fv__model_begin_gradients(fv__model *model, fv_network *network)
{
    return list(model, network, true, 0);
}

void fv__model_end(fv__model *model)
{
    for (size_t i = 0; i < model->count; i++) {
        fv__text name = { .context = model->context,
                          .at = (char *)(uintptr_t)model->entries[i].name };
        fv__text_free(&name);
    }
    fv__release(model->context, model->entries);
    fv__release(model->context, model->read);
    *model = (fv__model){ 0 };
}

/* The names of the classes as JSON. */
static char *classes_of(const fv_network *network, const char *path)
{
    if (!network->num_class_names) return NULL;
    char shown[256];
    fv__printable(path, strlen(path), shown, sizeof shown);
    return fv__json_write_list(network->context, shown,
                               network->num_class_names, network->class_names);
}

size_t fv__model_pairs(fv_network *network, const char *path,
                       fv__pair pairs[FV__MODEL_PAIRS], char **classes)
{
    size_t count = 0;
    pairs[count++] = (fv__pair){ "fovea.network", fv_network_text(network) };
    pairs[count++] =
        (fv__pair){ "format", "pt" }; /* of PyTorch's state dicts */
    *classes = classes_of(network, path);
    if (*classes) pairs[count++] = (fv__pair){ "fovea.classes", *classes };
    if (network->layout == FV_NCHW)
        pairs[count++] = (fv__pair){ "fovea.layout", "nchw" };
    return count;
}

bool fv__model_has_key(const char *key)
{
    static const char *const keys[] = { "format", "fovea.network",
                                        "fovea.classes", "fovea.layout" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(key, keys[i]) == 0) return true;
    return false;
}

void fv__model_restore(const fv__model *model)
{
    model->context->changes++;
    for (size_t i = 0; i < model->count; i++)
        if (model->read[i].rank >= 0)
            fv__tensor_convert_elements(&model->entries[i].tensor,
                                        &model->read[i]);
}

/* ---- fv_network_save and fv_network_load ----------------------------------
 */

fv_status fv_network_save(fv_network *network, const char *path)
{
    if (!network) return FV_MISUSE;
    fv_context *context = network->context;
    if (!fv__ok(context)) return fv_failed(context);
    if (!path || !*path)
        return fv_fail(context, FV_MISUSE, "save: the path is %s",
                       path ? "empty" : "NULL");
    fv__model model;
    if (fv__model_begin(&model, network, 0) == FV_OK) {
        fv__pair pairs[FV__MODEL_PAIRS];
        char *classes;
        const size_t count = fv__model_pairs(network, path, pairs, &classes);
        if (fv__ok(context))
            fv__safetensors_write(context, path, model.count, model.entries,
                                  count, pairs);
        fv__release(context, classes);
    }
    fv__model_end(&model);
    return fv_failed(context);
}

/* Parses a network text; releases it. */
static fv_network *load_text(fv_context *context, const char *path, char *text,
                             size_t bytes)
{
    fv_network *network = fv__network_parse(context, text, bytes, path);
    fv__release(context, text);
    return network;
}

/* Sets the names of the classes, if the file has any. */
static fv_status load_classes(fv_network *network, const fv__archive *archive,
                              const char *shown)
{
    fv_context *context = network->context;
    const char *json = fv__archive_value(archive, "fovea.classes");
    int64_t count = 0;
    if (!json) return FV_OK;
    const char **names = fv__json_read_list(context, json, &count);
    if (names)
        fv_network_set_class_names(network, count, names);
    else
        fv_fail(context, FV_MALFORMED, "\"fovea.classes\" is no list of names");
    fv__release(context, names);
    if (fv__ok(context)) return FV_OK;
    fv__fail_at(context, "%s: ", shown);
    return fv_failed(context);
}

/* Loads a model; takes over the bytes. */
static fv_network *load_model(fv_context *context, const char *path,
                              const char *shown, void *bytes, size_t size)
{
    fv__archive *archive = fv__safetensors_parse(context, path, bytes, size);
    if (!archive) return NULL;
    const char *text = fv__archive_value(archive, "fovea.network");
    fv_network *network = NULL;
    if (text)
        network = fv_network_parse(context, text, path);
    else
        fv_fail(context, FV_MALFORMED,
                "%s: there is no network text in the metadata "
                "(\"fovea.network\")",
                shown);
    const char *layout = fv__archive_value(archive, "fovea.layout");
    if (network && layout)
        network->layout = strcmp(layout, "nchw") == 0 ? FV_NCHW : FV_NHWC;
    fv__model model = { 0 };
    if (network && fv__model_begin(&model, network, 0) == FV_OK
        && fv__model_match(&model, archive, path, NULL) == FV_OK
        && load_classes(network, archive, shown) == FV_OK)
        fv__model_restore(&model);
    if (model.context) fv__model_end(&model);
    fv__archive_free(archive);
    if (fv__ok(context)) return network;
    fv__destroy(network);
    return NULL;
}

fv_network *fv_network_load(fv_context *context, const char *path)
{
    if (!fv__ok(context)) return NULL;
    if (!path || !*path) {
        fv_fail(context, FV_MISUSE, "load: the path is %s",
                path ? "empty" : "NULL");
        return NULL;
    }
    enum { LARGEST_TEXT = 1 << 26 };
    char shown[256];
    fv__input input;
    size_t size;
    fv__printable(path, strlen(path), shown, sizeof shown);
    fv__input_begin(&input, context, path);
    const bool archive = input.head_bytes > 8 && input.head[8] == '{';
    /* field 1 of the message, a small number: the version of the file */
    const bool onnx = input.head_bytes > 2 && input.head[0] == 0x08
                      && input.head[1] < 0x20 && !archive;
    void *bytes = fv__input_end(
        &input, archive || onnx ? SIZE_MAX / 2 : LARGEST_TEXT, &size);
    if (!bytes) return NULL;
    if (onnx) return fv__load_onnx(context, path, bytes, size, NULL);
    return archive ? load_model(context, path, shown, bytes, size)
                   : load_text(context, path, bytes, size);
}
