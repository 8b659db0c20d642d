/* Explanations by gradients of a class's score: Grad-CAM and saliency. */
#include "explain/explain.h"
#include "op/op.h"

#include <math.h>

/* ---- Grad-CAM ----------------------------------------------------------- */

/* The map of a layer from its values A and gradients G, [1, h, w, c]:
 * out(i, j) = max(0, sum over k of a(k) A(i, j, k)), where a(k) is the mean of
 * G(i, j, k) over i and j. `weights` has room for c numbers. */
static void weigh(const fv_tensor *value, const fv_tensor *grad,
                  double *weights, double *out)
{
    const int64_t pixels = value->shape[1] * value->shape[2];
    const int64_t channels = value->shape[3];
    for (int64_t k = 0; k < channels; k++) weights[k] = 0;
    for (int64_t i = 0; i < pixels * channels; i++)
        weights[i % channels] += fv__real_at(grad, i) / (double)pixels;
    for (int64_t i = 0; i < pixels; i++) {
        double sum = 0;
        for (int64_t k = 0; k < channels; k++)
            sum += weights[k] * fv__real_at(value, i * channels + k);
        out[i] = sum <= 0 ? 0 : sum;
    }
}

static fv_tensor grad_cam(fv__probe *p, int64_t class_index)
{
    fv_context *context = p->context;
    const fv_tensor failed = fv__tensor_failed();
    fv_variable *score = fv__probe_score(p, class_index);
    if (!score) return failed;
    const int32_t place = fv__probe_layer(p);
    if (place < 0) return failed;
    const fv__place *at = &p->network->places[place];
    fv_variable *layer = p->results[at->first];
    if (p->options.decision) p->options.decision->layer = at->layer->name;
    if (fv_variable_retain_grad(layer) != FV_OK || fv_backprop(score) != FV_OK)
        return failed;
    const fv_tensor *grad = fv_variable_grad(layer), *value = &layer->value;
    if (!grad) {
        fv_fail(context, FV_MISUSE, "%s: the score does not depend on %s",
                p->who, at->layer->name);
        return failed;
    }
    const int64_t pixels = value->shape[1] * value->shape[2];
    double *memory = fv__allocate(
        context, FV__DATA, (size_t)(value->shape[3] + pixels) * sizeof *memory);
    if (!memory) return failed;
    double *out = memory + value->shape[3];
    weigh(value, grad, memory, out);
    const fv_tensor map = fv__map_new(p, out, value->shape[1], value->shape[2]);
    fv__release(context, memory);
    return map;
}

fv_tensor fv_grad_cam(fv_network *network, const fv_tensor *image,
                      int64_t class_index, const fv_explain_options *options)
{
    fv__probe probe;
    fv_tensor map = fv__tensor_failed();
    if (fv__probe_begin(&probe, "grad_cam", network, image, options) == FV_OK)
        map = grad_cam(&probe, class_index);
    fv__probe_end(&probe);
    return map;
}

/* ---- saliency ----------------------------------------------------------- */

/* The backward pass of a clamp in guided backpropagation: gradients that are
 * negative when they arrive are as 0. */
static void guided_backward(const fv_call *call)
{
    const fv_tensor *dy = call->output_grads[0];
    const int64_t count = fv_tensor_count(dy);
    for (int64_t i = 0; i < count; i++) {
        if (!(fv__real_at(dy, i) < 0)) continue;
        if (dy->dtype == FV_F32)
            ((float *)dy->data)[i] = 0;
        else
            ((double *)dy->data)[i] = 0;
    }
    fv__unary_backward(call);
}

/* Whether the node is max(x, 0), with or without an upper limit. */
static bool is_relu(const fv__node *node)
{
    if (node->op->backward != fv__unary_backward) return false;
    const fv__unary_operator *f = node->attributes;
    return f->f == FV__CLAMP && f->p == 0;
}

/* Gives the recorded clamps that backward pass; `guided` has room for the
 * operator of each, and is used until the tape ends. */
static void guide(const fv__graph *tape, fv_operator *guided)
{
    for (int32_t i = 0; i < tape->count; i++) {
        fv__node *node = tape->nodes[i];
        if (!is_relu(node)) continue;
        guided[i] = *node->op;
        guided[i].backward = guided_backward;
        node->op = &guided[i];
    }
}

/* The largest |gradient| of a channel at each pixel. */
static void largest(const fv__probe *p, const fv_tensor *grad, double *out)
{
    const bool first = p->context->layout == FV_NCHW;
    const int64_t channels = grad->shape[first ? 1 : 3];
    const int64_t pixels = p->rows * p->columns;
    for (int64_t i = 0; i < pixels; i++) {
        out[i] = 0;
        for (int64_t k = 0; k < channels; k++) {
            const double g = fabs(
                fv__real_at(grad, first ? k * pixels + i : i * channels + k));
            if (!(g <= out[i])) out[i] = g;
        }
    }
}

static fv_tensor saliency(fv__probe *p, int64_t class_index)
{
    fv_context *context = p->context;
    fv_tensor map = fv__tensor_failed();
    fv_variable *score = fv__probe_score(p, class_index);
    if (!score) return map;
    const fv__graph *tape = &context->tape->graph;
    const int64_t pixels = p->rows * p->columns;
    fv_operator *guided = fv__allocate(
        context, FV__DATA, ((size_t)tape->count + 1) * sizeof *guided);
    double *out = fv__allocate(context, FV__DATA, (size_t)pixels * sizeof *out);
    if (guided && !p->options.plain) guide(tape, guided);
    if (guided && out && fv_backprop(score) == FV_OK) {
        const fv_tensor *grad = fv_variable_grad(p->image);
        if (grad) {
            largest(p, grad, out);
            map = fv__map_new(p, out, p->rows, p->columns);
        }
    }
    fv__release(context, out);
    fv__release(context, guided);
    return map;
}

fv_tensor fv_saliency(fv_network *network, const fv_tensor *image,
                      int64_t class_index, const fv_explain_options *options)
{
    fv__probe probe;
    fv_tensor map = fv__tensor_failed();
    if (fv__probe_begin(&probe, "saliency", network, image, options) == FV_OK)
        map = saliency(&probe, class_index);
    fv__probe_end(&probe);
    return map;
}
