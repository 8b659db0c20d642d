/* Reads picture files as input for a network. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

/* Begins the sentence of the pending failure with the name of the file. */
static void blame(fv_context *context, const char *path)
{
    char sentence[4 * CLI_TEXT];
    const fv_status status = fv_failed(context);
    if (status == FV_OK || strncmp(fv_error(context), path, strlen(path)) == 0)
        return;
    snprintf(sentence, sizeof sentence, "%s", fv_error(context));
    fv_clear_error(context);
    fv_fail(context, status, "%s: %s", path,
            sentence + (strncmp(sentence, "network: ", 9) == 0 ? 9 : 0));
}

fv_tensor cli_image_read(fv_context *context, const char *path,
                         fv_network *network, fv_tensor *picture)
{
    const fv_shape input = fv_network_input_shape(network);
    const fv_tensor none = { .rank = -1 };
    if (fv_failed(context)) return none;
    if (input.rank != 3)
        fv_fail(context, FV_MISUSE, "%s: the network does not take images",
                path);
    else if (input.extent[2] != 1 && input.extent[2] != 3)
        fv_fail(context, FV_UNSUPPORTED,
                "%s: the network takes %lld channels; images have 1 or 3", path,
                (long long)input.extent[2]);
    if (fv_failed(context)) return none;
    /* transforms work on bytes */
    *picture = fv_image_read(
        context, path,
        FV_OPTIONS(fv_image_options, .channels = (int32_t)input.extent[2],
                   .exact = !*fv_network_augment_text(network)));
    if (!picture->data) return none;
    const fv_tensor image = fv_network_prepare(network, picture);
    blame(context, path);
    return image;
}
