/* One training step and one pass of evaluation, with plans. */
#include "train/feed.h"
#include "train/train.h"
#include "train/metrics.h"
#include "kernel/parallel.h"

#include <math.h>
#include <string.h>

static double loss_of(const fv__plan *plan)
{
    double value;
    fv__load_doubles(plan->loss->value.dtype, plan->loss->value.data, 1, 1,
                     &value);
    return value;
}

/* The first layer with a gradient that is NaN or infinite; NULL if all are
 * finite. */
static const char *not_finite(const fv_network *network)
{
    fv_context *context = network->context;
    size_t n = network->values_bytes / fv_dtype_bytes(context->dtype);
    if (fv__finite_all(context, n, network->grads)) return NULL;
    for (int32_t i = 0; i < network->count; i++) {
        const fv_layer *layer = network->places[i].layer;
        for (int32_t k = 0; k < layer->num_parameters; k++) {
            const fv_variable *v = layer->parameters[k].variable;
            if (!v->requires_grad) continue;
            if (!fv__finite_all(context, (size_t)fv_tensor_count(&v->grad),
                                v->grad.data))
                return layer->name;
        }
    }
    return NULL;
}

/* Runs forward and backward; returns the loss. If the loss or a gradient is not
 * finite, the running statistics are restored. */
static double run_step(fv__plan *plan, fv_network *network,
                       const int64_t *images)
{
    memcpy(network->former_state, network->state, network->state_bytes);
    fv__graph_forward(&plan->graph, network->steps);
    double loss = loss_of(plan);
    const char *layer = NULL;
    if (isfinite(loss)) {
        fv__graph_backward(&plan->graph, plan->loss);
        layer = not_finite(network);
    }
    if (!isfinite(loss) || layer)
        fv__train_blame(plan, network, loss, layer, images);
    return loss;
}

fv_status fv__train_gradients(fv__plan *plan, fv_network *network,
                              fv_optimizer *optimizer, const int64_t *images,
                              fv__sums *sums)
{
    fv_context *context = network->context;
    if (!fv__ok(context)) return fv_failed(context);
    double loss = run_step(plan, network, images);
    if (!fv__ok(context)) {
        fv_zero_grad(optimizer);
        return fv_failed(context);
    }
    network->steps++;
    sums->loss += loss * (double)plan->batch;
    sums->right += fv__plan_right(plan, NULL, NULL, &sums->answers);
    sums->count += plan->batch;
    return FV_OK;
}

fv_status fv__train_update(fv_optimizer *optimizer)
{
    if (fv_optimizer_update(optimizer) != FV_OK) fv_zero_grad(optimizer);
    return fv_failed(optimizer->context);
}

fv_status fv__train_plan(fv__plan *plan, fv_network *network,
                         fv_optimizer *optimizer, fv__sums *sums)
{
    fv__sums with = *sums;
    if (fv__train_gradients(plan, network, optimizer, NULL, &with) == FV_OK
        && fv__train_update(optimizer) == FV_OK)
        *sums = with;
    return fv_failed(network->context);
}

/* All gradients of a network, in chunks. */
typedef struct scaling {
    fv_network *network;
    double factor;
} scaling;

static void scale_chunk(void *argument, size_t item, size_t worker)
{
    (void)worker;
    const scaling *s = argument;
    const fv__kernels *kernels = s->network->context->kernels;
    const size_t size = fv_dtype_bytes(kernels->dtype);
    const size_t all = s->network->values_bytes / size;
    const size_t first = item * FV__UPDATE_CHUNK;
    const size_t n =
        all - first > FV__UPDATE_CHUNK ? FV__UPDATE_CHUNK : all - first;
    unsigned char *g = s->network->grads + first * size;
    kernels->unary(FV__SCALE_ADD, n, g, g, s->factor, 0);
}

void fv__train_scale(fv_network *network, double factor)
{
    scaling s = { network, factor };
    const size_t n =
        network->values_bytes / fv_dtype_bytes(network->context->dtype);
    fv__parallel(network->context,
                 (n + FV__UPDATE_CHUNK - 1) / FV__UPDATE_CHUNK, (double)n,
                 scale_chunk, &s);
}

fv_metrics fv__metrics_of(const fv__sums *sums)
{
    if (!sums->count) return (fv_metrics){ (double)NAN, (double)NAN, 0 };
    return (fv_metrics){ .loss = sums->loss / (double)sums->count,
                         .accuracy =
                             (double)sums->right / (double)sums->answers,
                         .count = sums->count };
}

static bool dense(const fv_tensor *labels)
{
    return labels && labels->rank >= 0 && fv__dtype_is_real(labels->dtype);
}

