/* `fovea layers augment`: the kinds of transforms of pictures, with their
 * options. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static void print_kind(int32_t index, bool markdown)
{
    const fv_transform_facts facts = fv_transform_at(index);
    printf(markdown ? "\n## %s\n\n%s. %s\n" : "%s: %s\n%s\n", facts.kind,
           facts.about, facts.notes);
    cli_print_options(fv_transform_option_at, index, markdown);
}

static void print_page(void)
{
    puts(
        "# Transforms of pictures\n\n"
        "A line `augment KIND [options]` of a network text, anywhere in it, is "
        "a transform\nof the pictures that the network is trained on, "
        "evaluated "
        "on or asked about:\n\n"
        "```net\ninput 224 224 3\naugment random_resized_crop 224\n"
        "augment flip\naugment color_jitter brightness=0.2,1.8 hue=0.05\n"
        "augment resize shorter=256 on=evaluation\n"
        "augment center_crop 224 on=evaluation\n"
        "augment normalise mean=0.485,0.456,0.406 std=0.229,0.224,0.225\n"
        "conv2d 32 3 stride=2\nrelu\nglobal_average_pool\nflatten\nlinear 10\n"
        "softmax_cross_entropy\n```\n\n"
        "Options that may stand by position come first, then `option=value`. "
        "Transforms\nact in the order of their lines; the layers do not see "
        "them. They are saved with\nthe model, so that `fovea predict` takes "
        "pictures of any size and prepares them as\nin evaluation. In C, "
        "`fv_network_augment()` adds a line and `fv_network_prepare()`\nmakes "
        "an "
        "input of a picture.\n\n"
        "- **When.** `on=training`, `on=evaluation` or `on=both`. Random "
        "transforms act in\n  training, others always, unless `on` says "
        "otherwise. What comes out must have the\n  size of the network's "
        "input.\n"
        "- **Bytes.** Transforms change pictures of bytes with 1 to 4 "
        "channels. "
        "Then values\n  become v / 255, and `normalise` follows. A second or "
        "fourth channel is opacity:\n  it moves with the picture, and keeps "
        "its "
        "values when colours change, but for blur\n  and noise.\n"
        "- **Masks** of a picture move with it, by nearest pixels; `mask_fill` "
        "is their number\n  for pixels from outside.\n"
        "- **Random numbers** are a function of the seed, the epoch, the index "
        "of the picture\n  in the data set and the number of the line, and of "
        "nothing else: not of the number\n  of threads, nor of the order in "
        "which pictures are read.\n"
        "- **Ranges** are uniform. One number of `degrees`, `shear` and `hue` "
        "stands for -n to n,\n  of brightness, contrast and saturation for 1 - "
        "n to 1 + n, of others for itself;\n  `degrees=5,10` are both ends.\n"
        "- **Batches.** `mixup` and `cutmix` mix each image of a batch with "
        "the "
        "one before, the\n  first with the last; targets become rows with a "
        "number for each class.\n\n"
        "This page is what `fovea layers augment --markdown` prints.");
    for (int32_t i = 0; fv_transform_at(i).kind; i++) print_kind(i, true);
}

int cli_transforms(const cli_options *options)
{
    const char *names[CLI_MOST_KINDS + 1] = { NULL };
    for (int32_t i = 0; i < CLI_MOST_KINDS && fv_transform_at(i).kind; i++)
        names[i] = fv_transform_at(i).kind;
    if (options->count > 1) {
        const int32_t found =
            cli_find_kind("transform", options->words[1], names);
        if (found < 0) return CLI_FAILED;
        print_kind(found, false);
    } else if (options->markdown) {
        print_page();
    } else {
        for (int32_t i = 0; names[i]; i++)
            printf("%-24s%s\n", names[i], fv_transform_at(i).about);
    }
    return CLI_DONE;
}
