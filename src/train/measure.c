/* Mean and deviation of training images, for lines `augment normalise auto`. */
#include "train/train.h"

#include "data/data.h"

/* Channels as pictures from files are read for the network; 0: their own. */
static int32_t channels_for(const fv_network *network,
                            const fv_dataset *dataset)
{
    const fv_shape in = fv_network_input_shape(network);
    const bool planar = network->context->layout == FV_NCHW;
    const fv__size size = fv__transforms_size(&network->transforms,
                                              FV__TRAINING, (fv__size){ 0 });
    if (!dataset->decodes || dataset->channels || in.rank != 3 || size.channels)
        return dataset->channels;
    const int64_t channels = in.extent[planar ? 0 : 2];
    return channels == 1 || channels == 3 ? (int32_t)channels : 0;
}

fv_status fv_network_measure(fv_network *network, const fv_dataset *dataset)
{
    double mean[FV_ITEM_CHANNELS], deviation[FV_ITEM_CHANNELS];
    if (!network || !dataset) return FV_MISUSE;
    fv_context *context = network->context;
    if (!fv__ok(context) || !fv__transforms_measure(&network->transforms))
        return fv_failed(context);
    const fv_moments moments =
        fv__dataset_moments(dataset, channels_for(network, dataset));
    if (!fv__ok(context)) return fv_failed(context);
    for (int32_t c = 0; c < moments.channels; c++) {
        mean[c] = fv_moments_mean(&moments, c);
        deviation[c] = fv_moments_deviation(&moments, c);
        if (!(deviation[c] > 0)) deviation[c] = 1; /* all values are equal */
    }
    return fv__network_set_moments(network, moments.channels, mean, deviation);
}
