/* Running one image through a network, and the score of a class. */
#include "explain/explain.h"

#include "layer/text.h"
#include "op/tensor_layer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- what the scores are ------------------------------------------------ */

static bool is(const fv_layer *layer, const char *kind)
{
    return strcmp(layer->type->kind, kind) == 0;
}

static bool is_softmax(const fv_layer *layer, const fv__result *of)
{
    if (!is(layer, "softmax") && !is(layer, "log_softmax")) return false;
    const fv__axis_options *o = layer->options;
    return o->axis == -1 || o->axis == of->shape.rank;
}

/* The first output, before a softmax or sigmoid that computes it. */
static void find_scores(fv__probe *p)
{
    const fv_network *network = p->network;
    int32_t result = fv__network_output(network, 0);
    const fv__place *place = &network->places[network->results[result].place];
    if (is(place->layer, "output")) {
        result = place->inputs[0];
        place = &network->places[network->results[result].place];
    }
    p->meaning = fv_network_meaning(network);
    if (is_softmax(place->layer, &network->results[result])) {
        p->meaning = FV_MEANS_LOGITS;
        result = place->inputs[0];
    } else if (is(place->layer, "sigmoid")) {
        p->meaning = FV_MEANS_LOG_ODDS;
        result = place->inputs[0];
    }
    p->scores = result;
}

/* ---- the run ------------------------------------------------------------ */

/* Refuses networks and images that cannot be explained. */
static fv_status check(fv__probe *p, const fv_tensor *image)
{
    const fv_network *network = p->network;
    fv_context *context = p->context;
    if (!fv__tensor_check(context, p->who, image)) return fv_failed(context);
    const fv_value_info in = fv_network_input_info(network, 0);
    if (network->num_inputs != 1 || !in.batched || in.shape.rank != 3
        || !fv__dtype_is_real(in.dtype))
        return fv_fail(context, FV_UNSUPPORTED,
                       "%s: the network does not take images alone", p->who);
    p->input = *image;
    if (image->rank == 3) {
        p->input.rank = 4;
        p->input.shape[0] = 1;
        p->input.stride[0] = 0;
        memcpy(p->input.shape + 1, image->shape, 3 * sizeof *image->shape);
        memcpy(p->input.stride + 1, image->stride, 3 * sizeof *image->stride);
    }
    if (fv__input_fits(network, 0, &p->input) != FV_OK)
        return fv_failed(context);
    if (p->input.shape[0] != 1)
        return fv_fail(context, FV_MISUSE,
                       "%s: a batch of %lld images, expected one", p->who,
                       (long long)p->input.shape[0]);
    if (!fv_tensor_count(&p->input))
        return fv_fail(context, FV_MISUSE, "%s: the image has no pixels",
                       p->who);
    const int32_t rows = context->layout == FV_NCHW ? 2 : 1;
    p->rows = p->input.shape[rows];
    p->columns = p->input.shape[rows + 1];
    find_scores(p);
    const fv__result *scores = &network->results[p->scores];
    if (!scores->batched || !fv__dtype_is_real(scores->dtype))
        return fv_fail(context, FV_UNSUPPORTED,
                       "%s: the output of the network is no batch of real "
                       "numbers",
                       p->who);
    return FV_OK;
}

/* Puts a new tape and the settings of the run in place. */
static fv_status begin(fv__probe *p)
{
    fv_context *context = p->context;
    const size_t count = (size_t)p->network->num_variables;
    p->trained = fv__allocate(context, FV__DATA, count + 1);
    if (!p->trained) return fv_failed(context);
    for (size_t i = 0; i < count; i++) {
        p->trained[i] = p->network->variables[i]->requires_grad;
        p->network->variables[i]->requires_grad = false;
    }
    p->tape = context->tape;
    p->draws = context->draws;
    p->no_grad = context->no_grad;
    p->former_training = fv_training(context, 0);
    p->begun = true;
    context->tape = NULL;
    context->no_grad = false;
    fv__tape_begin(context);
    return fv_failed(context);
}

