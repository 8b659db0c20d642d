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

fv_status fv__plan_input(fv__plan *plan, int32_t input, const fv_tensor *value)
{
    return feed("images", plan->inputs[input], value);
}

/* The number of outputs for one image. */
static int64_t outputs_of(const fv__plan *plan)
{
    const fv_tensor *output = &plan->output->value;
    return fv_tensor_count(output) / plan->batch;
}

/* Copies label sequences, which may be shorter than those of the plan. */
static fv_status feed_sequences(const fv__plan *plan, const fv_tensor *labels)
{
    fv_context *context = plan->target->context;
    fv_tensor to = plan->target->value;
    if (labels->rank != 2 || labels->shape[1] > to.shape[1])
        return feed("labels", plan->target, labels);
    int64_t *all = to.data;
    for (int64_t i = 0; i < fv_tensor_count(&to); i++) all[i] = -1;
    const fv_tensor part =
        fv_tensor_slice(context, &to, 1, 0, labels->shape[1], 1);
    return fv__tensor_assign(context, "labels", &part, labels);
}

fv_status fv__plan_target(fv__plan *plan, const fv_tensor *target)
{
    fv_context *context = plan->inputs[0]->context;
    if (!plan->target)
        return fv_fail(context, FV_MISUSE,
                       "network: there is no loss for the "
                       "target");
    if (!fv__tensor_check(context, "labels", target)) return fv_failed(context);
    const bool indices = plan->target->value.dtype == FV_I64;
    if (!fv__is_labels(target) || (!indices && target->rank > 1))
        return feed("target", plan->target, target);
    if (target->shape[0] != plan->batch)
        return fv_fail(context, FV_MISUSE,
                       "labels: %lld of them for %lld images",
                       (long long)target->shape[0], (long long)plan->batch);
    if (fv__labels_check(context, plan->loss_layer, target, plan->classes)
        != FV_OK)
        return fv_failed(context);
    if (plan->loss_layer->type->target == FV__TARGET_SEQUENCE)
        return feed_sequences(plan, target);
    if (indices) return feed("labels", plan->target, target);
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
static int64_t class_of(const fv_tensor *values, int64_t row, int64_t width,
                        int64_t classes, double middle)
{
    if (classes == width) return largest(values, row, width);
    return !(element(values, row) <= middle);
}

int64_t fv__plan_right(const fv__plan *plan,
                       void (*see)(void *user, const fv__answer *answer),
                       void *user, int64_t *answers)
{
    int64_t right = 0, ignored;
    const fv_tensor *target = &plan->expected->value;
    const fv__target kind = plan->loss_layer->type->target;
    const bool labels = target->dtype == FV_I64;
    const bool ignores = fv__target_ignored(plan->loss_layer, &ignored);
    const int64_t outputs = fv_tensor_count(&plan->output->value);
    const int64_t width =
        kind == FV__TARGET_VALUES ? outputs / plan->batch : plan->classes;
    if (kind == FV__TARGET_SEQUENCE) return 0;
    for (int64_t i = 0; i < outputs / width; i++) {
        const int64_t expected =
            labels ? fv__label_at(target, i)
                   : class_of(target, i, width, plan->classes, 0.5);
        if (labels && ignores && expected == ignored) continue;
        const int64_t answer =
            class_of(&plan->output->value, i, width, plan->classes, 0);
        right += answer == expected;
        ++*answers;
        if (see)
            see(user, &(fv__answer){ &plan->output->value, i, width, expected,
                                     answer });
    }
    return right;
}

fv_status fv__network_measure(const fv_network *network, int32_t count,
                              const fv_tensor *const inputs[],
                              fv_shape images[FV__MOST_INPUTS], int64_t *batch)
{
    fv_context *context = network->context;
    if (fv__input_count_fits(network, count) != FV_OK)
        return fv_failed(context);
    *batch = 0;
    for (int32_t k = 0; k < count; k++) {
        const fv_value_info info = fv_network_input_info(network, (size_t)k);
        images[k] = info.shape;
        if (!fv__tensor_check(context, info.name, inputs[k]) || !inputs[k])
            return fv_failed(context);
        if (!info.batched && fv__input_fits(network, k, inputs[k]) != FV_OK)
            return fv_failed(context);
        if (!info.batched) {
            memcpy(images[k].extent, inputs[k]->shape, sizeof images[k].extent);
            continue;
        }
        images[k] = fv__shape_of_image(inputs[k]);
        const int64_t own = inputs[k]->rank > 0 ? inputs[k]->shape[0] : 0;
        if (*batch && own != *batch)
            return fv_fail(context, FV_MISUSE,
                           "network: input %s has a batch of %lld, others of "
                           "%lld",
                           info.name, (long long)own, (long long)*batch);
        *batch = own;
    }
    if (!*batch && (!count || !fv_network_input_info(network, 0).batched))
        *batch = 1;
    return FV_OK;
}

/* Runs a plan for evaluation. */
static fv__plan *evaluate(fv_network *network, int32_t count,
                          const fv_tensor *const inputs[])
{
    fv_shape images[FV__MOST_INPUTS];
    int64_t batch = 0;
    if (fv__network_measure(network, count, inputs, images, &batch) != FV_OK)
        return NULL;
    fv__plan *plan = fv__network_plan(network, images, batch, false, false);
    const fv__demand demand = { "predict", .images = images, .batch = batch,
                                .evaluated = batch };
    if (!plan || fv__network_afford(network, &demand) != FV_OK
        || fv__network_ready(network) != FV_OK)
        return NULL;
    for (int32_t k = 0; k < count; k++)
        if (!inputs[k] || fv__plan_input(plan, k, inputs[k]) != FV_OK)
            return NULL;
    if (plan->target)
        memset(plan->target->value.data, 0,
               fv__tensor_bytes(&plan->target->value));
    fv__graph_forward(&plan->graph, 0);
    return plan;
}

/* An output in the layout of the context. */
static fv_tensor answer_of(const fv_network *network, const fv__plan *plan,
                           int32_t k)
{
    fv_context *context = network->context;
    const fv__result *r = &network->results[fv__network_output(network, k)];
    const fv_tensor answer = plan->outputs[k]->value;
    int32_t axes[FV_MAX_RANK];
    if (context->layout == FV_NHWC || !r->batched || answer.rank < 3
        || !fv__dtype_is_real(answer.dtype))
        return answer;
    fv__axes_outside(answer.rank, axes);
    return fv_tensor_permute(context, &answer, axes);
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
    const fv__plan *plan = evaluate(network, 1, &images);
    if (!plan) return fv_failed(context);
    const fv_tensor answer = answer_of(network, plan, 0);
    return fv_tensor_copy(context, output, &answer);
}

static const char *input_name(const fv_network *network, int32_t k)
{
    return fv_network_input_info(network, (size_t)k).name;
}

fv_status fv__network_order(const fv_network *network, int32_t count,
                            const fv_named_tensor inputs[],
                            const fv_tensor *ordered[FV__MOST_INPUTS])
{
    fv_context *context = network->context;
    if (fv__input_count_fits(network, count) != FV_OK)
        return fv_failed(context);
    for (int32_t k = 0; k < count; k++) ordered[k] = NULL;
    for (int32_t i = 0; i < count; i++) {
        const char *name = inputs[i].name;
        int32_t k = name ? 0 : i;
        while (name && k < count && strcmp(name, input_name(network, k)) != 0)
            k++;
        if (k == count)
            return fv_fail(context, FV_MISUSE,
                           "network: \"%s\" is none of its inputs", name);
        if (ordered[k])
            return fv_fail(context, FV_MISUSE, "network: \"%s\" is given twice",
                           input_name(network, k));
        ordered[k] = &inputs[i].tensor;
    }
    return FV_OK;
}

fv_status fv_network_run(fv_network *network, int32_t num_inputs,
                         const fv_named_tensor inputs[], int32_t num_outputs,
                         fv_named_tensor outputs[])
{
    if (!network) return FV_MISUSE;
    fv_context *context = network->context;
    const fv_tensor *ordered[FV__MOST_INPUTS] = { NULL };
    if (!fv__ok(context)
        || fv__network_order(network, num_inputs, inputs, ordered) != FV_OK)
        return fv_failed(context);
    const fv__plan *plan = evaluate(network, num_inputs, ordered);
    if (!plan) return fv_failed(context);
    const int32_t count = fv__network_count_outputs(network);
    for (int32_t i = 0; i < num_outputs; i++) {
        int32_t k = outputs[i].name ? 0 : i;
        for (; outputs[i].name && k < count; k++) {
            const fv_value_info info =
                fv_network_output_info(network, (size_t)k);
            if (!strcmp(outputs[i].name, info.name)) break;
        }
        if (k >= count)
            return fv_fail(context, FV_MISUSE,
                           "network: \"%s\" is none of its %d outputs",
                           outputs[i].name ? outputs[i].name : "NULL", count);
        outputs[i].name = fv_network_output_info(network, (size_t)k).name;
        outputs[i].tensor = answer_of(network, plan, k);
    }
    return FV_OK;
}
