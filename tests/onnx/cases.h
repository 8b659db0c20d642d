/* Cases of the ONNX project: a folder with a model, its inputs and outputs. */
#ifndef TESTS_ONNX_CASES_H
#define TESTS_ONNX_CASES_H

#include "onnx/in/importer.h"

#include <fovea/fovea.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CASE_MOST = 64 };

static inline int32_t case_type(const fv__onnx_value_info *info)
{
    const fv__onnx_type *type = info->type;
    return type && type->value_case == FV__ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE
               ? type->tensor_type->elem_type
               : 0;
}

/* What the files of a case hold, and no tensor of numbers; NULL: it is one. */
static inline const char *case_other(const fv__onnx_value_info *info)
{
    const fv__onnx_type *type = info->type;
    const int kind = type ? (int)type->value_case : 0;
    switch (kind) {
    case FV__ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE:
        return "a sequence";
    case FV__ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE:
        return "an optional value";
    default:
        return case_type(info) == FV__ONNX__TENSOR_PROTO__DATA_TYPE__STRING
                   ? "text"
                   : NULL;
    }
}

/* The tensors of input_0.pb, input_1.pb, ... or of the outputs, which are those
 * of the graph, in `to`'s memory; the number of them, -1 after a failure. */
static inline int32_t case_tensors(fv__importer *to, const char *folder,
                                   const char *what, size_t count,
                                   fv__onnx_value_info *const infos[],
                                   fv_tensor tensors[CASE_MOST])
{
    fv_context *context = to->context;
    for (int32_t k = 0; k < CASE_MOST; k++) {
        char path[1024];
        size_t bytes;
        snprintf(path, sizeof path, "%s/test_data_set_0/%s_%d.pb", folder, what,
                 k);
        if (fv__file_probe(context, path) < 0) return k;
        const char *other =
            (size_t)k < count ? case_other(infos[k]) : "nothing of the graph";
        if (other) {
            fv_fail(context, FV_UNSUPPORTED, "%s %d of the case is %s", what,
                    k + 1, other);
            return -1;
        }
        void *data = fv__read_file(context, path, SIZE_MAX / 2, &bytes);
        ProtobufCMessage *message = fv__onnx_read(
            context, path, &fv__onnx__tensor_proto__descriptor, bytes, data);
        const fv__onnx_tensor *tensor = (const fv__onnx_tensor *)message;
        if (tensor && tensor->data_type != case_type(infos[k]))
            fv_fail(context, FV_MALFORMED,
                    "%s %d of the case is not of the type that its graph has",
                    what, k + 1);
        else if (tensor)
            fv__onnx_numbers(to, path, tensor, &tensors[k]);
        fv__onnx_unread(context, message);
        fv__release(context, data);
        if (fv_failed(context)) return -1;
    }
    return CASE_MOST;
}

/* Whether two tensors are equal but for rounding; else says how not. */
static inline int case_equal(const fv_tensor *is, const fv_tensor *expected,
                             double relative, double absolute, char why[256])
{
    char a[FV__SHAPE_BYTES], b[FV__SHAPE_BYTES];
    if (!fv_tensor_same_shape(is, expected)) {
        snprintf(why, 256, "shape %s, expected %s",
                 fv__shape_text(a, sizeof a, is->rank, is->shape),
                 fv__shape_text(b, sizeof b, expected->rank, expected->shape));
        return 0;
    }
    const int64_t count = fv_tensor_count(expected);
    double *x = malloc((size_t)(count + 1) * sizeof *x);
    const fv_tensor row_major = fv_tensor_of(x, FV_F64, is->rank, is->shape);
    int equal = x != NULL;
    if (x && count) fv__tensor_convert_elements(&row_major, is);
    for (int64_t i = 0; equal && i < count; i++) {
        double e;
        fv__load_doubles(expected->dtype, fv__tensor_byte(expected, i), 1, 1,
                         &e);
        const double limit = absolute + relative * (e < 0 ? -e : e);
        const double d = x[i] - e;
        equal = x[i] == e || (x[i] != x[i] && e != e)
                || (d <= limit && -d <= limit);
        if (!equal)
            snprintf(why, 256, "element %lld is %.9g, expected %.9g",
                     (long long)i, x[i], e);
    }
    free(x);
    return equal;
}

/* Loads the model, with inputs from `fixed` on as constants, runs it and
 * compares its outputs. */
static inline int case_run(fv_context *context, const char *folder,
                           int32_t fixed, double relative, char why[256])
{
    char path[1024];
    fv__importer to = { .context = context,
                        .path = folder,
                        .shown = folder,
                        .arena = { .context = context } };
    fv_tensor inputs[CASE_MOST], outputs[CASE_MOST];
    fv_named_tensor given[CASE_MOST], made[CASE_MOST];
    fv_named_tensor constant[CASE_MOST];
    int32_t count = 0, constants = 0;
    size_t bytes = 0;
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    void *data = fv__read_file(context, path, SIZE_MAX / 2, &bytes);
    ProtobufCMessage *message =
        data ? fv__onnx_read(context, path, &fv__onnx__model_proto__descriptor,
                             bytes, data)
             : NULL;
    const fv__onnx_model *model = (const fv__onnx_model *)message;
    const fv__onnx_graph *graph = model ? model->graph : NULL;
    const int32_t num_inputs =
        graph ? case_tensors(&to, folder, "input", graph->n_input, graph->input,
                             inputs)
              : -1;
    const int32_t num_outputs =
        num_inputs < 0 ? -1
                       : case_tensors(&to, folder, "output", graph->n_output,
                                      graph->output, outputs);
    for (int32_t k = 0; k < num_inputs; k++) {
        const fv_named_tensor one = { graph->input[k]->name, inputs[k] };
        if (k >= fixed)
            constant[constants++] = one;
        else
            given[count++] = one;
    }
    fv_network *network =
        fv_network_load_onnx(context, path,
                             FV_OPTIONS(fv_onnx_options, .fixed = constant,
                                        .num_fixed = (size_t)constants));
    int equal = network != NULL;
    for (int32_t k = 0; k < num_outputs; k++) made[k].name = NULL;
    for (int32_t k = 0; equal && k < count; k++) given[k].name = NULL;
    if (equal)
        equal =
            fv_network_run(network, count, given, num_outputs, made) == FV_OK;
    if (!equal) snprintf(why, 256, "%.255s", fv_error(context));
    for (int32_t k = 0; equal && k < num_outputs; k++)
        equal = case_equal(&made[k].tensor, &outputs[k], relative, 1e-5, why);
    fv__onnx_unread(context, message);
    fv__release(context, data);
    fv__arena_free(&to.arena);
    return equal;
}

#endif
