/* What goes into a network and what comes out: its inputs, outputs and loss. */
#include "network/network.h"

#include <string.h>

int32_t fv__network_loss_place(const fv_network *network)
{
    int32_t last = network->count - 1;
    return last >= 0 && network->places[last].layer->type->target ? last : -1;
}

int fv_network_has_loss(const fv_network *network)
{
    return network && fv__network_loss_place(network) >= 0;
}

int32_t fv__network_input(const fv_network *network, int32_t k)
{
    return k < network->num_inputs ? network->inputs[k] : -1;
}

int32_t fv__network_count_outputs(const fv_network *network)
{
    return network->num_outputs ? network->num_outputs : network->count > 0;
}

int32_t fv__network_output(const fv_network *network, int32_t k)
{
    if (k < network->num_outputs) return network->outputs[k];
    if (k >= fv__network_count_outputs(network)) return -1;
    const int32_t loss = fv__network_loss_place(network);
    return loss < 0 ? network->places[network->count - 1].first
                    : network->places[loss].inputs[0];
}

fv_shape fv__network_shape(const fv_network *network, int32_t result)
{
    if (result < 0) return (fv_shape){ .rank = -1 };
    const fv__result *r = &network->results[result];
    return r->batched && fv__dtype_is_real(r->dtype)
               ? fv__shape_outside(network->context, r->shape)
               : r->shape;
}

fv_shape fv_network_input_shape(const fv_network *network)
{
    if (!network) return (fv_shape){ .rank = -1 };
    return fv__network_shape(network, fv__network_input(network, 0));
}

fv_shape fv_network_output_shape(const fv_network *network)
{
    if (!network) return (fv_shape){ .rank = -1 };
    return fv__network_shape(network, fv__network_output(network, 0));
}

static fv_value_info info_of(const fv_network *network, int32_t result)
{
    if (result < 0) return (fv_value_info){ 0 };
    const fv__result *r = &network->results[result];
    return (fv_value_info){ .name = network->places[r->place].layer->name,
                            .shape = fv__network_shape(network, result),
                            .dtype = r->dtype,
                            .batched = r->batched };
}

fv_value_info fv_network_input_info(const fv_network *network, size_t index)
{
    const bool some = network && index < INT32_MAX;
    return info_of(network,
                   some ? fv__network_input(network, (int32_t)index) : -1);
}

fv_value_info fv_network_output_info(const fv_network *network, size_t index)
{
    const bool some = network && index < INT32_MAX;
    return info_of(network,
                   some ? fv__network_output(network, (int32_t)index) : -1);
}

fv_status fv__input_count_fits(const fv_network *network, int32_t count)
{
    if (count == network->num_inputs) return FV_OK;
    return fv_fail(network->context, FV_MISUSE,
                   "network: %d inputs are given, it has %d", count,
                   network->num_inputs);
}

fv_status fv__input_fits(const fv_network *network, int32_t k,
                         const fv_tensor *value)
{
    fv_context *context = network->context;
    const fv_value_info info = fv_network_input_info(network, (size_t)k);
    char is[FV__SHAPE_BYTES], expected[FV__SHAPE_BYTES];
    fv_shape shape = { .rank = value->rank };
    memcpy(shape.extent, value->shape, sizeof value->shape);
    if (info.batched) shape = fv__shape_of_image(value);
    if (!fv__dtype_is_real(info.dtype) && fv__dtype_is_real(value->dtype))
        return fv_fail(context, FV_MISUSE, "network: input %s of %s, not %s",
                       info.name, fv_dtype_name(info.dtype),
                       fv_dtype_name(value->dtype));
    if (fv__shape_fits(&info.shape, &shape)) return FV_OK;
    return fv_fail(context, FV_MISUSE, "network: input %s is not %s%s",
                   fv__shape_text(is, sizeof is, value->rank, value->shape),
                   info.batched ? "a batch of " : "",
                   fv__shape_show(expected, &info.shape));
}
