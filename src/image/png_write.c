/* Writes pictures as PNG files with libpng. */
#include "image/image.h"

#include "tensor/tensor.h"

#include <string.h>

/* A file while it is made, in memory. */
typedef struct output {
    fv_context *context;
    fv_tensor image; /* contiguous */
    int32_t channels;
    unsigned char *at;
    size_t size, capacity;
} output;

#ifdef FOVEA_WITH_PNG
#include <png.h>

static void fail(png_struct *png, const char *message)
{
    const output *o = png_get_error_ptr(png);
    fv_fail(o->context, FV_LIMIT, "image: cannot encode as PNG: %s", message);
    png_longjmp(png, 1);
}

static void ignore(png_struct *png, const char *message)
{
    (void)png;
    (void)message;
}

static void *allocate(png_struct *png, size_t bytes)
{
    const output *o = png_get_mem_ptr(png);
    return fv__allocate(o->context, FV__DATA, bytes);
}

static void release(png_struct *png, void *memory)
{
    const output *o = png_get_mem_ptr(png);
    fv__release(o->context, memory);
}

static void append(png_struct *png, png_byte *from, size_t bytes)
{
    output *o = png_get_io_ptr(png);
    unsigned char *at =
        fv__grow(o->context, FV__DATA, o->at, o->size, bytes, 1, &o->capacity);
    if (!at) png_error(png, "no memory");
    o->at = at;
    memcpy(at + o->size, from, bytes);
    o->size += bytes;
}

static void flush(png_struct *png) { (void)png; }

static void encode_rows(const output *o, png_struct *png, png_info *info)
{
    static const int types[] = { 0, PNG_COLOR_TYPE_GRAY,
                                 PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                                 PNG_COLOR_TYPE_RGB_ALPHA };
    const fv_tensor *image = &o->image;
    if (setjmp(png_jmpbuf(png))) return;
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_IHDR(png, info, (png_uint_32)image->shape[1],
                 (png_uint_32)image->shape[0], 8, types[o->channels],
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    for (int64_t row = 0; row < image->shape[0]; row++)
        png_write_row(png, (const png_byte *)image->data
                               + row * image->shape[1] * o->channels);
    png_write_end(png, info);
}

static void encode(output *o)
{
    png_struct *png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, o, fail,
                                                ignore, o, allocate, release);
    png_info *info = png ? png_create_info_struct(png) : NULL;
    if (info) {
        png_set_write_fn(png, o, append, flush);
        encode_rows(o, png, info);
    } else {
        fv_fail(o->context, FV_NO_MEMORY, "image: no memory to encode it");
    }
    png_destroy_write_struct(&png, &info);
}

#else

static void encode(output *o)
{
    fv_fail(o->context, FV_UNSUPPORTED,
            "image: this build of Fovea has no libpng");
}

#endif

/* Records what is wrong with the picture. */
static bool check(output *o, const fv_tensor *image)
{
    char text[FV__SHAPE_BYTES];
    fv_context *context = o->context;
    if (!fv__tensor_check(context, "image", image)) return false;
    o->channels = image->rank == 3 ? (int32_t)fv__min(image->shape[2], 5) : 1;
    const bool shaped = image->rank == 2 || image->rank == 3;
    if (image->dtype != FV_U8 || !shaped || o->channels < 1 || o->channels > 4)
        fv_fail(context, FV_MISUSE,
                "image: %s %s, expected u8 [rows, columns, channels] with 1 to "
                "4 channels",
                fv_dtype_name(image->dtype),
                fv__shape_text(text, sizeof text, image->rank, image->shape));
    else if (image->shape[0] < 1 || image->shape[1] < 1
             || image->shape[0] > INT32_MAX || image->shape[1] > INT32_MAX)
        fv_fail(context, FV_MISUSE,
                "image: %lld rows x %lld columns, a PNG file has 1 to %d of "
                "each",
                (long long)image->shape[0], (long long)image->shape[1],
                INT32_MAX);
    return fv__ok(context);
}

/* The bytes of the file, in o->at. */
static void encode_tensor(output *o, const fv_tensor *image)
{
    if (!check(o, image)) return;
    const bool whole = fv_tensor_is_contiguous(image);
    o->image = whole ? *image : fv_tensor_dup(o->context, image);
    if (fv__ok(o->context)) encode(o);
    if (!whole) fv_tensor_free(o->context, &o->image);
}

fv_tensor fv_image_encode(fv_context *context, const fv_tensor *image)
{
    output o = { .context = context };
    if (!fv__ok(context)) return fv__tensor_failed();
    encode_tensor(&o, image);
    const int64_t size = (int64_t)o.size;
    const fv_tensor bytes = fv_tensor_new(context, FV_U8, 1, &size);
    if (bytes.data && o.at) memcpy(bytes.data, o.at, o.size);
    fv__release(context, o.at);
    return bytes;
}

fv_status fv_image_write(fv_context *context, const char *path,
                         const fv_tensor *image)
{
    output o = { .context = context };
    fv__writer writer;
    if (!fv__ok(context)) return fv_failed(context);
    encode_tensor(&o, image);
    if (fv__ok(context) && fv__write_begin(&writer, context, path) == FV_OK) {
        fv__write(&writer, o.at, o.size);
        fv__write_end(&writer);
    }
    fv__release(context, o.at);
    return fv_failed(context);
}
