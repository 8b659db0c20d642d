/* The network's loss on the tape, and the gradient check of a whole network. */
#include "network/network.h"

#include <math.h>
#include <string.h>

/* The target as a constant. Class indices become one-hot rows where the loss
 * takes only values, or 0 and 1 where one output tells two classes. */
static fv_variable *constant_of(const fv_network *network, const fv_layer *loss,
                                const fv_variable *output,
                                const fv_tensor *target)
{
    fv_context *context = output->context;
    if (loss->type->target != FV__TARGET_VALUES || !fv__is_labels(target))
        return fv_constant(context, target);
    const fv_tensor *shape = &output->value;
    if (shape->rank != 2 || target->rank != 1
        || target->shape[0] != shape->shape[0]) {
        fv_fail(context, FV_MISUSE,
                "labels: %lld class indices do not fit the output",
                (long long)target->shape[0]);
        return NULL;
    }
    int64_t outputs = shape->shape[1];
    int64_t classes = outputs == 1 ? fv_network_classes(network) : outputs;
    if (fv__labels_check(context, loss, target, classes) != FV_OK) return NULL;
    fv_tensor rows =
        fv_tensor_new(context, context->dtype, shape->rank, shape->shape);
    if (rows.rank < 0) return NULL;
    fv__labels_one_hot(context, target, outputs, classes, rows.data);
    fv_variable *constant = fv_constant(context, &rows);
    fv_tensor_free(context, &rows);
    return constant;
}

fv_variable *fv_network_loss(fv_network *network, fv_variable *output,
                             const fv_tensor *target)
{
    if (!network || !output) return NULL;
    fv_context *context = network->context;
    if (!fv__ok(context) || !fv__tensor_check(context, "target", target))
        return NULL;
    if (output->context != context) {
        fv_fail(context, FV_MISUSE,
                "network: the output belongs to another context");
        return NULL;
    }
    int32_t place = fv__network_loss_place(network);
    if (place < 0) {
        fv_fail(context, FV_MISUSE, "network: there is no loss layer");
        return NULL;
    }
    if (output->graph && context->tape->spent) {
        fv_fail(context, FV_MISUSE,
                "network: the output was on the tape that fv_backprop "
                "emptied");
        return NULL;
    }
    fv_layer *loss = network->places[place].layer;
    if (network->places[place].num_inputs > 1) {
        fv_fail(context, FV_MISUSE,
                "network: %s is a loss of %d results, expected one of the "
                "output alone",
                loss->name, network->places[place].num_inputs);
        return NULL;
    }
    fv_variable *operands[] = { output,
                                constant_of(network, loss, output, target) };
    if (!operands[1]) return NULL;
    if (loss->type->target != FV__TARGET_VALUES) {
        operands[0] = fv__variable_inside(output);
        if (!fv__is_labels(target))
            operands[1] = fv__variable_inside(operands[1]);
    }
    return fv__layer_apply(loss, 2, operands);
}

/* ---- the gradient check ------------------------------------------------- */

typedef struct check {
    fv_network *network;
    fv_tensor images, labels;
    uint64_t draws; /* every evaluation draws the same numbers, for dropout */
} check;

static fv_variable *loss_of(void *user, fv_variables at)
{
    (void)at;
    check *c = user;
    fv_context *context = c->network->context;
    context->draws = c->draws;
    fv_variable *output =
        fv_network_forward(c->network, fv_constant(context, &c->images));
    if (fv__network_loss_place(c->network) < 0) return output;
    return fv_network_loss(c->network, output, &c->labels);
}

/* The rank of labels; adds the extents behind the batch. */
static int32_t label_rank(const fv_network *network, int64_t extents[])
{
    const int32_t place = fv__network_loss_place(network);
    const fv_layer *loss = place < 0 ? NULL : network->places[place].layer;
    fv_shape shape;
    if (!loss || !fv__target_indices(loss, &loss->in_shape, false, &shape))
        return 1;
    memcpy(extents + 1, shape.extent,
           (size_t)shape.rank * sizeof *shape.extent);
    return shape.rank + 1;
}

/* Makes random images and labels for `batch` images. */
static fv_status fill(check *c, int64_t batch)
{
    fv_context *context = c->network->context;
    fv_shape in = fv_network_input_shape(c->network);
    int64_t shape[FV_MAX_RANK] = { batch };
    for (int32_t i = 0; i < in.rank; i++) shape[i + 1] = in.extent[i];
    c->images = fv_tensor_new(context, context->dtype, in.rank + 1, shape);
    int64_t extents[FV_MAX_RANK] = { batch };
    const int32_t rank = label_rank(c->network, extents);
    c->labels = fv_tensor_new(context, FV_I64, rank, extents);
    if (!fv__ok(context)) return fv_failed(context);
    context->kernels->normal(context->seed, FV__STREAM_CHECK + (1 << 8), 0,
                             (size_t)fv_tensor_count(&c->images), 0, 1,
                             c->images.data);
    /* a result without elements has no classes, and no loss takes it */
    const int64_t classes = fv__max(1, fv_network_classes(c->network));
    for (int64_t i = 0; i < fv_tensor_count(&c->labels); i++)
        ((int64_t *)c->labels.data)[i] = (3 * i + 1) % classes;
    return FV_OK;
}

/* Runs the check; running statistics are restored afterwards. */
static double run(check *c)
{
    fv_network *network = c->network;
    fv_context *context = network->context;
    void *state = fv__allocate(context, FV__DATA, network->state_bytes);
    if (!state) return (double)INFINITY;
    memcpy(state, network->state, network->state_bytes);
    double worst =
        fv_gradcheck(loss_of, c, fv_network_variables(network), 0, 0);
    memcpy(network->state, state, network->state_bytes);
    context->changes++;
    fv__release(context, state);
    return worst;
}

double fv_network_gradcheck(fv_network *network, int64_t batch)
{
    if (!network || !fv__ok(network->context)) return (double)INFINITY;
    fv_context *context = network->context;
    check c = { .network = network, .draws = context->draws };
    double worst = (double)INFINITY;
    if (batch < 1)
        fv_fail(context, FV_MISUSE,
                "gradcheck: a batch of %lld images, expected at least 1",
                (long long)batch);
    else if (fv__network_draw(network) == FV_OK && !network->num_variables)
        fv_fail(context, FV_MISUSE, "gradcheck: the network has no parameters");
    else if (fv__ok(context) && fill(&c, batch) == FV_OK)
        worst = run(&c);
    fv_tensor_free(context, &c.images);
    fv_tensor_free(context, &c.labels);
    return worst;
}