/* One step on tensors for all inputs, in their order. */
static fv_status step(fv_network *network, fv_optimizer *optimizer,
                      int32_t count, const fv_tensor *const inputs[],
                      const fv_tensor *target, fv__sums *sums)
{
    fv_shape images[FV__MOST_INPUTS];
    int64_t batch = 0;
    fv_context *context = network->context;
    if (fv__network_measure(network, count, inputs, images, &batch) != FV_OK)
        return fv_failed(context);
    fv__plan *plan =
        fv__network_plan(network, images, batch, true, dense(target));
    const fv__demand demand = { .who = "train",
                                .images = images,
                                .batch = batch,
                                .trained = batch,
                                .dense = plan && plan->dense,
                                .more = fv__optimizer_pending(optimizer) };
    if (!plan || fv__network_afford(network, &demand) != FV_OK
        || fv__network_ready(network) != FV_OK
        || fv__optimizer_ready(optimizer) != FV_OK)
        return fv_failed(context);
    for (int32_t k = 0; k < count; k++)
        if (fv__plan_input(plan, k, inputs[k]) != FV_OK)
            return fv_failed(context);
    if (fv__plan_target(plan, target) == FV_OK)
        fv__train_plan(plan, network, optimizer, sums);
    return fv_failed(context);
}

fv_metrics fv_train_step_named(fv_network *network, fv_optimizer *optimizer,
                               int32_t num_inputs,
                               const fv_named_tensor inputs[],
                               const fv_tensor *target)
{
    fv__sums sums = { 0 };
    const fv_tensor *ordered[FV__MOST_INPUTS] = { NULL };
    fv_context *context = network ? network->context : NULL;
    if (!fv__ok(context)) return fv__metrics_of(&sums);
    if (!optimizer || optimizer->network != network)
        fv_fail(context, FV_MISUSE,
                "train: the optimizer belongs to another network");
    else if (fv__network_order(network, num_inputs, inputs, ordered) == FV_OK)
        step(network, optimizer, num_inputs, ordered, target, &sums);
    return fv__metrics_of(&sums);
}

fv_metrics fv_train_step(fv_network *network, fv_optimizer *optimizer,
                         const fv_tensor *images, const fv_tensor *labels)
{
    const fv__sums none = { 0 };
    if (!network || !fv__tensor_check(network->context, "images", images))
        return fv__metrics_of(&none);
    const fv_named_tensor input = { NULL, *images };
    return fv_train_step_named(network, optimizer, 1, &input, labels);
}

/* ---- evaluation --------------------------------------------------------- */

/* Evaluates one batch of a pass whose largest batch is demand->batch. */
static fv_status evaluate_batch(fv__feed *feed, const fv__demand *demand,
                                int64_t count, fv_scores *scores,
                                fv__sums *sums)
{
    fv_network *network = feed->network;
    fv__plan *plan =
        fv__network_plan(network, demand->images, count, false, false);
    fv_context *context = network->context;
    if (!plan || fv__network_afford(network, demand) != FV_OK
        || fv__network_ready(network) != FV_OK
        || fv__feed_next(feed, plan) != FV_OK)
        return fv_failed(context);
    fv__graph_forward(&plan->graph, 0);
    sums->loss += loss_of(plan) * (double)count;
    sums->right += fv__plan_right(plan, scores ? fv__scores_see : NULL, scores,
                                  &sums->answers);
    sums->count += count;
    return fv_failed(context);
}

/* Whether the scores are of this network's classes. */
static fv_status check_scores(const fv_network *network, fv_scores *scores)
{
    const int64_t classes = fv_network_classes(network);
    if (!scores) return FV_OK;
    scores->softmax = fv_network_meaning(network) == FV_MEANS_LOGITS;
    if (scores->context == network->context && scores->classes == classes)
        return FV_OK;
    return fv_fail(network->context, FV_MISUSE,
                   "evaluate: scores of %lld classes%s, the network tells %lld "
                   "apart",
                   (long long)scores->classes,
                   scores->context == network->context ? ""
                                                       : " in another context",
                   (long long)classes);
}

fv_metrics fv__evaluate(fv_network *network, const fv_dataset *dataset,
                        int64_t batch, int32_t workers, fv_scores *scores)
{
    fv__sums sums = { 0 };
    fv__feed feed;
    fv_context *context = network ? network->context : NULL;
    if (!fv__ok(context) || !dataset) return fv__metrics_of(&sums);
    if (fv__network_loss_place(network) < 0) {
        fv_fail(context, FV_MISUSE, "evaluate: the network has no loss");
        return fv__metrics_of(&sums);
    }
    if (fv__feed_begin(&feed, network, dataset, FV__EVALUATION,
                       "evaluate: the data")
            != FV_OK
        || check_scores(network, scores) != FV_OK)
        return fv__metrics_of(&sums);
    const int64_t n = fv_dataset_count(dataset);
    batch = fv__min(batch > 0 ? batch : 32, n);
    fv__feed_divide(&feed, batch, batch, workers);
    const fv__demand demand = { "evaluate", .images = &feed.options.image,
                                .batch = batch, .evaluated = n };
    if (fv__feed_open(&feed) == FV_OK) fv__feed_start(&feed, 0, NULL, n, 0);
    for (int64_t first = 0; fv__ok(context) && first < n; first += batch)
        evaluate_batch(&feed, &demand, fv__min(batch, n - first), scores,
                       &sums);
    fv__feed_end(&feed);
    if (!fv__ok(context)) sums.count = 0;
    return fv__metrics_of(&sums);
}

fv_metrics fv_evaluate(fv_network *network, const fv_dataset *dataset,
                       int64_t batch, fv_scores *scores)
{
    return fv__evaluate(network, dataset, batch, 0, scores);
}

double fv_accuracy(fv_network *network, const fv_dataset *dataset)
{
    return fv_evaluate(network, dataset, 0, NULL).accuracy;
}
