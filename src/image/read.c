/* Reads pictures: recognises the format, checks options and sizes, and hands
 * the work to the decoder of the format. */
#include "image/decode.h"

#include "tensor/tensor.h"

#include <fovea/function.h>

#include <string.h>

enum { NAME_BYTES = 512 };
static const int64_t default_pixels = (int64_t)1 << 26;
/* A file of more bytes is not read. */
static const size_t most_bytes = (size_t)1 << 30;

typedef struct format {
    fv_image_format format;
    const char *signature;
    size_t length;
    void (*decode)(fv__decoding *d);
    void (*info)(fv__decoding *d, fv_image_info *info);
} format;

static const format formats[] = {
    { FV_IMAGE_PNG, "\x89PNG\r\n\x1a\n", 8, fv__png_decode, fv__png_info },
    { FV_IMAGE_JPEG, "\xff\xd8\xff", 3, fv__jpeg_decode, fv__jpeg_info },
};

/* NULL after recording what the bytes are instead. */
static const format *recognise(const fv__decoding *d)
{
    const size_t count = sizeof formats / sizeof *formats;
    for (size_t i = 0; i < count; i++)
        if (d->size >= formats[i].length
            && memcmp(d->bytes, formats[i].signature, formats[i].length) == 0)
            return &formats[i];
    const char *kind = fv__file_kind(d->bytes, d->size);
    if (d->size == 0)
        fv_fail(d->context, FV_MALFORMED, "%s: the file is empty", d->name);
    else
        fv_fail(d->context, FV_MALFORMED,
                "%s: this is %s, not a PNG or JPEG picture", d->name,
                kind ? kind : "something else");
    return NULL;
}

/* ---- options ------------------------------------------------------------- */

static void take_options(fv__decoding *d, const fv_image_options *options)
{
    fv_image_options o = { 0 };
    if (!fv__options(d->context, d->name, options, &o, sizeof o)) return;
    if (o.channels != 0 && o.channels != 1 && o.channels != 3
        && o.channels != 4)
        fv_fail(d->context, FV_MISUSE,
                "%s: channels is %d, expected 1, 3 or 4, or 0 for those of "
                "the file",
                d->name, (int)o.channels);
    if (o.max_pixels < 0 || o.min_rows < 0 || o.min_columns < 0)
        fv_fail(d->context, FV_MISUSE,
                "%s: max_pixels is %lld, min_rows %lld, min_columns %lld, "
                "expected at least 0",
                d->name, (long long)o.max_pixels, (long long)o.min_rows,
                (long long)o.min_columns);
    for (int c = 0; c < 3; c++)
        d->background[c] = o.background ? o.background[c] : 255;
    d->channels = o.channels;
    d->max_pixels = fv__option_count(o.max_pixels, default_pixels);
    d->min_rows = o.min_rows;
    d->min_columns = o.min_columns;
    d->oriented = !o.ignore_orientation;
    d->exact = o.exact != 0;
    d->indices = o.indices != 0;
    if (d->indices) d->channels = 1;
}

/* ---- from bytes ---------------------------------------------------------- */

fv_tensor fv__image_decode(fv_context *context, const char *name,
                           const void *bytes, size_t size,
                           const fv_image_options *options, fv__pixels *to,
                           fv__pixels *scratch)
{
    char printable[NAME_BYTES];
    if (!fv__ok(context)) return fv__tensor_failed();
    if (!name) name = "image";
    fv__printable(name, strlen(name), printable, sizeof printable);
    fv__decoding d = { .context = context,
                       .name = printable,
                       .bytes = bytes,
                       .size = bytes ? size : 0,
                       .to = to,
                       .scratch = scratch,
                       .orientation = 1,
                       .result = fv__tensor_failed() };
    take_options(&d, options);
    const format *found = fv__ok(context) ? recognise(&d) : NULL;
    if (found) found->decode(&d);
    if (fv__ok(context)) return d.result;
    if (!to) fv_tensor_free(context, &d.result);
    return fv__tensor_failed();
}

fv_image_info fv__image_info(fv_context *context, const char *name,
                             const void *bytes, size_t size)
{
    char printable[NAME_BYTES];
    fv_image_info info = { 0 };
    if (!fv__ok(context)) return info;
    fv__printable(name, strlen(name), printable, sizeof printable);
    fv__decoding d = { .context = context,
                       .name = printable,
                       .bytes = bytes,
                       .size = size,
                       .orientation = 1 };
    const format *found = recognise(&d);
    if (found) found->info(&d, &info);
    if (!fv__ok(context)) return (fv_image_info){ 0 };
    if (!found) return info;
    info.format = found->format;
    const bool turned = d.orientation > 4;
    info.rows = turned ? d.columns : d.rows;
    info.columns = turned ? d.rows : d.columns;
    return info;
}

fv_tensor fv_image_decode(fv_context *context, const char *name,
                          const void *bytes, size_t size,
                          const fv_image_options *options)
{
    fv__pixels scratch = { 0 };
    const fv_tensor image =
        fv__image_decode(context, name, bytes, size, options, NULL, &scratch);
    fv__pixels_free(context, &scratch);
    return image;
}

/* ---- from files ---------------------------------------------------------- */

static void *read_file(fv_context *context, const char *path, size_t *size)
{
    fv__input input;
    if (fv__input_begin(&input, context, path) != FV_OK) return NULL;
    return fv__input_end(&input, most_bytes, size);
}

fv_tensor fv__image_read(fv_context *context, const char *path,
                         const fv_image_options *options, fv__pixels *to,
                         fv__pixels *scratch)
{
    size_t size = 0;
    void *bytes = read_file(context, path, &size);
    if (!bytes) return fv__tensor_failed();
    const fv_tensor image =
        fv__image_decode(context, path, bytes, size, options, to, scratch);
    fv__release(context, bytes);
    return image;
}

fv_tensor fv_image_read(fv_context *context, const char *path,
                        const fv_image_options *options)
{
    fv__pixels scratch = { 0 };
    const fv_tensor image =
        fv__image_read(context, path, options, NULL, &scratch);
    fv__pixels_free(context, &scratch);
    return image;
}

fv_image_info fv_image_probe(fv_context *context, const char *path)
{
    size_t size = 0;
    void *bytes = read_file(context, path, &size);
    if (!bytes) return (fv_image_info){ 0 };
    const fv_image_info info = fv__image_info(context, path, bytes, size);
    fv__release(context, bytes);
    return info;
}
