/* What a failure says about numbers that are not finite: the step, the layer
 * and the image that they come from. */
#include "nets.h"

static const char *const chain = "input 8 8 3\n"
                                 "conv2d 4 3 3 name=first\n"
                                 "relu\n"
                                 "conv2d 4 3 3 name=second\n"
                                 "relu\n"
                                 "flatten\n"
                                 "linear 4\n"
                                 "softmax_cross_entropy\n";

static fv_variable *parameter(fv_network *net, int64_t i)
{
    return fv_network_variables(net).at[i];
}

static void set_all(fv_variable *variable, double value)
{
    const fv_tensor *to = fv_variable_value(variable);
    for (int64_t i = 0; i < fv_tensor_count(to); i++)
        ((float *)to->data)[i] = (float)value;
}

/* Trains on 10 images for some epochs, 3 steps each, and once more after
 * `poison` has changed the network or image 7. */
static void check(const char *text, int64_t epochs,
                  void (*poison)(fv_network *net, float *at), int64_t micro,
                  const char *sentence)
{
    fv_context *ctx = NET_CONTEXT(.threads = 2, .seed = 3);
    fv_network *net = fv_network_parse(ctx, text, "net");
    fv_tensor images = net_images(ctx, 10), labels = net_labels(ctx, 10);
    fv_optimizer *sgd = fv_sgd(net, 1e-3);
    float *at = malloc(10 * NET_PIXELS * sizeof *at);
    assert_non_null(at);
    for (int64_t i = 0; i < 10 * NET_PIXELS; i++) at[i] = (float)net_number(i);
    fv_tensor single = images;
    single.dtype = FV_F32;
    single.data = at;
    if (epochs)
        fv_fit(net, sgd, fv_dataset_of(ctx, &single, &labels), .batch = 4,
               .epochs = epochs);
    assert_ok(ctx);
    poison(net, at);
    uint64_t before = net_digest(net);
    fv_fit(net, sgd, fv_dataset_of(ctx, &single, &labels), .batch = 10,
           .micro_batch = micro);
    assert_int_equal(fv_failed(ctx), FV_NOT_FINITE);
    assert_error(ctx, sentence);
    assert_true(net_digest(net) == before);
    free(at);
    fv_context_free(ctx);
}

static void poison_image(fv_network *net, float *at)
{
    (void)net;
    at[7 * NET_PIXELS + 11] = NAN;
}

static void poison_parameter(fv_network *net, float *at)
{
    (void)at;
    ((float *)fv_variable_value(parameter(net, 3))->data)[1] = INFINITY;
}

/* Two layers whose product overflows. */
static void enlarge(fv_network *net, float *at)
{
    (void)at;
    set_all(parameter(net, 0), 1e30);
    set_all(parameter(net, 2), 1e30);
}

static void enlarge_image(fv_network *net, float *at)
{
    (void)net;
    at[7 * NET_PIXELS + 11] = 3e38F;
    set_all(parameter(net, 0), 9);
}

/* An image of zeros, where the slope of a square root is infinite. */
static void empty_image(fv_network *net, float *at)
{
    set_all(parameter(net, 0), 0.25);
    for (int i = 0; i < 10 * NET_PIXELS; i++) at[i] = 0.5F;
    memset(at + 7 * NET_PIXELS, 0, NET_PIXELS * sizeof *at);
}

static void test_where_it_comes_from(void **state)
{
    (void)state;
    check(chain, 2, poison_image, 10,
          "train: the loss of step 7 is nan: the input is not finite for image "
          "7 of the data set");
    check(chain, 2, poison_parameter, 10,
          "train: the loss of step 7 is nan: a parameter of second is not "
          "finite");
    check(chain, 2, poison_parameter, 3,
          "train: the loss of step 7 is nan: a parameter of second is not "
          "finite");
    check(chain, 2, enlarge, 10,
          "train: the loss of step 7 is nan: the output of second is not "
          "finite for image 9 of the data set");
    check(chain, 2, enlarge_image, 10,
          "train: the loss of step 7 is nan: the output of first is not finite "
          "for image 7 of the data set");
    check(net_residual, 2, poison_image, 10,
          "train: the loss of step 7 is nan: the input is not finite for image "
          "7 of the data set");
    /* an output of 0, where the slope of a square root is infinite */
    check("input 8 8 3\nflatten\nlinear 4 bias=no\nsqrt\nlinear 4\nmse\n", 0,
          empty_image, 10,
          "train: a gradient of linear1 is not finite in step 1: sqrt1 passes "
          "back a gradient that is not finite for image 7 of the data set");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_where_it_comes_from),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
