/* Grad-CAM, saliency and occlusion agree with PyTorch. */
#include "oracle.h"

typedef fv_tensor explain_function(fv_network *network, const fv_tensor *image,
                                   int64_t class_index,
                                   const fv_explain_options *options);

/* The map has the stored numbers; it is of single precision in any context. */
static void check(oracle *o, int number, const char *name,
                  explain_function *function, fv_network *net,
                  const fv_explain_options *options)
{
    fv_tensor image = oracle_image(o, oracle_find(o, number, "x"));
    const int64_t class_index = oracle_text(o, number, ".how")[0] - '0';
    fv_decision decision;
    fv_explain_options all = *options;
    all.raw = 1;
    all.decision = &decision;
    const fv_tensor map = function(net, &image, class_index, &all);
    assert_ok(o->context);
    const fv_tensor *expected = oracle_find(o, number, name);
    assert_true(fv_tensor_same_shape(&map, expected));
    fv_tensor a = fv_tensor_convert(o->context, &map, FV_F64);
    fv_tensor b = fv_tensor_convert(o->context, expected, FV_F64);
    fv_tensor score =
        fv_tensor_convert(o->context, oracle_find(o, number, "score"), FV_F64);
    const bool wide = o->setting->dtype == FV_F64;
    const double distance =
        oracle_distance(a.data, b.data, fv_tensor_count(&b));
    if (!(distance <= (wide ? 1e-6 : 1e-4)))
        fail_msg("%s: %s differs by %g", o->title, name, distance);
    assert_int_equal(decision.class_index, class_index);
    assert_near(decision.score, *(double *)score.data, wide ? 1e-12 : 1e-5);
}

static bool run_case(oracle *o, int number)
{
    const char *text = oracle_text(o, number, "");
    if (!text) return false;
    snprintf(o->title, sizeof o->title, "%s, case %d", o->setting->name,
             number);
    fv_network *net = oracle_network(o, oracle_find(o, number, "x"), text, "");
    const fv_variables parameters = fv_network_variables(net);
    assert_ok(o->context);
    for (int32_t i = 0; i < parameters.count; i++) {
        const fv_tensor value =
            oracle_weight(o, oracle_find_nth(o, number, "p", i));
        fv_variable_assign(parameters.at[i], &value);
    }
    fv_explain_options options = { .size = sizeof options, .layer = "here" };
    check(o, number, "cam", fv_grad_cam, net, &options);
    check(o, number, "guided", fv_saliency, net, &options);
    options.plain = 1;
    check(o, number, "plain", fv_saliency, net, &options);
    long long n[5];
    assert_int_equal(sscanf(oracle_text(o, number, ".how"),
                            "%lld %lld %lld %lld %lld %lf", &n[0], &n[1], &n[2],
                            &n[3], &n[4], &options.fill),
                     6);
    for (int k = 0; k < 2; k++) {
        options.window[k] = n[1 + k];
        options.stride[k] = n[3 + k];
    }
    check(o, number, "occlusion", fv_occlusion, net, &options);
    return true;
}

static void test_cases(void **state)
{
    (void)state;
    for (int setting = 0; setting < ORACLE_SETTINGS; setting++) {
        oracle o = oracle_open("explain", setting);
        int count = 0;
        while (run_case(&o, count)) count++;
        assert_int_equal(count, 4);
        oracle_close(&o);
    }
}

/* test_oracle_explain [FOLDER] */
int main(int argc, char **argv)
{
    if (argc > 1) oracle_folder = argv[1];
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
