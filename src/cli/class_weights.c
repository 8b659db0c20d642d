/* Weights of classes, for the loss. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

enum { NUMBER_BYTES = 32 };

/* Appends " class_weights=..." of the images of each class. */
static void add_balanced(const fv_dataset *dataset, char *text)
{
    const int64_t n = fv_dataset_count(dataset);
    const int64_t classes = fv_dataset_classes(dataset);
    const int64_t *labels = fv_dataset_labels(dataset)->data;
    text += sprintf(text, " class_weights=");
    for (int64_t c = 0; c < classes; c++) {
        int64_t count = 0;
        for (int64_t i = 0; i < n; i++) count += labels[i] == c;
        const double weight =
            count ? (double)n / ((double)classes * (double)count) : 0;
        text += sprintf(text, "%s%.9g", c ? "," : "", weight);
    }
}

/* The line of the loss: that of the options, or the last of the network. */
static const char *loss_line(fv_network *network, const cli_options *o)
{
    const char *line = fv_network_text(network);
    if (o->loss) return o->loss;
    for (const char *next; (next = strchr(line, '\n')) && next[1];)
        line = next + 1;
    return line;
}

fv_network *cli_with_class_weights(fv_context *context, fv_network *network,
                                   const fv_dataset *dataset,
                                   const cli_options *o)
{
    if (!network || !dataset || !o->class_weights) return network;
    const char *line = loss_line(network, o);
    const size_t length = strcspn(line, "\n");
    const bool balanced = cli_same_word(o->class_weights, "balanced");
    if (balanced && !fv_dataset_labels(dataset)) {
        fv_fail(
            context, FV_MISUSE,
            "--class-weights balanced: the data has no class for each image");
        return network;
    }
    const int64_t bytes =
        (int64_t)(length + sizeof " class_weights="
                  + (balanced
                         ? (size_t)fv_dataset_classes(dataset) * NUMBER_BYTES
                         : strlen(o->class_weights)));
    fv_tensor memory = fv_tensor_new(context, FV_U8, 1, &bytes);
    char *text = memory.data;
    if (!text) return network;
    memcpy(text, line, length);
    text[length] = '\0';
    if (balanced)
        add_balanced(dataset, text + length);
    else
        sprintf(text + length, " class_weights=%s", o->class_weights);
    fv_network *made = fv_network_with_loss(network, text);
    fv_tensor_free(context, &memory);
    fv_network_free(network);
    return made;
}
