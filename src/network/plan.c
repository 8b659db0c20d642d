/* Plans of a network: recorded once per shape and number of images, placed in
 * one block that all plans share, and run. */
#include "network/network.h"

#include <stdio.h>
#include <string.h>

/* A hash (FNV-1a) of which variables require gradients. */
static uint64_t digest_trained(const fv_network *network)
{
    uint64_t digest = 14695981039346656037u;
    for (int64_t i = 0; i < network->num_variables; i++)
        digest =
            (digest ^ network->variables[i]->requires_grad) * 1099511628211u;
    return digest;
}

/* A value that is written before the plan runs. */
static fv_variable *fed(fv__plan *plan, fv_dtype dtype, bool batched,
                        const fv_shape *shape)
{
    fv_variable *value =
        batched
            ? fv__variable_placeholder(&plan->graph, dtype, plan->batch, shape)
            : fv__graph_value(&plan->graph, dtype, shape->rank, shape->extent);
    if (value) value->live_out = true;
    return value;
}

/* The target: class indices where the loss takes them, unless it is dense. */
static fv_variable *target_of(fv_network *network, fv__plan *plan,
                              const fv_layer *loss, const fv_variable *input)
{
    const fv_shape of = fv__shape_of_image(&input->value);
    fv_shape shape;
    const bool labels = fv__target_indices(loss, &of, plan->dense, &shape);
    if (!labels) shape = fv__shape_outside(network->context, shape);
    return fed(plan, labels ? FV_I64 : network->context->dtype, true, &shape);
}

static fv_status record_loss(fv_network *network, fv__plan *plan,
                             fv_variable *results[])
{
    const int32_t place = fv__network_loss_place(network);
    fv_variable *operands[FV__MAX_INPUTS + 1] = { NULL };
    if (place < 0) return FV_OK;
    const fv__place *loss = &network->places[place];
    for (int32_t k = 0; k < loss->num_inputs; k++)
        operands[k] = results[loss->inputs[k]];
    plan->target = target_of(network, plan, loss->layer, operands[0]);
    plan->loss_layer = loss->layer;
    plan->expected = plan->target;
    if (plan->target && plan->target->value.dtype != FV_I64)
        plan->expected = fv__variable_inside(plan->target);
    if (!plan->expected) return fv_failed(network->context);
    plan->expected->live_out = true;
    operands[loss->num_inputs] = plan->expected;
    plan->loss = fv__layer_apply(loss->layer, loss->num_inputs + 1, operands);
    if (plan->loss) plan->loss->live_out = true;
    if (plan->loss && plan->loss->value.rank > 0)
        fv_fail(network->context, FV_MISUSE,
                "%s: without a reduction it cannot end a network",
                loss->layer->name);
    return fv_failed(network->context);
}

/* Records inputs, layers and, if it is wanted, the loss; `results` has room for
 * all results. */
static fv_status record_all(fv_network *network, fv__plan *plan, bool loss,
                            fv_variable *results[])
{
    fv_context *context = network->context;
    fv_variable *inside[FV__MOST_INPUTS];
    for (int32_t k = 0; k < network->num_inputs; k++) {
        const fv__result *r = &network->results[network->inputs[k]];
        plan->inputs[k] = fed(plan, r->dtype, r->batched, &plan->images[k]);
        inside[k] = plan->inputs[k];
        if (r->batched) inside[k] = fv__variable_inside(inside[k]);
        if (!inside[k]) return fv_failed(context);
    }
    if (fv__network_apply(network, &plan->graph, inside, results) != FV_OK)
        return fv_failed(context);
    const int32_t outputs = fv__network_count_outputs(network);
    plan->outputs = fv__arena_allocate(&plan->graph.arena,
                                       (size_t)outputs * sizeof *plan->outputs);
    if (!plan->outputs) return fv_failed(context);
    for (int32_t k = 0; k < outputs; k++) {
        plan->outputs[k] = results[fv__network_output(network, k)];
        plan->outputs[k]->live_out = true;
    }
    plan->output = plan->outputs[0];
    plan->classes = fv_network_classes(network);
    return loss ? record_loss(network, plan, results) : fv_failed(context);
}

static fv_status record(fv_network *network, fv__plan *plan, bool loss)
{
    fv_context *context = network->context;
    fv_variable **results = fv__allocate_zero(
        context, FV__DATA, (size_t)network->num_results * sizeof *results);
    if (results) record_all(network, plan, loss, results);
    fv__release(context, results);
    return fv_failed(context);
}

