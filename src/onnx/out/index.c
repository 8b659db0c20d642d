/* Elements by indices. */
#include "onnx/out/out.h"
#include "op/attributes.h"
#include "op/index/places.h"
#include "op/operand.h"

fv__out_emit fv__out_gather, fv__out_gather_elements, fv__out_scatter_elements,
    fv__out_one_hot;

/* The order of the result: the axes of the indices take the place of one. */
void fv__out_gather(fv__out *out)
{
    const fv__gather *a = out->node->attributes;
    const fv__out_form *data, *indices;
    fv__out_value *x = fv__out_any(out, 0, &data);
    fv__out_value *where = fv__out_any(out, 1, &indices);
    const int32_t axis = a->axis < 0 ? a->axis + data->rank : a->axis;
    int32_t order[2 * FV_MAX_RANK], count = 0;
    for (int32_t i = 0; i < data->rank; i++) {
        const int32_t from = data->order[i];
        if (from != axis)
            order[count++] = from < axis ? from : from + indices->rank - 1;
        for (int32_t j = 0; from == axis && j < indices->rank; j++)
            order[count++] = axis + indices->order[j];
    }
    fv__out_value *y = FV__OUT_NODE(out, "Gather", x, where);
    fv__out_int(out, "axis", fv__out_at(data, axis));
    fv__out_set(out, 0, y, order);
}

/* Indices as i64, which some operators ask for. */
static fv__out_value *wide_indices(fv__out *out, fv__out_value *indices)
{
    if (out->node->inputs[1]->value.dtype == FV_I64) return indices;
    indices = FV__OUT_NODE(out, "Cast", indices);
    fv__out_int(out, "to", fv__out_type(FV_I64));
    return indices;
}

/* Operand k in the order of operand 0. */
static fv__out_value *alike(fv__out *out, int32_t k, const fv__out_form *form)
{
    return fv__out_read(out, out->node->inputs[k], form->rank, form->order);
}

static int32_t axis_of(const fv__places *a, const fv__out_form *form)
{
    return a->axis < 0 ? a->axis + form->rank : a->axis;
}

void fv__out_gather_elements(fv__out *out)
{
    const fv__places *a = out->node->attributes;
    const fv__out_form *form;
    fv__out_value *y;
    if (a->vectors) {
        y = FV__OUT_NODE(out, "GatherND", fv__out_plain(out, 0),
                         wide_indices(out, fv__out_plain(out, 1)));
        if (a->batch) fv__out_int(out, "batch_dims", a->batch);
        fv__out_set_plain(out, 0, y);
        return;
    }
    fv__out_value *x = fv__out_any(out, 0, &form);
    y = FV__OUT_NODE(out, "GatherElements", x, alike(out, 1, form));
    fv__out_int(out, "axis", fv__out_at(form, axis_of(a, form)));
    fv__out_set(out, 0, y, form->order);
}

/* What becomes of the elements that are there, of the last node. */
static void write_reduction(fv__out *out, fv_scatter_reduction reduction)
{
    static const char *const words[] = { NULL, "add", "mul", "min", "max" };
    const int64_t since = reduction >= FV_SCATTER_MIN ? 18 : 16;
    if (reduction == FV_SCATTER_REPLACE) return;
    if (out->opset < since)
        fv__out_refuse(out, "scattering by %s needs operator set %d",
                       words[reduction], (int)since);
    fv__out_word(out, "reduction", words[reduction]);
}

void fv__out_scatter_elements(fv__out *out)
{
    const fv__places *a = out->node->attributes;
    const fv__out_form *form;
    fv__out_value *y;
    if (a->vectors) {
        y = FV__OUT_NODE(out, "ScatterND", fv__out_plain(out, 0),
                         wide_indices(out, fv__out_plain(out, 1)),
                         fv__out_plain(out, 2));
        write_reduction(out, a->reduction);
        fv__out_set_plain(out, 0, y);
        return;
    }
    fv__out_value *x = fv__out_any(out, 0, &form);
    y = FV__OUT_NODE(out, "ScatterElements", x, alike(out, 1, form),
                     alike(out, 2, form));
    fv__out_int(out, "axis", fv__out_at(form, axis_of(a, form)));
    write_reduction(out, a->reduction);
    fv__out_set(out, 0, y, form->order);
}

void fv__out_one_hot(fv__out *out)
{
    const fv__one_hot *a = out->node->attributes, *b = out->twin->attributes;
    const int64_t two = 2;
    const fv_tensor values = fv__out_tensor(out, out->context->dtype, 1, &two);
    if (values.rank < 0) return;
    fv__real_set(out->context, values.data, 0, a->off);
    fv__real_set(out->context, values.data, 1, a->on);
    if (a->depth != b->depth)
        fv__out_refuse(out, "the depth depends on the batch or on open sizes");
    fv__out_value *y = FV__OUT_NODE(out, "OneHot", fv__out_plain(out, 0),
                                    fv__out_whole(out, "depth", a->depth),
                                    fv__out_data(out, "off_on", &values));
    fv__out_int(out, "axis", a->axis);
    fv__out_set_plain(out, 0, y);
}
