/* Elements start, start + step, ... before stop of some axes; the gradient goes
 * back to where they were. */
#include "op/attributes.h"
#include "op/tensor_layer.h"

#include <inttypes.h>
#include <string.h>

/* Index `at` of an axis, clamped to low..high. */
static int64_t clamped(int64_t at, int64_t extent, int64_t low, int64_t high)
{
    return fv__max(low, fv__min(high, at < 0 ? at + extent : at));
}

/* The part of an axis, as NumPy clamps it. */
static fv_tensor clamped_part(const fv_tensor *x, int32_t axis,
                              const fv__slice_part *p)
{
    const int64_t extent = x->shape[axis], low = p->step < 0 ? -1 : 0;
    const int64_t high = p->step < 0 ? extent - 1 : extent;
    const int64_t start = clamped(p->start, extent, low, high);
    const int64_t stop = clamped(p->stop, extent, low, high);
    const int64_t way = p->step < 0 ? start - stop : stop - start;
    const int64_t step = p->step < 0 ? -fv__max(p->step, -INT64_MAX) : p->step;
    fv_tensor view = *x;
    view.shape[axis] = way > 0 ? (way - 1) / step + 1 : 0;
    if (way > 0) view.data = fv__tensor_byte(x, start * x->stride[axis]);
    if (view.shape[axis] > 1) view.stride[axis] *= p->step;
    return view;
}

/* The region of a tensor, of rank -1 after recording why there is none. */
static fv_tensor region(fv_context *context, const char *name,
                        const fv__slice *s, const fv_tensor *x)
{
    fv_tensor view = *x;
    bool named[FV_MAX_RANK] = { false };
    for (int32_t i = 0; i < s->count && fv__ok(context); i++) {
        const fv__slice_part *p = &s->parts[i];
        int32_t axis = p->axis;
        if (!s->clamp)
            return fv_tensor_slice(context, &view, axis, p->start, p->stop,
                                   p->step);
        if (!fv__tensor_axis(context, name, x->rank, &axis)) break;
        if (p->step == 0)
            fv_fail(context, FV_MISUSE, "%s: the step of axis %d is 0", name,
                    axis);
        else if (named[axis])
            fv_fail(context, FV_MISUSE, "%s: axis %d is named twice", name,
                    axis);
        else
            view = clamped_part(&view, axis, p);
        named[axis] = true;
    }
    return fv__ok(context) ? view : fv__tensor_failed();
}

static fv_status infer(fv_inference *inference)
{
    fv_tensor x = fv__infer_stand_in(inference->inputs[0]);
    memset(x.stride, 0, sizeof x.stride); /* moves no pointer */
    const fv_tensor y =
        region(inference->context, inference->name, inference->attributes, &x);
    if (y.rank < 0) return fv_failed(inference->context);
    return fv__infer_moved(inference, y.rank, y.shape);
}

static void forward(const fv_call *call)
{
    const fv_tensor from =
        region(call->context, "slice", call->attributes, call->inputs[0]);
    fv__copy_all(call->context, call->outputs[0], &from);
}

static void backward(const fv_call *call)
{
    const fv_tensor to =
        region(call->context, "slice", call->attributes, call->input_grads[0]);
    fv__add_all(call->context, &to, call->output_grads[0]);
}

const fv_operator fv__op_slice = { .size = sizeof(fv_operator),
                                   .name = "slice",
                                   .min_inputs = 1,
                                   .max_inputs = 1,
                                   .attributes_size = sizeof(fv__slice),
                                   .infer = infer,
                                   .forward = forward,
                                   .backward = backward,
                                   .onnx = "Slice" };

fv_variable *fv_slice(fv_variable *a, int32_t axis, int64_t start, int64_t stop,
                      int64_t step)
{
    const fv__slice s = { .count = 1,
                          .parts = { { axis, start, stop, step } } };
    return fv_apply(&fv__op_slice, &s, 1, &a);
}

fv_variable *fv_slice_axes(fv_variable *a, int32_t count,
                           const int64_t starts[], const int64_t stops[],
                           const int32_t axes[], const int64_t steps[])
{
    fv__slice s = { .count = count, .clamp = 1 };
    if (!a) return NULL;
    if (count < 0 || count > FV_MAX_RANK || (count && (!starts || !stops))) {
        fv_fail(fv_variable_context(a), FV_MISUSE,
                "%s: %d axes, expected 0 to %d with starts and stops",
                fv__who(fv_variable_context(a), "slice"), count, FV_MAX_RANK);
        return NULL;
    }
    for (int32_t i = 0; i < count; i++)
        s.parts[i] = (fv__slice_part){ axes ? axes[i] : i, starts[i], stops[i],
                                       steps ? steps[i] : 1 };
    return fv_apply(&fv__op_slice, &s, 1, &a);
}

/* ---- the layer ----------------------------------------------------------- */

/* Begins as fv_layer_options. */
typedef struct options {
    FV__LOCAL_OPTIONS;
    fv__list starts, stops, axes, steps;
} options;

static const fv__field fields[] = {
    { FV__FIELD(options, LIST, starts) },
    { FV__FIELD(options, LIST, stops) },
    { FV__FIELD(options, LIST, axes) },
    { FV__FIELD(options, LIST, steps) },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const options *o = layer->options;
    int64_t starts[FV_MAX_RANK], stops[FV_MAX_RANK], steps[FV_MAX_RANK];
    fv__list axes = { .count = 0 };
    int32_t n, others[3], order[FV_MAX_RANK];
    if (!fv__layer_list(layer, count, inputs, 1, "starts", &o->starts, &n,
                        starts)
        || !fv__layer_list(layer, count, inputs, 2, "stops", &o->stops,
                           &others[0], stops)
        || !fv__layer_list(layer, count, inputs, 3, "axes", &o->axes,
                           &others[1], axes.at)
        || !fv__layer_list(layer, count, inputs, 4, "steps", &o->steps,
                           &others[2], steps))
        return NULL;
    if (others[0] != n || (others[1] && others[1] != n)
        || (others[2] && others[2] != n)) {
        fv_fail(layer->context, FV_MISUSE,
                "%s: %d starts, %d stops, %d axes and %d steps", layer->name, n,
                others[0], others[1], others[2]);
        return NULL;
    }
    axes.count = others[1];
    fv__list_axes(&axes, order);
    return fv_slice_axes(inputs[0], n, starts, stops, others[1] ? order : NULL,
                         others[2] ? steps : NULL);
}

const fv__layer_type fv__layer_slice = {
    .kind = "slice",
    .about = "elements starts, starts + steps, ... before stops of axes, the "
             "first unless they are given; further inputs give the four lists",
    FV__LAYER_OPTIONS(options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 5,
    .forward = apply,
};