/* Records a plan whose batch, training and dense are set, and assigns offsets
 * to its values; only the graph itself is allocated. */
static fv_status lay_out(fv_network *network, fv__plan *plan)
{
    fv__graph_begin(&plan->graph, network->context, plan->training);
    if (record(network, plan, true) != FV_OK)
        return fv_failed(network->context);
    return fv__graph_place(&plan->graph, plan->training ? plan->loss : NULL);
}

static void drop(fv_network *network, int32_t slot)
{
    fv__plan *plan = network->plans[slot];
    if (!plan) return;
    fv__graph_free(&plan->graph);
    fv__release(network->context, plan->cache);
    fv__release(network->context, plan);
    network->plans[slot] = NULL;
}

static bool lacks_cache(const fv__plan *plan)
{
    return plan && plan->graph.cache_bytes && !plan->cache;
}

static bool same_images(const fv__plan *plan, const fv_shape images[])
{
    for (int32_t k = 0; k < plan->num_inputs; k++)
        if (!fv__shape_equal(&plan->images[k], &images[k])) return false;
    return true;
}

/* Whether the demand has batches that the plan runs. */
static bool serves(const fv__plan *plan, const fv__demand *demand)
{
    const int64_t images = plan->training ? demand->trained : demand->evaluated;
    const bool dense = plan->training && demand->dense;
    return images && plan->dense == dense
           && (!demand->images || same_images(plan, demand->images))
           && (plan->batch == fv__min(demand->batch, images)
               || plan->batch == images % demand->batch);
}

static bool is_ready(const fv_network *network, const fv__plan *plan)
{
    return network->block && plan->graph.block == network->block
           && !lacks_cache(plan);
}

/* Drops the plans that lack memory to run, or `all`, but those that serve the
 * demand, which may be NULL. */
static void drop_plans(fv_network *network, const fv__demand *demand, bool all)
{
    for (int32_t i = 0; i < FV__MAX_PLANS; i++) {
        const fv__plan *plan = network->plans[i];
        if (!plan || (demand && serves(plan, demand))) continue;
        if (all || !is_ready(network, plan)) drop(network, i);
    }
}

static bool is_same(const fv__plan *a, const fv__plan *b)
{
    return a->batch == b->batch && a->training == b->training
           && a->strict == b->strict && a->dense == b->dense
           && same_images(a, b->images);
}

/* The slot of a matching plan, else an empty one, else that of the least
 * recently used plan. */
static int32_t find_slot(const fv_network *network, const fv__plan *wanted)
{
    int32_t oldest = 0;
    for (int32_t i = 0; i < FV__MAX_PLANS; i++) {
        const fv__plan *plan = network->plans[i];
        if (plan && is_same(plan, wanted)) return i;
        const fv__plan *other = network->plans[oldest];
        if (other && (!plan || plan->used < other->used)) oldest = i;
    }
    return oldest;
}

/* Checks the shape that input k shall have. */
static fv_status check_image(const fv_network *network, const fv__plan *wanted,
                             int32_t k)
{
    fv_context *context = network->context;
    const fv_shape *image = &wanted->images[k];
    const fv_value_info input = fv_network_input_info(network, (size_t)k);
    char text[FV__SHAPE_BYTES], expected[FV__SHAPE_BYTES];
    fv__shape_show(text, image);
    fv__shape_show(expected, &input.shape);
    if (fv__shape_open(image))
        return fv_fail(
            context, FV_MISUSE,
            "network: the input %s is open, a plan needs the size of "
            "its images",
            text);
    if (!fv__shape_fits(&input.shape, image))
        return fv_fail(context, FV_MISUSE,
                       "network: images of %s, the input is %s", text,
                       expected);
    const int64_t extents[] = { wanted->batch, fv__shape_count(image) };
    if (extents[1] >= 0 && fv__product(2, extents) >= 0) return FV_OK;
    return fv_fail(context, FV_LIMIT,
                   "network: a batch of %lld images %s has too many elements",
                   (long long)wanted->batch, text);
}

/* Checks what a plan is wanted for. */
static fv_status check(fv_network *network, const fv__plan *wanted)
{
    fv_context *context = network->context;
    if (fv__network_seal(network) != FV_OK) return fv_failed(context);
    if (wanted->batch < 1)
        return fv_fail(context, FV_MISUSE,
                       "network: a batch of %lld images, expected at least 1",
                       (long long)wanted->batch);
    for (int32_t k = 0; k < network->num_inputs; k++)
        if (check_image(network, wanted, k) != FV_OK) return fv_failed(context);
    if (wanted->training && fv__network_loss_place(network) < 0)
        return fv_fail(context, FV_MISUSE,
                       "network: training needs a loss, end the network with "
                       "softmax_cross_entropy, sigmoid_cross_entropy or mse");
    return FV_OK;
}

