/* Images of data sets as pictures, and pictures within the page. */
#include "cli/report.h"

#include <math.h>
#include <string.h>

enum { SMALL = 64 };
/* Pictures in a page, as text; after that they are left out. */
static const size_t most_bytes = (size_t)4 << 20;

static bool is_picture(const fv_tensor *image)
{
    return image->rank == 3 && image->dtype == FV_U8;
}

/* A picture in grey (ITU-R 601) for a network that takes one channel, or in
 * colours for one that takes three; frees the other. */
static fv_tensor with_channels(cli_report *r, fv_tensor *picture,
                               int64_t channels)
{
    const int64_t *size = picture->shape;
    const unsigned char *from = picture->data;
    fv_tensor made = fv_tensor_new(r->context, FV_U8, 3,
                                   (int64_t[]){ size[0], size[1], channels });
    unsigned char *to = made.data;
    for (int64_t i = 0; to && i < size[0] * size[1]; i++) {
        if (channels == 1)
            to[i] =
                (unsigned char)((19595 * from[3 * i] + 38470 * from[3 * i + 1]
                                 + 7471 * from[3 * i + 2] + 32768)
                                >> 16);
        else
            to[3 * i] = to[3 * i + 1] = to[3 * i + 2] = from[i];
    }
    fv_tensor_free(r->context, picture);
    return made;
}

/* Reads an image: FV_U8 [rows, columns, channels] with the channels that the
 * network takes, unless its transforms see to that, or as it is stored. */
static fv_tensor read_item(cli_report *r, const fv_dataset *dataset,
                           int64_t index)
{
    const fv_shape input = fv_network_input_shape(r->network);
    const bool first = fv_context_layout(r->context) == FV_NCHW;
    fv_tensor image = fv_dataset_read(dataset, index, NULL);
    if (!is_picture(&image) || input.rank != 3
        || strstr(fv_network_augment_text(r->network), "augment grey"))
        return image;
    const int64_t channels = input.extent[first ? 0 : 2];
    if ((channels == 1 && image.shape[2] == 3)
        || (channels == 3 && image.shape[2] == 1))
        return with_channels(r, &image, channels);
    return image;
}

int64_t cli_report_label(cli_report *r, int64_t index)
{
    const fv_tensor *labels = fv_dataset_labels(r->test);
    int64_t label = -1;
    fv_tensor target = { .rank = -1 };
    if (labels) return ((const int64_t *)labels->data)[index];
    fv_tensor image = fv_dataset_read(r->test, index, &target);
    if (target.data) label = *(const int64_t *)target.data;
    fv_tensor_free(r->context, &image);
    fv_tensor_free(r->context, &target);
    return label;
}

fv_tensor cli_report_input(cli_report *r, const fv_dataset *dataset,
                           int64_t index)
{
    int64_t shape[FV_MAX_RANK] = { 1 }, label = 0;
    const fv_shape input = fv_network_input_shape(r->network);
    const fv_tensor labels = fv_tensor_of(&label, FV_I64, 1, shape);
    fv_tensor image = read_item(r, dataset, index);
    if (is_picture(&image)) {
        const fv_tensor made = fv_network_prepare(r->network, &image);
        fv_tensor_free(r->context, &image);
        return made;
    }
    fv_tensor_free(r->context, &image);
    for (int32_t i = 0; i < input.rank; i++) shape[i + 1] = input.extent[i];
    image = fv_tensor_new(r->context, fv_context_dtype(r->context),
                          input.rank + 1, shape);
    fv_dataset_batch(dataset, &index, 1, &image, &labels);
    return image;
}

/* Element (row, column, channel) of an image [1, h, w, c] or [1, c, h, w]. */
static double value_at(const fv_tensor *image, bool channels_first, int64_t row,
                       int64_t column, int64_t channel)
{
    const int64_t *s = image->stride;
    const int64_t at = channels_first
                           ? channel * s[1] + row * s[2] + column * s[3]
                           : row * s[1] + column * s[2] + channel * s[3];
    return image->dtype == FV_F64 ? ((const double *)image->data)[at]
                                  : (double)((const float *)image->data)[at];
}

/* The image in bytes: of values from 0 to 1 as they are, others from the
 * smallest to the largest. */
static fv_tensor bytes_of(cli_report *r, const fv_tensor *image)
{
    const bool first = fv_context_layout(r->context) == FV_NCHW;
    const int64_t rows = image->shape[first ? 2 : 1];
    const int64_t columns = image->shape[first ? 3 : 2];
    const int64_t channels = image->shape[first ? 1 : 3] == 3 ? 3 : 1;
    const int64_t count = rows * columns * channels;
    double least = 0, most = 1;
    fv_tensor picture = fv_tensor_new(r->context, FV_U8, 3,
                                      (int64_t[]){ rows, columns, channels });
    unsigned char *to = picture.data;
    for (int64_t i = 0; to && i < count; i++) {
        const double v = value_at(image, first, i / channels / columns,
                                  i / channels % columns, i % channels);
        least = fmin(least, v), most = fmax(most, v);
    }
    for (int64_t i = 0; to && i < count; i++) {
        const double v = value_at(image, first, i / channels / columns,
                                  i / channels % columns, i % channels);
        const double share = (v - least) / (most - least);
        to[i] = (unsigned char)(255 * (share >= 0 ? share : 0) + 0.5);
    }
    return picture;
}

