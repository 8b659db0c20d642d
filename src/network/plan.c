/* Plans of a network: recorded once for a number of images, placed in one
 * block that all plans share, and run. */
#include "network/network.h"

#include <string.h>

/* A digest of which variables require gradients. */
static uint64_t digest_trained(const fv_network *network)
{
    uint64_t digest = 14695981039346656037u;
    for (int64_t i = 0; i < network->num_variables; i++)
        digest =
            (digest ^ network->variables[i]->requires_grad) * 1099511628211u;
    return digest;
}

static fv_variable *placeholder(fv__graph *graph, fv_dtype dtype, int64_t batch,
                                const fv_shape *shape)
{
    int64_t extents[FV_MAX_RANK] = { batch };
    if (shape->rank > 0)
        memcpy(extents + 1, shape->extent,
               (size_t)shape->rank * sizeof *extents);
    fv_variable *value =
        fv__graph_value(graph, dtype, shape->rank + 1, extents);
    if (value) value->kept = true;
    return value;
}

/* Class indices for softmax cross-entropy, unless the target is dense. */
static fv_variable *target_of(fv_network *network, fv__plan *plan,
                              const fv_layer *loss)
{
    bool labels =
        !plan->dense && !strcmp(loss->type->kind, "softmax_cross_entropy");
    fv_shape shape = fv__shape_outside(network->context, loss->in_shape);
    if (labels) shape = (fv_shape){ 0 };
    return placeholder(&plan->graph, labels ? FV_I64 : network->context->dtype,
                       plan->batch, &shape);
}

static fv_status record(fv_network *network, fv__plan *plan)
{
    fv_context *context = network->context;
    fv_shape shape = fv_network_input_shape(network);
    plan->images =
        placeholder(&plan->graph, context->dtype, plan->batch, &shape);
    if (!plan->images) return fv_failed(context);
    fv_variable *inside = fv__variable_inside(plan->images);
    if (inside) plan->output = fv__network_apply(network, inside);
    int32_t place = fv__network_loss_place(network);
    if (plan->output) plan->output->kept = true;
    if (place < 0 || !plan->output) return fv_failed(context);
    fv_layer *loss = network->places[place].layer;
    plan->target = target_of(network, plan, loss);
    plan->expected = fv__variable_inside(plan->target);
    if (!plan->expected) return fv_failed(context);
    plan->expected->kept = true;
    fv_variable *operands[] = { plan->output, plan->expected };
    plan->loss = fv__layer_apply(loss, 2, operands);
    if (plan->loss) plan->loss->kept = true;
    return fv_failed(context);
}

static void drop(fv_network *network, int32_t slot)
{
    fv__plan *plan = network->plans[slot];
    if (!plan) return;
    fv__graph_free(&plan->graph);
    fv__release(network->context, plan->kept);
    fv__release(network->context, plan);
    network->plans[slot] = NULL;
}

/* The slot of a matching plan, or else an empty or the least used one. */
static int32_t find_slot(const fv_network *network, int64_t batch,
                         bool training, bool dense)
{
    int32_t oldest = 0;
    for (int32_t i = 0; i < FV__MAX_PLANS; i++) {
        const fv__plan *plan = network->plans[i];
        if (plan && plan->batch == batch && plan->training == training
            && plan->dense == dense)
            return i;
        const fv__plan *other = network->plans[oldest];
        if (other && (!plan || plan->used < other->used)) oldest = i;
    }
    return oldest;
}

static fv_status check(fv_network *network, int64_t batch, bool training)
{
    fv_context *context = network->context;
    if (fv__network_seal(network) != FV_OK) return fv_failed(context);
    if (batch < 1)
        return fv_fail(context, FV_MISUSE,
                       "network: a batch of %lld images, expected at least 1",
                       (long long)batch);
    const fv_shape image = fv_network_input_shape(network);
    const int64_t extents[] = { batch, fv__shape_count(&image) };
    char text[FV__SHAPE_BYTES];
    if (fv__product(2, extents) < 0)
        return fv_fail(
            context, FV_LIMIT,
            "network: a batch of %lld images %s has too many elements",
            (long long)batch,
            fv__shape_text(text, sizeof text, image.rank, image.extent));
    if (training && fv__network_loss_place(network) < 0)
        return fv_fail(context, FV_MISUSE,
                       "network: training needs a loss, end the network with "
                       "softmax_cross_entropy, sigmoid_cross_entropy or mse");
    return FV_OK;
}

