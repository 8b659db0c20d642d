/* fv_network_save_onnx: the operators of a network become the nodes of an ONNX
 * graph, one after the other. */
#include "onnx/out/out.h"
#include "onnx/onnx.h"

#include <string.h>

/* The newest operator set whose operators have been run against these. */
enum { OLDEST_OPSET = 13, NEWEST_OPSET = 28 };

static fv_status write_step(fv__out *out, int32_t index)
{
    const int32_t place = out->places[index];
    out->node = out->records[0].nodes[index];
    out->twin = out->records[1].nodes[index];
    out->stem = out->network->places[place].layer->name;
    fv__out_emit *emit = fv__out_emitter(out->node->op);
    out->refuses = false;
    if (emit)
        emit(out);
    else
        fv__out_refuse(out, "%s has no form in ONNX", out->node->op->name);
    if (!out->refuses) return fv_failed(out->context);
    /* what reads the results is looked at all the same */
    for (int32_t k = 0; k < out->node->num_outputs; k++)
        fv__out_set_plain(out, k, FV__OUT_NODE(out, "Identity", NULL));
    return fv_failed(out->context);
}

/* ---- inputs and outputs -------------------------------------------------- */

static fv_status write_inputs(fv__out *out)
{
    const fv_network *network = out->network;
    for (int32_t k = 0; fv__network_input(network, k) >= 0; k++) {
        const int32_t result = fv__network_input(network, k);
        const fv__result *r = &network->results[result];
        const fv_variable *variable = out->results[0][result];
        fv__out_entry *entry = fv__out_entry_of(out, variable);
        fv__out_value *value = fv__out_memory(out, sizeof *value);
        fv__out_form *form = fv__out_memory(out, sizeof *form);
        if (!entry || !value || !form
            || !fv__out_append(out, &out->inputs, value))
            return fv_failed(out->context);
        value->stem = network->places[r->place].layer->name;
        value->input = true;
        form->value = value;
        form->rank = variable->value.rank;
        if (r->batched && fv__dtype_is_real(r->dtype))
            fv__out_first(form->rank, form->order);
        else
            fv__out_same(form->rank, form->order);
        entry->forms = form;
    }
    return FV_OK;
}

/* Refuses an output that is known, but not for all batches and sizes. */
static void check_known(fv__out *out, int32_t result)
{
    const fv_variable *a = out->results[0][result];
    const fv_variable *b = out->results[1][result];
    if (a->constant
        && (!fv_tensor_same_shape(&a->value, &b->value)
            || memcmp(a->value.data, b->value.data, fv__tensor_bytes(&a->value))
                   != 0))
        fv__out_refuse(out, "an output is known, but depends on the batch or "
                            "on open sizes");
}

/* Softmax or sigmoid of outputs that a loss takes as logits. */
static fv__out_value *probabilities(fv__out *out, fv__out_value *value,
                                    int32_t rank, bool first)
{
    const fv_meaning meaning = fv_network_meaning(out->network);
    if (!out->options.softmax) return value;
    if (meaning == FV_MEANS_LOG_ODDS)
        return FV__OUT_NODE(out, "Sigmoid", value);
    if (meaning == FV_MEANS_LOG_PROBABILITIES)
        return FV__OUT_NODE(out, "Exp", value);
    if (meaning != FV_MEANS_LOGITS) return value;
    value = FV__OUT_NODE(out, "Softmax", value);
    fv__out_int(out, "axis", first && rank > 2 ? 1 : rank - 1);
    return value;
}

static bool is_listed(const fv__out_list *list, const fv__out_value *value)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->at[i] == value) return true;
    return false;
}

static fv_status write_outputs(fv__out *out)
{
    const fv_network *network = out->network;
    for (int32_t k = 0; fv__network_output(network, k) >= 0; k++) {
        const int32_t result = fv__network_output(network, k);
        const fv__result *r = &network->results[result];
        const fv_variable *variable = out->results[0][result];
        const int32_t rank = variable->value.rank;
        const bool first = r->batched && fv__dtype_is_real(r->dtype);
        int32_t order[FV_MAX_RANK];
        out->node = out->twin = NULL;
        out->stem = network->places[r->place].layer->name;
        if (first)
            fv__out_first(rank, order);
        else
            fv__out_same(rank, order);
        fv__out_value *value = fv__out_read(out, variable, rank, order);
        check_known(out, result);
        if (!value && fv__ok(out->context)) fv__out_refuse(out, "no value");
        if (value && k == 0) value = probabilities(out, value, rank, first);
        if (value
            && (value->input || value->data || is_listed(&out->outputs, value)))
            value = FV__OUT_NODE(out, "Identity", value);
        if (!value || !fv__out_append(out, &out->outputs, value))
            return fv_failed(out->context);
        value->stem = out->stem;
        value->number = 0;
        value->ending = NULL;
    }
    return FV_OK;
}

static fv_status refusal(fv__out *out)
{
    if (!fv__ok(out->context) || !out->refused.length)
        return fv_failed(out->context);
    return fv_fail(out->context, FV_UNSUPPORTED,
                   "onnx: cannot be written for operator set %d: %s",
                   (int)out->opset, out->refused.at);
}

static fv_status build(fv__out *out)
{
    if (fv__out_record(out) != FV_OK || write_inputs(out) != FV_OK)
        return fv_failed(out->context);
    for (int32_t i = 0; i < out->records[0].count; i++)
        if (out->needed[i] && write_step(out, i) != FV_OK)
            return fv_failed(out->context);
    if (refusal(out) == FV_OK) write_outputs(out);
    return refusal(out);
}

static fv_status check_options(fv__out *out)
{
    const fv_onnx_save_options *o = &out->options;
    out->opset = o->opset ? o->opset : NEWEST_OPSET;
    if (out->opset < OLDEST_OPSET || out->opset > NEWEST_OPSET)
        return fv_fail(out->context, FV_MISUSE,
                       "onnx: operator set %d, expected %d to %d", o->opset,
                       OLDEST_OPSET, NEWEST_OPSET);
    if (o->batch < 0)
        return fv_fail(out->context, FV_MISUSE,
                       "onnx: batch %lld, expected 0 (open) or more",
                       (long long)o->batch);
    return FV_OK;
}

fv_status fv__onnx_save(fv_network *network, const char *path,
                        const fv_onnx_save_options *options)
{
    fv_context *context = network->context;
    fv__out out = {
        .context = context,
        .network = network,
        .options = *options,
        .arena = { .context = context, .account = FV__DATA },
        .refused = { .context = context, .account = FV__DATA },
    };
    if (check_options(&out) == FV_OK && fv__network_draw(network) == FV_OK
        && build(&out) == FV_OK)
        fv__out_write(&out, path);
    fv__text_free(&out.refused);
    fv__out_record_free(&out);
    fv__arena_free(&out.arena);
    return fv_failed(context);
}