/* A picture of 1 or 3 channels: of others, the first one. */
static fv_tensor shown(cli_report *r, fv_tensor *picture)
{
    const int64_t channels = picture->shape[2];
    if (channels == 1 || channels == 3) return *picture;
    const fv_tensor first = fv_tensor_slice(r->context, picture, 2, 0, 1, 1);
    const fv_tensor copy = fv_tensor_dup(r->context, &first);
    fv_tensor_free(r->context, picture);
    return copy;
}

fv_tensor cli_report_picture(cli_report *r, const fv_dataset *dataset,
                             int64_t index, cli_view view, int64_t epoch)
{
    fv_tensor image = read_item(r, dataset, index), picture = image;
    if (is_picture(&image) && view != CLI_AS_STORED) {
        picture = fv_network_transform(r->network, &image,
                                       view == CLI_AS_TRAINED, epoch, index);
        fv_tensor_free(r->context, &image);
    }
    if (fv_failed(r->context)) return picture;
    if (is_picture(&picture)) return shown(r, &picture);
    fv_tensor_free(r->context, &image);
    image = cli_report_input(r, dataset, index);
    if (!fv_failed(r->context) && image.rank == 4)
        picture = bytes_of(r, &image);
    else if (!fv_failed(r->context))
        fv_fail(r->context, FV_UNSUPPORTED,
                "inputs of this network are no pictures");
    fv_tensor_free(r->context, &image);
    return picture;
}

fv_tensor cli_picture_shrink(fv_context *context, fv_tensor *picture,
                             int64_t most)
{
    const int64_t rows = picture->shape[0], columns = picture->shape[1];
    const int64_t longer = rows > columns ? rows : columns;
    if (fv_failed(context) || longer <= most) return *picture;
    const int64_t less_rows = rows * most / longer;
    const int64_t less_columns = columns * most / longer;
    const fv_tensor less =
        fv_image_resize(context, picture, less_rows ? less_rows : 1,
                        less_columns ? less_columns : 1, FV_RESAMPLE_AREA);
    fv_tensor_free(context, picture);
    return less;
}

/* Writes bytes in base64. */
static void put_base64(cli_page *page, const unsigned char *at, size_t bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrs"
                                 "tuvwxyz0123456789+/";
    char text[4];
    for (size_t i = 0; page->file && i < bytes; i += 3) {
        const unsigned second = i + 1 < bytes ? at[i + 1] : 0;
        const unsigned third = i + 2 < bytes ? at[i + 2] : 0;
        const unsigned bits = (unsigned)at[i] << 16 | second << 8 | third;
        text[0] = digits[bits >> 18];
        text[1] = digits[bits >> 12 & 63];
        text[2] = i + 1 < bytes ? digits[bits >> 6 & 63] : '=';
        text[3] = i + 2 < bytes ? digits[bits & 63] : '=';
        cli_put_bytes(page, text, sizeof text);
    }
}

void cli_put_picture(cli_report *r, fv_tensor *picture, int size,
                     const char *description)
{
    fv_context *context = r->context;
    fv_tensor png = { .rank = -1 };
    cli_page *page = &r->page;
    const int64_t rows = picture->shape[0], columns = picture->shape[1];
    if (!fv_failed(context) && page->picture_bytes < most_bytes)
        png = fv_image_encode(context, picture);
    if (png.data) {
        const size_t bytes = (size_t)png.shape[0];
        const int64_t longer = rows > columns ? rows : columns;
        const int64_t most = size ? size : longer;
        const int64_t wide = (most * columns + longer / 2) / longer;
        const int64_t high = (most * rows + longer / 2) / longer;
        page->picture_bytes += bytes / 3 * 4;
        cli_put(page, "<img width=\"%lld\" height=\"%lld\"%s alt=\"",
                (long long)(wide ? wide : 1), (long long)(high ? high : 1),
                columns <= SMALL && wide > columns ? " class=\"px\"" : "");
        cli_put_text(page, description);
        cli_put(page, "\" src=\"data:image/png;base64,");
        put_base64(page, png.data, bytes);
        cli_put(page, "\">");
    }
    fv_tensor_free(context, &png);
    fv_tensor_free(context, picture);
}

void cli_put_answer(cli_report *r, int64_t answer, int size)
{
    char label[CLI_CELL], taken[CLI_CELL], text[4 * CLI_CELL];
    const cli_answers *a = &r->answers;
    const bool right =
        cli_answer_label(a, answer) == cli_answer_class(a, answer);
    const int64_t image = cli_answer_image(a, answer);
    cli_report_class(r, cli_answer_label(a, answer), label);
    cli_report_class(r, cli_answer_class(a, answer), taken);
    snprintf(text, sizeof text, "image %lld: %s%s%s", (long long)image, label,
             right ? "" : ", taken for ", right ? "" : taken);
    fv_tensor picture = cli_report_picture(r, r->test, image, CLI_AS_STORED, 0);
    picture = cli_picture_shrink(r->context, &picture, size * 4 / 3);
    if (fv_failed(r->context)) return;
    cli_put(&r->page, "<figure class=\"answer\" title=\"");
    cli_put_text(&r->page, text);
    cli_put(&r->page, "\">");
    cli_put_picture(r, &picture, size, text);
    cli_put(&r->page, "<figcaption><b>");
    cli_put_text(&r->page, taken);
    cli_put(&r->page, "</b>");
    if (!right) {
        cli_put(&r->page, "<span>is ");
        cli_put_text(&r->page, label);
        cli_put(&r->page, "</span>");
    }
    if (a->probabilities)
        cli_put(&r->page, "<span>%.1f %%</span>",
                100 * cli_answer_certainty(a, answer));
    cli_put(&r->page, "</figcaption></figure>\n");
}
