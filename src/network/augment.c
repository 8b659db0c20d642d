/* Transforms of pictures in front of a network: lines added, checked against
 * its input, and applied to one picture. */
#include "network/network.h"

#include <stdio.h>
#include <string.h>

/* ---- lines ----------------------------------------------------------------
 */

/* Texts that have been made are made anew. */
static void forget_texts(fv_network *network)
{
    fv__release(network->context, network->text);
    fv__release(network->context, network->transforms_text);
    network->text = network->transforms_text = NULL;
}

fv_status fv_network_augment(fv_network *network, const char *transform)
{
    if (!network || !fv__ok(network->context)) return FV_MISUSE;
    fv_context *context = network->context;
    if (!transform || strchr(transform, '\n'))
        return fv_fail(context, FV_MISUSE, "augment: the line is %s",
                       transform ? "more than one" : "NULL");
    fv__words words = { .context = context,
                        .file = "augment",
                        .begin = transform,
                        .at = transform };
    if (fv__transforms_read(context, &network->transforms, &words) == FV_OK)
        forget_texts(network);
    return fv_failed(context);
}

fv_status fv_network_augment_none(fv_network *network)
{
    if (!network || !fv__ok(network->context)) return FV_MISUSE;
    fv__transforms_free(network->context, &network->transforms);
    forget_texts(network);
    return FV_OK;
}

fv_status fv__network_set_moments(fv_network *network, int32_t channels,
                                  const double mean[], const double deviation[])
{
    if (!channels)
        return fv_fail(network->context, FV_MISUSE,
                       "normalise: there are no images to be measured");
    forget_texts(network);
    return fv__transforms_set_moments(network->context, &network->transforms,
                                      channels, mean, deviation);
}

const char *fv_network_augment_text(fv_network *network)
{
    if (!network || !fv__ok(network->context)) return "";
    fv__text text = { .context = network->context, .account = FV__DATA };
    if (!network->transforms_text && network->transforms.count) {
        fv__transforms_write(&network->transforms, &text);
        if (!fv__ok(network->context)) fv__text_free(&text);
        network->transforms_text = text.at;
    }
    return network->transforms_text ? network->transforms_text : "";
}

/* ---- checks ---------------------------------------------------------------
 */

/* The input as rows, columns and channels, 0 where they are open; false if it
 * is no picture. */
static bool find_input(const fv_network *network, fv__size *size)
{
    const int32_t result = fv__network_input(network, 0);
    if (result < 0 || network->num_inputs != 1) return false;
    const fv_shape *shape = &network->results[result].shape;
    if (shape->rank != 3 || !network->results[result].batched
        || network->results[result].dtype != network->context->dtype)
        return false;
    *size =
        (fv__size){ fv__max(0, shape->extent[0]), fv__max(0, shape->extent[1]),
                    fv__max(0, shape->extent[2]) };
    return true;
}

static bool differ(int64_t a, int64_t b) { return a && b && a != b; }

/* Refuses lines of a stage that make another size than the input. */
static fv_status check_stage(const fv_network *network, fv__stage stage,
                             const fv__size *input)
{
    const fv__size made =
        fv__transforms_size(&network->transforms, stage, (fv__size){ 0 });
    const char *name = stage == FV__TRAINING ? "training" : "evaluation";
    const fv_shape shape = fv_network_input_shape(network);
    char takes[FV__SHAPE_BYTES];
    fv__shape_show(takes, &shape);
    if (differ(made.rows, input->rows) || differ(made.columns, input->columns))
        return fv_fail(network->context, FV_MISUSE,
                       "augment: the transforms of %s make %lld rows x %lld "
                       "columns, the network takes %s",
                       name, (long long)made.rows, (long long)made.columns,
                       takes);
    if (!differ(made.channels, input->channels)) return FV_OK;
    return fv_fail(network->context, FV_MISUSE,
                   "augment: the transforms of %s make %lld channels, the "
                   "network takes %s",
                   name, (long long)made.channels, takes);
}

fv_status fv__network_check_transforms(const fv_network *network)
{
    fv__size input;
    if (!network->transforms.count) return FV_OK;
    if (!find_input(network, &input))
        return fv_fail(network->context, FV_MISUSE,
                       "augment: transforms are for networks with one input of "
                       "rows, columns and channels");
    if (check_stage(network, FV__TRAINING, &input) == FV_OK)
        check_stage(network, FV__EVALUATION, &input);
    return fv_failed(network->context);
}

