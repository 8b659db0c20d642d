/* Decompresses gzip files with zlib: several members, exact ends, memory of the
 * context. */
#include "data/data.h"

#ifdef FOVEA_WITH_ZLIB

#define ZLIB_CONST /* next_in is a pointer to const */
#include <limits.h>
#include <zlib.h>

struct fv__gzip {
    fv_context *context;
    const char *path;
    const unsigned char *begin, *next;
    size_t left; /* bytes not yet given to zlib */
    bool ended;  /* all members are decompressed and their checksums right */
    z_stream stream;
};

static voidpf zlib_allocate(voidpf context, uInt items, uInt bytes)
{
    size_t total;
    if (!fv__multiply(items, bytes, &total)) return NULL;
    return fv__allocate(context, FV__DATA, total);
}

static void zlib_release(voidpf context, voidpf memory)
{
    fv__release(context, memory);
}

fv__gzip *fv__gzip_open(fv_context *context, const char *path,
                        const void *bytes, size_t size)
{
    fv__gzip *gzip = fv__allocate_zero(context, FV__DATA, sizeof *gzip);
    if (!gzip) return NULL;
    gzip->context = context;
    gzip->path = path;
    gzip->begin = gzip->next = bytes;
    gzip->left = size;
    gzip->stream.zalloc = zlib_allocate;
    gzip->stream.zfree = zlib_release;
    gzip->stream.opaque = context;
    if (inflateInit2(&gzip->stream, 16 + MAX_WBITS) != Z_OK) {
        fv_fail(context, FV_NO_MEMORY, "%s: zlib did not start", path);
        fv__release(context, gzip);
        return NULL;
    }
    return gzip;
}

static bool is_zero(const unsigned char *bytes, size_t size)
{
    size_t zeros = 0;
    while (zeros < size && bytes[zeros] == 0) zeros++;
    return zeros == size;
}

/* At the end of a member follows another one, the end of the file, zeros up to
 * there (padding of tapes and blocks), or garbage. */
static void end_member(fv__gzip *gzip)
{
    const size_t rest = gzip->left + gzip->stream.avail_in;
    const unsigned char *at = gzip->stream.next_in;
    if (rest == 0 || is_zero(at, rest)) {
        gzip->ended = true;
    } else if (rest < 2 || at[0] != 0x1f || at[1] != 0x8b) {
        fv_fail(gzip->context, FV_MALFORMED,
                "%s: from byte %zu on, behind its gzip data, it is not gzip",
                gzip->path, (size_t)(at - gzip->begin));
    } else {
        inflateReset(&gzip->stream);
    }
}

/* Calls inflate once; false if nothing more will come. */
static bool advance(fv__gzip *gzip)
{
    z_stream *stream = &gzip->stream;
    if (stream->avail_in == 0) {
        const size_t part = gzip->left < UINT_MAX ? gzip->left : UINT_MAX;
        stream->next_in = gzip->next;
        stream->avail_in = (uInt)part;
        gzip->next += part;
        gzip->left -= part;
    }
    const bool starved = stream->avail_in == 0;
    const int code = inflate(stream, Z_NO_FLUSH);
    if (code == Z_STREAM_END) {
        end_member(gzip);
    } else if (code == Z_MEM_ERROR) {
        fv_fail(gzip->context, FV_NO_MEMORY, "%s: no memory to inflate it",
                gzip->path);
    } else if (code == Z_BUF_ERROR && starved) {
        fv_fail(gzip->context, FV_MALFORMED, "%s: its gzip data is cut short",
                gzip->path);
    } else if (code != Z_OK && code != Z_BUF_ERROR) {
        fv_fail(gzip->context, FV_MALFORMED, "%s: damaged gzip data: %s",
                gzip->path, stream->msg ? stream->msg : "preset dictionary");
    }
    return fv__ok(gzip->context) && !gzip->ended;
}

size_t fv__gzip_read(fv__gzip *gzip, void *out, size_t size)
{
    z_stream *stream = &gzip->stream;
    unsigned char *to = out;
    size_t done = 0;
    bool more = fv__ok(gzip->context) && !gzip->ended;
    while (more && done < size) {
        const size_t part = size - done < UINT_MAX ? size - done : UINT_MAX;
        stream->next_out = to + done;
        stream->avail_out = (uInt)part;
        more = advance(gzip);
        done += part - stream->avail_out;
    }
    return done;
}

void fv__gzip_close(fv__gzip *gzip)
{
    if (!gzip) return;
    inflateEnd(&gzip->stream);
    fv__release(gzip->context, gzip);
}

#else

fv__gzip *fv__gzip_open(fv_context *context, const char *path,
                        const void *bytes, size_t size)
{
    (void)bytes;
    (void)size;
    fv_fail(context, FV_UNSUPPORTED,
            "%s: this build of Fovea cannot read gzip files (zlib); gunzip it",
            path);
    return NULL;
}

size_t fv__gzip_read(fv__gzip *gzip, void *out, size_t size)
{
    (void)gzip;
    (void)out;
    (void)size;
    return 0;
}

void fv__gzip_close(fv__gzip *gzip) { (void)gzip; }

#endif