fv__plan *fv__network_plan(fv_network *network, int64_t batch, bool training,
                           bool dense)
{
    fv_context *context = network->context;
    if (check(network, batch, training) != FV_OK) return NULL;
    uint64_t trained = digest_trained(network);
    int32_t slot = find_slot(network, batch, training, dense);
    fv__plan *plan = network->plans[slot];
    bool fits = plan && plan->batch == batch && plan->training == training
                && plan->dense == dense && plan->trained == trained;
    if (!fits) {
        drop(network, slot);
        plan = fv__allocate_zero(context, FV__RUN, sizeof *plan);
        if (!plan) return NULL;
        network->plans[slot] = plan;
        plan->batch = batch;
        plan->training = training;
        plan->dense = dense;
        plan->trained = trained;
        fv__graph_begin(&plan->graph, context, training);
        if (record(network, plan) != FV_OK
            || fv__graph_place(&plan->graph, training ? plan->loss : NULL)
                   != FV_OK) {
            drop(network, slot);
            return NULL;
        }
    }
    plan->used = ++network->uses;
    return plan;
}

static size_t block_needed(const fv_network *network)
{
    size_t most = 0;
    for (int32_t i = 0; i < FV__MAX_PLANS; i++)
        if (network->plans[i] && network->plans[i]->graph.block_bytes > most)
            most = network->plans[i]->graph.block_bytes;
    return most;
}

static bool any_training(const fv_network *network)
{
    for (int32_t i = 0; i < FV__MAX_PLANS; i++)
        if (network->plans[i] && network->plans[i]->training) return true;
    return false;
}

static bool lacks_kept(const fv__plan *plan)
{
    return plan && plan->graph.kept_bytes && !plan->kept;
}

/* *sum += what an allocation of `bytes` takes, at most SIZE_MAX. */
static void add_footprint(size_t *sum, size_t bytes)
{
    if (!fv__add(*sum, fv__footprint(bytes), sum)) *sum = SIZE_MAX;
}

/* Bytes that the network lacks to run all its plans. */
static size_t pending(const fv_network *network)
{
    size_t bytes = 0, block = block_needed(network);
    if (block > network->block_bytes || !network->block) {
        bytes = fv__footprint(block);
        if (network->block) bytes -= fv__footprint(network->block_bytes);
    }
    for (int32_t i = 0; i < FV__MAX_PLANS; i++)
        if (lacks_kept(network->plans[i]))
            add_footprint(&bytes, network->plans[i]->graph.kept_bytes);
    if (!network->values) add_footprint(&bytes, network->values_bytes);
    if (!network->state) add_footprint(&bytes, network->state_bytes);
    if (!network->grads && any_training(network))
        add_footprint(&bytes, network->values_bytes);
    if (!network->former_state && any_training(network))
        add_footprint(&bytes, network->state_bytes);
    return bytes;
}

size_t fv__network_planned(const fv_network *network, size_t more)
{
    fv_memory memory = fv_context_memory(network->context);
    size_t planned = memory.bytes;
    if (!fv__add(planned, pending(network), &planned)
        || !fv__add(planned, more, &planned))
        planned = SIZE_MAX;
    return planned > memory.peak_bytes ? planned : memory.peak_bytes;
}

fv_status fv__network_ready(fv_network *network)
{
    fv_context *context = network->context;
    if (fv__network_draw(network) != FV_OK) return fv_failed(context);
    if (any_training(network) && fv__network_grads(network) != FV_OK)
        return fv_failed(context);
    size_t needed = block_needed(network);
    if (needed > network->block_bytes || !network->block) {
        fv__release(context, network->block);
        network->block_bytes = 0;
        network->block = fv__allocate(context, FV__RUN, needed);
        if (!network->block) return fv_failed(context);
        network->block_bytes = needed;
    }
    for (int32_t i = 0; i < FV__MAX_PLANS; i++) {
        fv__plan *plan = network->plans[i];
        if (!lacks_kept(plan)) continue;
        plan->kept = fv__allocate(context, FV__RUN, plan->graph.kept_bytes);
        if (!plan->kept) return fv_failed(context);
        fv__graph_keep(&plan->graph, plan->kept);
    }
    for (int32_t i = 0; i < FV__MAX_PLANS; i++)
        if (network->plans[i]
            && network->plans[i]->graph.block != network->block)
            fv__graph_bind(&network->plans[i]->graph, network->block);
    return FV_OK;
}

size_t fv_network_planned_bytes(fv_network *network, int64_t batch,
                                int training)
{
    if (!network || !fv__network_plan(network, batch, training != 0, false))
        return 0;
    return fv__network_planned(network, 0);
}
