/* Loading and saving ONNX models, where the library has been built with ONNX.
 */
#include "io/onnx.h"

#include <string.h>

fv_network *fv__load_onnx(fv_context *context, const char *path, void *bytes,
                          size_t size, const fv_onnx_options *options)
{
    fv_network *network = NULL;
#ifdef FOVEA_WITH_ONNX
    network = fv__onnx_load(context, path, bytes, size, options);
#else
    (void)size, (void)options;
    fv_fail(context, FV_UNSUPPORTED, "%s: this library was built without ONNX",
            path);
#endif
    fv__release(context, bytes);
    return network;
}

fv_network *fv_network_load_onnx(fv_context *context, const char *path,
                                 const fv_onnx_options *options)
{
    fv_onnx_options known = { .size = sizeof known };
    size_t size;
    if (!fv__ok(context)) return NULL;
    if (!path || !*path) {
        fv_fail(context, FV_MISUSE, "onnx: the path is %s",
                path ? "empty" : "NULL");
        return NULL;
    }
    if (options && !fv__options(context, "onnx", options, &known, sizeof known))
        return NULL;
    fv__input input;
    fv__input_begin(&input, context, path);
    void *bytes = fv__input_end(&input, SIZE_MAX / 2, &size);
    return bytes ? fv__load_onnx(context, path, bytes, size, &known) : NULL;
}

fv_status fv_network_save_onnx(fv_network *network, const char *path,
                               const fv_onnx_save_options *options)
{
    fv_onnx_save_options known = { .size = sizeof known };
    if (!network) return FV_MISUSE;
    fv_context *context = network->context;
    if (!fv__ok(context)) return fv_failed(context);
    if (!path || !*path)
        return fv_fail(context, FV_MISUSE, "onnx: the path is %s",
                       path ? "empty" : "NULL");
    if (options && !fv__options(context, "onnx", options, &known, sizeof known))
        return fv_failed(context);
#ifdef FOVEA_WITH_ONNX
    return fv__onnx_save(network, path, &known);
#else
    return fv_fail(context, FV_UNSUPPORTED,
                   "%s: this library was built without ONNX", path);
#endif
}