fv_status fv__probe_begin(fv__probe *p, const char *who, fv_network *network,
                          const fv_tensor *image,
                          const fv_explain_options *options)
{
    *p = (fv__probe){ .network = network,
                      .context = network ? network->context : NULL,
                      .who = who };
    fv_context *context = p->context;
    if (!network) return FV_MISUSE;
    if (!fv__ok(context)
        || !fv__options(context, who, options, &p->options, sizeof p->options)
        || fv__network_draw(network) != FV_OK || check(p, image) != FV_OK
        || begin(p) != FV_OK)
        return fv_failed(context);
    p->image = fv_variable_new(context, &p->input);
    p->results = fv__allocate_zero(
        context, FV__DATA, (size_t)network->num_results * sizeof *p->results);
    if (!p->image || !p->results) return fv_failed(context);
    fv_variable *inside = fv__variable_inside(p->image);
    return inside ? fv__network_apply(network, NULL, &inside, p->results)
                  : fv_failed(context);
}

void fv__probe_end(fv__probe *p)
{
    fv_context *context = p->context;
    if (!context) return;
    fv__release(context, p->results);
    if (p->begun) {
        fv__tape_end(context);
        context->tape = p->tape;
        context->draws = p->draws;
        context->no_grad = p->no_grad;
        fv_training(context, p->former_training);
        for (int64_t i = 0; i < p->network->num_variables; i++)
            p->network->variables[i]->requires_grad = p->trained[i];
    }
    fv__release(context, p->trained);
    fv_variable_free(p->image);
}

/* ---- the score of a class ----------------------------------------------- */

/* The scores as rows of channels. */
typedef struct scores {
    const fv_tensor *value;
    int64_t rows, channels;
    bool odds; /* one channel of log odds tells two classes */
} scores;

static double score_of(const scores *s, int64_t class_index)
{
    const int64_t channel = s->odds ? 0 : class_index;
    double sum = 0;
    for (int64_t i = 0; i < s->rows; i++)
        sum += fv__real_at(s->value, i * s->channels + channel);
    return (s->odds && !class_index ? -sum : sum) / (double)s->rows;
}

static double probability_of(const scores *s, const fv__probe *p)
{
    const fv_decision *d = &p->decision;
    double sum = 0;
    switch (p->meaning) {
    case FV_MEANS_LOGITS:
        for (int64_t i = 0; i < d->classes; i++)
            sum += exp(score_of(s, i) - d->score);
        return 1 / sum;
    case FV_MEANS_LOG_ODDS:
        return 1 / (1 + exp(-d->score));
    case FV_MEANS_LOG_PROBABILITIES:
        return exp(d->score);
    default:
        return (double)NAN;
    }
}

/* The class of the largest score, the first of equals; NaN is the largest. */
static int64_t predict(const scores *s, int64_t classes)
{
    int64_t best = 0;
    double most = score_of(s, 0);
    for (int64_t i = 1; i < classes && !isnan(most); i++) {
        const double score = score_of(s, i);
        if (score <= most) continue;
        most = score;
        best = i;
    }
    return best;
}

static fv_status decide(fv__probe *p, const scores *s, int64_t class_index)
{
    fv_decision *d = &p->decision;
    d->classes = s->odds ? 2 : s->channels;
    p->channels = s->channels;
    if (class_index < FV_PREDICTED || class_index >= d->classes)
        return fv_fail(p->context, FV_MISUSE,
                       "%s: class %lld, there are %lld, counted from 0", p->who,
                       (long long)class_index, (long long)d->classes);
    d->class_index =
        class_index == FV_PREDICTED ? predict(s, d->classes) : class_index;
    d->score = score_of(s, d->class_index);
    d->probability = probability_of(s, p);
    if (!isfinite(d->score))
        return fv_fail(p->context, FV_NOT_FINITE,
                       "%s: the score of class %lld is %s", p->who,
                       (long long)d->class_index, FV__NUMBER(d->score));
    if (p->options.decision) *p->options.decision = *d;
    return FV_OK;
}