/* Drops the least recently used plan but `kept`; false if there is none. */
static bool drop_oldest(fv_network *network, const fv__plan *kept)
{
    int32_t oldest = -1;
    for (int32_t i = 0; i < FV__MAX_PLANS; i++) {
        const fv__plan *plan = network->plans[i];
        if (plan && plan != kept
            && (oldest < 0 || plan->used < network->plans[oldest]->used))
            oldest = i;
    }
    if (oldest >= 0) drop(network, oldest);
    return oldest >= 0;
}

/* Lays out a plan, for which others make room where memory is short. */
static fv_status lay_out_in_room(fv_network *network, fv__plan *plan)
{
    fv_context *context = network->context;
    const fv__plan empty = *plan;
    while (lay_out(network, plan) != FV_OK) {
        if (fv_failed(context) != FV_LIMIT || !drop_oldest(network, plan))
            return fv_failed(context);
        fv__graph_free(&plan->graph);
        *plan = empty;
        fv_clear_error(context);
    }
    return FV_OK;
}

/* Sets the shapes of a plan's inputs, NULL: those of the network. */
static void set_images(const fv_network *network, fv__plan *plan,
                       const fv_shape images[])
{
    plan->num_inputs = network->num_inputs;
    for (int32_t k = 0; k < plan->num_inputs; k++)
        plan->images[k] = images
                              ? images[k]
                              : fv_network_input_info(network, (size_t)k).shape;
}

fv__plan *fv__network_plan(fv_network *network, const fv_shape images[],
                           int64_t batch, bool training, bool dense)
{
    fv_context *context = network->context;
    fv__plan wanted = {
        .batch = batch,
        .training = training,
        .strict = context->strict,
        .dense = dense,
        .trained = digest_trained(network),
    };
    set_images(network, &wanted, images);
    if (check(network, &wanted) != FV_OK) return NULL;
    int32_t slot = find_slot(network, &wanted);
    fv__plan *plan = network->plans[slot];
    bool fits =
        plan && is_same(plan, &wanted) && plan->trained == wanted.trained;
    if (!fits) {
        drop(network, slot);
        plan = fv__allocate(context, FV__RUN, sizeof *plan);
        if (!plan) return NULL;
        *plan = wanted;
        network->plans[slot] = plan;
        if (lay_out_in_room(network, plan) != FV_OK) {
            drop_plans(network, NULL, false);
            return NULL;
        }
    }
    plan->used = ++network->uses;
    return plan;
}

fv_status fv__network_record(fv_network *network, fv__plan *plan)
{
    set_images(network, plan, NULL);
    if (check(network, plan) != FV_OK) return fv_failed(network->context);
    fv__graph_begin(&plan->graph, network->context, plan->training);
    return record(network, plan, plan->training);
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

/* Adds the footprint of an allocation of `bytes` to *sum, at most SIZE_MAX. */
static void add_footprint(size_t *sum, size_t bytes)
{
    if (!fv__add(*sum, fv__footprint(bytes), sum)) *sum = SIZE_MAX;
}

/* Adds the bytes of flat arrays that are not allocated yet. */
static void add_arrays(const fv_network *network, bool training, size_t *bytes)
{
    if (!network->values) add_footprint(bytes, network->values_bytes);
    if (!network->state) add_footprint(bytes, network->state_bytes);
    if (!network->grads && training)
        add_footprint(bytes, network->values_bytes);
    if (!network->former_state && training)
        add_footprint(bytes, network->state_bytes);
}

/* Bytes that are still to be allocated before all plans can run. */
static size_t pending(const fv_network *network)
{
    size_t bytes = 0, block = block_needed(network);
    if (block > network->block_bytes || !network->block) {
        bytes = fv__footprint(block);
        if (network->block) bytes -= fv__footprint(network->block_bytes);
    }
    for (int32_t i = 0; i < FV__MAX_PLANS; i++)
        if (lacks_cache(network->plans[i]))
            add_footprint(&bytes, network->plans[i]->graph.cache_bytes);
    add_arrays(network, any_training(network), &bytes);
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
        if (!lacks_cache(plan)) continue;
        plan->cache = fv__allocate(context, FV__RUN, plan->graph.cache_bytes);
        if (!plan->cache) return fv_failed(context);
        fv__graph_bind_cache(&plan->graph, plan->cache);
    }
    for (int32_t i = 0; i < FV__MAX_PLANS; i++)
        if (network->plans[i]
            && network->plans[i]->graph.block != network->block)
            fv__graph_bind(&network->plans[i]->graph, network->block);
    return FV_OK;
}

