/* ONNX files of any bytes, for libFuzzer: loads them and runs small networks.
 */
#include "onnx/onnx.h"

#include <fovea/fovea.h>

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Runs the network on zeros, unless it is large or open. */
static void run(fv_context *context, fv_network *network)
{
    enum { MOST = 16, ELEMENTS = 1 << 16, WORK = 1 << 22 };
    fv_named_tensor inputs[MOST], output = { 0 };
    int32_t count = 0;
    if (fv_network_info(network).multiply_accumulates > WORK) return;
    for (; count < MOST; count++) {
        const fv_value_info info =
            fv_network_input_info(network, (size_t)count);
        if (!info.name) break;
        int64_t shape[FV_MAX_RANK] = { 2 }, elements = 1;
        int32_t rank = info.batched;
        for (int32_t i = 0; i < info.shape.rank; i++) {
            shape[rank] =
                info.shape.extent[i] == FV_OPEN ? 3 : info.shape.extent[i];
            if (shape[rank] > ELEMENTS) return;
            elements *= shape[rank++];
            if (elements > ELEMENTS) return;
        }
        inputs[count] =
            (fv_named_tensor){ NULL, fv_tensor_new(context, info.dtype, rank,
                                                   shape) };
    }
    fv_network_run(network, count, inputs, 1, &output);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fv_context *context =
        fv_context_new(FV_OPTIONS(fv_context_options, .layout = FV_NCHW,
                                  .threads = 1, .max_bytes = (size_t)1 << 28));
    void *bytes = fv__allocate(context, FV__DATA, size);
    if (size) memcpy(bytes, data, size);
    fv_network *network =
        fv__onnx_load(context, "none/model.onnx", bytes, size, NULL);
    if (network) run(context, network);
    fv__release(context, bytes);
    fv_context_free(context);
    return 0;
}