fv_variable *fv__probe_score(fv__probe *p, int64_t class_index)
{
    fv_variable *all = p->results[p->scores];
    const int32_t last = all->value.rank - 1;
    const int64_t count = fv_tensor_count(&all->value);
    scores s = { .value = &all->value, .channels = 1 };
    if (last > 0) s.channels = all->value.shape[last];
    if (!count) {
        fv_fail(p->context, FV_MISUSE, "%s: the output has no elements",
                p->who);
        return NULL;
    }
    s.rows = count / s.channels;
    s.odds = p->meaning == FV_MEANS_LOG_ODDS && s.channels == 1;
    if (decide(p, &s, class_index) != FV_OK) return NULL;
    const int64_t at = s.odds ? 0 : p->decision.class_index;
    fv_variable *score =
        fv_mean(last > 0 ? fv_slice(all, last, at, at + 1, 1) : all);
    if (s.odds && !p->decision.class_index) score = fv_neg(score);
    if (!score || score->requires_grad) return score;
    fv_fail(p->context, FV_UNSUPPORTED,
            "%s: no gradient leads from the output to the image", p->who);
    return NULL;
}

/* ---- layers ------------------------------------------------------------- */

int32_t fv__explain_find(const char *who, const fv_network *network,
                         const char *name)
{
    fv_context *context = network->context;
    const int32_t place =
        fv__network_find(network, network->count, name, strlen(name));
    if (place >= 0) return place;
    char hint[64] = "";
    const char **words = fv__allocate_zero(
        context, FV__DATA, (size_t)(network->count + 1) * sizeof *words);
    if (!words) return -1;
    for (int32_t i = 0; i < network->count; i++)
        words[i] = network->places[i].layer->name;
    const fv__token token = { .at = name, .length = strlen(name) };
    fv__suggestion(&token, words, hint);
    fv__release(context, words);
    fv_fail(context, FV_MISUSE, "%s: the network has no layer \"%s\"%s", who,
            name, hint);
    return -1;
}

/* Whether the layer's output is a map with channels that depends on the
 * image. */
static bool is_map(const fv__probe *p, int32_t place)
{
    const fv__place *at = &p->network->places[place];
    if (at->layer->type == &fv__layer_input || !at->num_outputs) return false;
    const fv_variable *value = p->results[at->first];
    return value && value->value.rank == 4 && value->requires_grad
           && p->network->results[at->first].batched;
}

/* The layer of that name, if it makes a map. */
static int32_t named(const fv__probe *p, const char *name)
{
    const fv_network *network = p->network;
    const int32_t place = fv__explain_find(p->who, network, name);
    if (place < 0 || is_map(p, place)) return place;
    char shape[FV__SHAPE_BYTES] = "nothing";
    const fv__place *at = &network->places[place];
    if (at->num_outputs && !at->layer->type->target) {
        const fv_shape out = fv__network_shape(network, at->first);
        fv__shape_show(shape, &out);
    }
    fv_fail(p->context, FV_MISUSE,
            at->layer->type == &fv__layer_input
                ? "%s: %s is the input, not a layer that computes a map"
                : "%s: %s computes %s, not rows and columns of channels from "
                  "the image",
            p->who, name, shape);
    return -1;
}

int32_t fv__probe_layer(const fv__probe *p)
{
    const fv_network *network = p->network;
    fv_context *context = p->context;
    if (p->options.layer) return named(p, p->options.layer);
    bool *head =
        fv__allocate_zero(context, FV__DATA, (size_t)network->count + 1);
    if (!head) return -1;
    if (fv__network_head(network, head) < 0) {
        fv_clear_error(context);
        memset(head, 0, (size_t)network->count);
    }
    int32_t found = -1;
    for (int32_t i = network->count - 1; i >= 0 && found < 0; i--) {
        const int32_t first = network->places[i].first;
        if (head[i] || first == p->scores || !is_map(p, i)) continue;
        const fv_tensor *value = &p->results[first]->value;
        if (value->shape[1] * value->shape[2] > 1) found = i;
    }
    fv__release(context, head);
    if (found < 0)
        fv_fail(context, FV_UNSUPPORTED,
                "%s: no layer before the head has rows and columns", p->who);
    return found;
}
