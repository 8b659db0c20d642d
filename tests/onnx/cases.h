/* Cases of the ONNX project: a folder with a model, its inputs and outputs. */
#ifndef TESTS_ONNX_CASES_H
#define TESTS_ONNX_CASES_H

#include "onnx/in/importer.h"

#include <fovea/fovea.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CASE_MOST = 64 };

/* The tensors of input_0.pb, input_1.pb, ... or of the outputs, in `to`'s
 * memory; the number of them. */
static inline int32_t case_tensors(fv__importer *to, const char *folder,
                                   const char *what,
                                   fv_tensor tensors[CASE_MOST])
{
    fv_context *context = to->context;
    for (int32_t k = 0; k < CASE_MOST; k++) {
        char path[1024];
        size_t bytes;
        snprintf(path, sizeof path, "%s/test_data_set_0/%s_%d.pb", folder, what,
                 k);
        if (fv__file_probe(context, path) < 0) return k;
        void *data = fv__read_file(context, path, SIZE_MAX / 2, &bytes);
        ProtobufCMessage *message = fv__onnx_read(
            context, path, &fv__onnx__tensor_proto__descriptor, bytes, data);
        if (message)
            fv__onnx_numbers(to, path, (const fv__onnx_tensor *)message,
                             &tensors[k]);
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
    const int32_t num_inputs = case_tensors(&to, folder, "input", inputs);
    const int32_t num_outputs =
        num_inputs < 0 ? -1 : case_tensors(&to, folder, "output", outputs);
    fv_named_tensor given[CASE_MOST], made[CASE_MOST];
    int32_t count = 0, constants = 0;
    fv_named_tensor constant[CASE_MOST];
    size_t bytes = 0;
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    void *data = num_outputs < 0
                     ? NULL
                     : fv__read_file(context, path, SIZE_MAX / 2, &bytes);
    ProtobufCMessage *message =
        data ? fv__onnx_read(context, path, &fv__onnx__model_proto__descriptor,
                             bytes, data)
             : NULL;
    const fv__onnx_model *model = (const fv__onnx_model *)message;
    for (int32_t k = 0; model && k < num_inputs; k++) {
        const fv_named_tensor one = { model->graph->input[k]->name, inputs[k] };
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