/* ---- what memory allows ------------------------------------------------- */

/* Adds the memory that a plan would need: *block is the largest block that
 * plans share, *own the memory that each plan has for itself. */
static fv_status add_plan(fv_network *network, const fv__demand *d,
                          int64_t count, bool training, size_t *block,
                          size_t *own)
{
    const size_t before = network->context->memory.bytes;
    fv__plan plan = {
        .batch = count,
        .training = training,
        .dense = training && d->dense,
    };
    if (!count) return FV_OK;
    set_images(network, &plan, d->images);
    fv_status status = lay_out(network, &plan);
    if (plan.graph.block_bytes > *block) *block = plan.graph.block_bytes;
    if (plan.graph.cache_bytes) *own += fv__footprint(plan.graph.cache_bytes);
    *own +=
        network->context->memory.bytes - before + fv__footprint(sizeof plan);
    fv__graph_free(&plan.graph);
    return status;
}

/* Whether all plans of a demand would fit in `room` bytes with another size of
 * batch. */
static bool would_fit(fv_network *network, const fv__demand *d, int64_t batch,
                      size_t room)
{
    size_t block = 0, own = 0;
    const int64_t left = d->drop_last ? 0 : d->trained % batch;
    const bool planned =
        add_plan(network, d, fv__min(batch, d->trained), true, &block, &own)
            == FV_OK
        && add_plan(network, d, left, true, &block, &own) == FV_OK
        && add_plan(network, d, fv__min(batch, d->evaluated), false, &block,
                    &own)
               == FV_OK
        && add_plan(network, d, d->evaluated % batch, false, &block, &own)
               == FV_OK;
    fv_clear_error(network->context);
    return planned && own <= room && fv__footprint(block) <= room - own;
}

/* The largest batch below d->batch that would fit, 0 if there is none. */
static int64_t largest_batch(fv_network *network, const fv__demand *d)
{
    fv_context *context = network->context;
    const fv_memory memory = context->memory;
    const uint64_t draws = context->draws;
    size_t fixed = memory.bytes + memory.data_bytes + d->more;
    add_arrays(network, d->trained > 0, &fixed);
    if (network->block) fixed -= fv__footprint(network->block_bytes);
    int64_t fits = 0, over = d->batch;
    while (fixed < context->max_bytes && over - fits > 1) {
        const int64_t middle = fits + (over - fits) / 2;
        if (would_fit(network, d, middle, context->max_bytes - fixed))
            fits = middle;
        else
            over = middle;
    }
    context->memory.peak_bytes = memory.peak_bytes;
    context->draws = draws;
    return fits;
}

/* Bytes in use and lacking, of all plans and the demand's own. */
static size_t needed_bytes(const fv_network *network, const fv__demand *d)
{
    const fv_memory memory = network->context->memory;
    size_t needed = memory.bytes + memory.data_bytes;
    if (!fv__add(needed, pending(network), &needed)
        || !fv__add(needed, d->more, &needed))
        return SIZE_MAX;
    return needed;
}

fv_status fv__network_afford(fv_network *network, const fv__demand *d)
{
    fv_context *context = network->context;
    if (!fv__ok(context)) return fv_failed(context);
    if (needed_bytes(network, d) <= context->max_bytes) return FV_OK;
    for (int all = 0; all < 2; all++) {
        drop_plans(network, d, all);
        if (needed_bytes(network, d) <= context->max_bytes) return FV_OK;
    }
    const size_t needed = needed_bytes(network, d);
    char a[FV__AMOUNT], b[FV__AMOUNT], hint[64] = "no batch would fit";
    drop_plans(network, NULL, false);
    const int64_t fits = largest_batch(network, d);
    if (fits)
        snprintf(hint, sizeof hint, "a batch of %lld would fit",
                 (long long)fits);
    return fv_fail(context, FV_LIMIT,
                   "%s: a batch of %lld needs %s of memory in all, the limit "
                   "is %s; %s",
                   d->who, (long long)d->batch, fv__amount(needed, true, a),
                   fv__amount(context->max_bytes, false, b), hint);
}

size_t fv_network_planned_bytes(fv_network *network, int64_t batch,
                                int training)
{
    if (!network
        || !fv__network_plan(network, NULL, batch, training != 0, false))
        return 0;
    return fv__network_planned(network, 0);
}