fv_status fv__network_check_mixing(const fv_network *network)
{
    if (!fv__transforms_mix_batches(&network->transforms)) return FV_OK;
    const int32_t place = fv__network_loss_place(network);
    const fv_layer *loss = place < 0 ? NULL : network->places[place].layer;
    const int32_t output = fv__network_output(network, 0);
    if (!loss)
        return fv_fail(network->context, FV_MISUSE,
                       "augment: batches are mixed, and the network has no "
                       "loss");
    if (loss->type->target != FV__TARGET_CLASSES
        && loss->type->target != FV__TARGET_VALUES)
        return fv_fail(network->context, FV_MISUSE,
                       "augment: batches are mixed, and %s takes class indices "
                       "only",
                       loss->name);
    if (output < 0 || network->results[output].shape.rank != 1)
        return fv_fail(
            network->context, FV_MISUSE,
            "augment: batches are mixed, and %s is not of one row of "
            "classes for an image",
            loss->name);
    return FV_OK;
}

/* ---- one picture ----------------------------------------------------------
 */

/* Refuses a transformed picture that is no input of the network. */
static fv_status check_fits(const fv_network *network, const fv_tensor *picture,
                            const fv__size *input)
{
    const int64_t *is = picture->shape;
    char takes[64], remedy[128] = "";
    if (input->rows && input->columns)
        snprintf(remedy, sizeof remedy,
                 "; a line \"augment resize %lld %lld\" in it would resize "
                 "images",
                 (long long)input->rows, (long long)input->columns);
    snprintf(takes, sizeof takes, "%lld x %lld",
             (long long)(input->rows ? input->rows : is[0]),
             (long long)(input->columns ? input->columns : is[1]));
    if (differ(is[0], input->rows) || differ(is[1], input->columns))
        return fv_fail(network->context, FV_MISUSE,
                       "network: the image has %lld rows x %lld columns, the "
                       "network takes %s%s",
                       (long long)is[0], (long long)is[1], takes, remedy);
    if (!differ(is[2], input->channels)) return FV_OK;
    return fv_fail(network->context, FV_MISUSE,
                   "network: the image has %lld channels, the network takes "
                   "%lld",
                   (long long)is[2], (long long)input->channels);
}

/* Transforms the picture of an example and converts it. */
static fv_tensor prepare(const fv_network *network, fv__example *example,
                         const fv__size *input)
{
    fv_context *context = network->context;
    const fv__transforms *list = &network->transforms;
    const fv_tensor *picture = &example->image.tensor;
    fv_tensor made = fv__tensor_failed();
    if (fv__transforms_act(list, FV__EVALUATION))
        fv__transforms_apply(list, FV__EVALUATION, context->seed, 0, 0,
                             example);
    if (!fv__ok(context) || check_fits(network, picture, input) != FV_OK)
        return made;
    const bool planes = context->layout == FV_NCHW;
    const int64_t *size = picture->shape;
    const int64_t shape[] = { 1, planes ? size[2] : size[0],
                              planes ? size[0] : size[1],
                              planes ? size[1] : size[2] };
    made = fv_tensor_new(context, context->dtype, 4, shape);
    if (made.rank < 0
        || fv__transforms_convert(list, FV__EVALUATION, context, picture,
                                  made.data)
               == FV_OK)
        return made;
    fv_tensor_free(context, &made);
    return fv__tensor_failed();
}

static bool check_picture(fv_context *context, const fv_tensor *picture)
{
    if (!fv__tensor_check(context, "network", picture)) return false;
    if (picture->rank == 3 && fv_tensor_is_contiguous(picture)) return true;
    fv_fail(context, FV_MISUSE,
            "network: a picture has 3 axes, rows, columns and channels, in "
            "row-major order");
    return false;
}

fv_tensor fv_network_transform(fv_network *network, const fv_tensor *picture,
                               int training, int64_t epoch, int64_t index)
{
    fv_tensor made = fv__tensor_failed();
    if (!network || !fv__ok(network->context)) return made;
    fv_context *context = network->context;
    fv__example example = { .context = context };
    if (!check_picture(context, picture)) return made;
    if (picture->dtype != FV_U8) {
        fv_fail(context, FV_MISUSE, "network: a picture of %s, expected u8",
                fv_dtype_name(picture->dtype));
        return made;
    }
    fv__frame_view(&example.image, picture);
    fv__transforms_apply(
        &network->transforms, training ? FV__TRAINING : FV__EVALUATION,
        context->seed, (uint64_t)epoch, (uint64_t)index, &example);
    if (fv__ok(context)) made = fv_tensor_dup(context, &example.image.tensor);
    fv__example_free(&example);
    return made;
}

fv_tensor fv_network_prepare(fv_network *network, const fv_tensor *picture)
{
    fv_tensor made = fv__tensor_failed();
    fv__size input;
    if (!network || !fv__ok(network->context)) return made;
    fv_context *context = network->context;
    fv__example example = { .context = context };
    if (!check_picture(context, picture)) return made;
    if (!find_input(network, &input)) {
        fv_fail(context, FV_MISUSE, "network: it does not take one picture");
        return made;
    }
    if (fv__network_check_transforms(network) != FV_OK) return made;
    fv__frame_view(&example.image, picture);
    made = prepare(network, &example, &input);
    fv__example_free(&example);
    return made;
}
