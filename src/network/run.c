/* Writing the inputs of plans and reading their outputs. */
#include "network/network.h"

#include <math.h>
#include <string.h>

/* Copies `from`, of the same shape, into a value of a plan, converting it. */
static fv_status feed(const char *who, const fv_variable *to,
                      const fv_tensor *from)
{
    fv_context *context = to->context;
    if (!fv__tensor_check(context, who, from)) return fv_failed(context);
    if (!fv_tensor_same_shape(&to->value, from)) {
        char is[FV__SHAPE_BYTES], expected[FV__SHAPE_BYTES];
        return fv_fail(context, FV_MISUSE, "%s: shape %s, expected %s", who,
                       fv__shape_text(is, sizeof is, from->rank, from->shape),
                       fv__shape_text(expected, sizeof expected, to->value.rank,
                                      to->value.shape));
    }
    return fv__tensor_assign(context, who, &to->value, from);
}

fv_status fv__plan_images(fv__plan *plan, const fv_tensor *images)
{
    return feed("images", plan->images, images);
}

/* The number of outputs for one image. */
static int64_t outputs_of(const fv__plan *plan)
{
    const fv_tensor *output = &plan->output->value;
    return fv_tensor_count(output) / plan->batch;
}

fv_status fv__plan_target(fv__plan *plan, const fv_tensor *target)
{
    fv_context *context = plan->images->context;
    if (!plan->target)
        return fv_fail(context, FV_MISUSE,
                       "network: there is no loss for the "
                       "target");
    if (!fv__tensor_check(context, "labels", target)) return fv_failed(context);
    if (!fv__is_labels(target)) return feed("target", plan->target, target);
    if (target->shape[0] != plan->batch)
        return fv_fail(context, FV_MISUSE,
                       "labels: %lld of them for %lld images",
                       (long long)target->shape[0], (long long)plan->batch);
    if (fv__labels_check(context, target, plan->classes) != FV_OK)
        return fv_failed(context);
    if (plan->target->value.dtype == FV_I64)
        return feed("labels", plan->target, target);
    fv__labels_one_hot(context, target, outputs_of(plan), plan->classes,
                       plan->target->value.data);
    return FV_OK;
}

static double element(const fv_tensor *tensor, int64_t i)
{
    double value;
    fv__load_doubles(tensor->dtype, fv__tensor_byte(tensor, i), 1, 1, &value);
    return value;
}

/* Index of the largest number of a row; a NaN counts as the largest. */
static int64_t largest(const fv_tensor *rows, int64_t row, int64_t count)
{
    int64_t best = 0;
    double most = element(rows, row * count);
    for (int64_t j = 1; j < count && !isnan(most); j++) {
        double value = element(rows, row * count + j);
        if (!(value <= most)) {
            most = value;
            best = j;
        }
    }
    return best;
}

/* The class that a row of `values` means; a single value for two classes means
 * class 1 if it is above `middle`. */
static int64_t class_of(const fv__plan *plan, const fv_tensor *values,
                        int64_t row, double middle)
{
    int64_t outputs = outputs_of(plan);
    if (plan->classes == outputs) return largest(values, row, outputs);
    return !(element(values, row) <= middle);
}

int64_t fv__plan_right(const fv__plan *plan, int64_t *confusion)
{
    int64_t right = 0;
    const fv_tensor *target = &plan->expected->value;
    bool labels = target->dtype == FV_I64;
    for (int64_t i = 0; i < plan->batch; i++) {
        int64_t answer = class_of(plan, &plan->output->value, i, 0);
        int64_t expected =
            labels ? fv__label_at(target, i) : class_of(plan, target, i, 0.5);
        right += answer == expected;
        if (confusion) confusion[expected * plan->classes + answer]++;
    }
    return right;
}

fv_status fv_network_predict(fv_network *network, const fv_tensor *images,
                             const fv_tensor *output)
{
    if (!network) return FV_MISUSE;
    fv_context *context = network->context;
    if (!fv__ok(context)) return fv_failed(context);
    if (!fv__tensor_check(context, "images", images)
        || !fv__tensor_check(context, "output", output))
        return fv_failed(context);
    int64_t batch = images->rank > 0 ? images->shape[0] : 0;
    const fv_shape image = fv__shape_of_image(images);
    fv__plan *plan = fv__network_plan(network, &image, batch, false, false);
    const fv__demand demand = { "predict", .image = &image, .batch = batch,
                                .evaluated = batch };
    if (!plan || fv__network_afford(network, &demand) != FV_OK
        || fv__network_ready(network) != FV_OK
        || fv__plan_images(plan, images) != FV_OK)
        return fv_failed(context);
    if (plan->target)
        memset(plan->target->value.data, 0,
               fv__tensor_bytes(&plan->target->value));
    fv__graph_forward(&plan->graph, 0);
    fv_tensor answer = plan->output->value;
    if (context->layout == FV_NCHW && answer.rank > 2) {
        int32_t axes[FV_MAX_RANK];
        fv__axes_outside(answer.rank, axes);
        answer = fv_tensor_permute(context, &answer, axes);
    }
    return fv_tensor_copy(context, output, &answer);
}
