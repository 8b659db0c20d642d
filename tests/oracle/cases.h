/* Runs one stored case of a layer: forward, backward, and by plan. */
#ifndef FV_TESTS_ORACLE_CASES_H
#define FV_TESTS_ORACLE_CASES_H

#include "oracle.h"

/* Gives the layer the case's parameters and running statistics. */
static inline void case_begin(oracle *o, int number, fv_network *net)
{
    fv_variables parameters = fv_network_variables(net);
    assert_ok(o->context);
    for (int32_t i = 0; i < parameters.count; i++) {
        const fv_tensor *p = oracle_find_nth(o, number, "p", i);
        if (!p) fail_msg("%s: no parameter %d is stored", o->title, i);
        fv_tensor value = oracle_weight(o, p);
        fv_variable_assign(parameters.at[i], &value);
    }
    const fv_layer *layer = fv_network_layer(net, 1);
    for (int i = 0; i < 2; i++) {
        const fv_tensor *s = oracle_find_nth(o, number, "s", i);
        if (s) fv_variable_assign(layer->parameters[2 + i].variable, s);
    }
    const char *mode = oracle_text(o, number, ".mode");
    fv_training(o->context, !mode || !strcmp(mode, "training"));
}

/* What the backward pass begins with: the loss, or the sum of y dy. */
static inline fv_variable *case_result(oracle *o, int number, fv_network *net,
                                       fv_variable *y)
{
    const fv_tensor *target = oracle_find(o, number, "target");
    if (target) return fv_network_loss(net, y, target);
    fv_tensor image = oracle_image(o, oracle_find(o, number, "dy"));
    fv_tensor dy =
        fv_tensor_convert(o->context, &image, fv_context_dtype(o->context));
    fv_variable *sum = fv_sum(fv_mul(y, fv_constant(o->context, &dy)));
    fv_tensor_free(o->context, &dy);
    return sum;
}

static inline void case_gradients(oracle *o, int number, fv_network *net,
                                  fv_variable *x)
{
    fv_tensor dx = oracle_image(o, oracle_find(o, number, "dx"));
    oracle_agree(o, "dx", fv_variable_grad(x), &dx);
    fv_variables parameters = fv_network_variables(net);
    for (int32_t i = 0; i < parameters.count; i++) {
        fv_tensor d = oracle_weight(o, oracle_find_nth(o, number, "d", i));
        oracle_agree(o, i ? "gradient of the bias" : "gradient of the weight",
                     fv_variable_grad(parameters.at[i]), &d);
    }
    const fv_layer *layer = fv_network_layer(net, 1);
    for (int i = 0; i < 2; i++) {
        const fv_tensor *t = oracle_find_nth(o, number, "t", i);
        if (t)
            oracle_agree(o, i ? "running variance" : "running mean",
                         fv_variable_value(layer->parameters[2 + i].variable),
                         t);
    }
}

/* The planned evaluation gives the same y. */
static inline void case_planned(oracle *o, fv_network *net,
                                const fv_tensor *images,
                                const fv_tensor *expected)
{
    fv_tensor y = fv_tensor_new(o->context, fv_context_dtype(o->context),
                                expected->rank, expected->shape);
    fv_network_predict(net, images, &y);
    oracle_agree(o, "planned y", &y, expected);
    fv_tensor_free(o->context, &y);
}

/* False after the last case. `more` is added to the layer's line. */
static inline bool case_run(oracle *o, int number, const char *more)
{
    const char *text = oracle_text(o, number, "");
    if (!text) return false;
    snprintf(o->title, sizeof o->title, "%s, case %d: %s%s", o->setting->name,
             number, text, more);
    const fv_tensor *stored = oracle_find(o, number, "x");
    fv_tensor images = oracle_image(o, stored);
    fv_tensor expected = oracle_image(o, oracle_find(o, number, "y"));
    fv_network *net = oracle_network(o, stored, text, more);
    case_begin(o, number, net);
    fv_variable *x = fv_variable_new(o->context, &images);
    fv_variable *y = fv_network_forward(net, x);
    fv_variable *result = case_result(o, number, net, y);
    bool loss = oracle_find(o, number, "target") != NULL;
    if (loss)
        oracle_agree(
            o, "loss",
            fv_variable_value(fv_reshape(result, 1, (const int64_t[]){ 1 })),
            &expected);
    else
        oracle_agree(o, "y", fv_variable_value(y), &expected);
    fv_backprop(result);
    case_gradients(o, number, net, x);
    const char *mode = oracle_text(o, number, ".mode");
    if (!loss && (!mode || strcmp(mode, "training") != 0))
        case_planned(o, net, &images, &expected);
    fv_forget(o->context);
    fv_variable_free(x);
    fv_network_free(net);
    assert_ok(o->context);
    return true;
}

/* Every case of a file in every setting; each number at least once. */
static inline void cases_run(const char *file, const char *more, int at_least)
{
    for (int setting = 0; setting < ORACLE_SETTINGS; setting++) {
        oracle o = oracle_open(file, setting);
        int number = 0;
        o.rounds = !strcmp(file, "convolution") && !*more;
        while (case_run(&o, number, more)) number++;
        if (number < at_least)
            fail_msg("%s: %d cases, expected %d at least", file, number,
                     at_least);
        print_message("%s%s: %d cases in %s, worst error %.1e\n", file, more,
                      number, o.setting->name, o.worst);
        oracle_close(&o);
    }
}

#endif
