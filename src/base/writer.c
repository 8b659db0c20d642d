/* Files that appear whole or not at all. */
#include "base/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    BUFFER_BYTES = 1 << 16,
    NAME_BYTES = 200, /* of the name kept in the temporary one; 255 may fit */
    MOST_TRIES = 1000
};

static fv_status refuse(fv_context *context, const char *path, const char *why)
{
    char name[512];
    return fv_fail(context, FV_IO, "%s: cannot write: %s",
                   fv__printable(path, strlen(path), name, sizeof name), why);
}

/* Whatever is at `path` now may be replaced: nothing, or a regular file. One
 * that may not be read counts as regular. */
static fv_status check_target(fv_context *context, const char *path)
{
    const fv_io *io = &context->io;
    int file = fv__open(context, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
    if (file == -ENOENT || file == -EACCES) return FV_OK;
    if (file == -ENXIO) return refuse(context, path, "Not a regular file");
    if (file < 0) return fv__fail_io(context, path, "write", file);
    int64_t size;
    do size = io->size(io->user, file);
    while (size == -EINTR);
    io->close(io->user, file);
    if (size == -EINVAL) return refuse(context, path, "Not a regular file");
    return size < 0 ? fv__fail_io(context, path, "write", size) : FV_OK;
}

/* The name's place in the path. */
static size_t folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

static void free_parts(fv__writer *writer)
{
    fv__release(writer->context, writer->path);
    fv__release(writer->context, writer->temporary);
    fv__release(writer->context, writer->buffer);
    writer->path = writer->temporary = NULL;
    writer->buffer = NULL;
    writer->file = -1;
}

/* Opens FOLDER/.NAME.tmp.PROCESS.N with the first N that is free. */
static fv_status open_temporary(fv__writer *writer)
{
    fv_context *context = writer->context;
    int folder = (int)folder_length(writer->path), file = -EEXIST;
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    size_t bytes = (size_t)folder + NAME_BYTES + 64;
    writer->temporary = fv__allocate(context, FV__DATA, bytes);
    if (!writer->temporary) return context->status;
    for (int n = 0; n < MOST_TRIES && file == -EEXIST; n++) {
        snprintf(writer->temporary, bytes, "%.*s.%.*s.tmp.%ld.%d", folder,
                 writer->path, NAME_BYTES, writer->path + folder,
                 (long)getpid(), n);
        file = fv__open(context, writer->temporary, flags, 0666);
    }
    if (file < 0) return fv__fail_io(context, writer->path, "write", file);
    writer->file = file;
    return FV_OK;
}

fv_status fv__write_begin(fv__writer *writer, fv_context *context,
                          const char *path)
{
    *writer = (fv__writer){ .context = context, .file = -1 };
    if (!fv__ok(context)) return fv_failed(context);
    if (!path || !*path)
        return fv_fail(context, FV_MISUSE, "file: path is %s",
                       path ? "empty" : "NULL");
    size_t length = strlen(path);
    if (path[length - 1] == '/' || length > INT32_MAX)
        return refuse(context, path, "Not the name of a file");
    if (check_target(context, path) != FV_OK) return context->status;
    writer->path = fv__copy_text(context, FV__DATA, path, length);
    writer->buffer = fv__allocate(context, FV__DATA, BUFFER_BYTES);
    if (!writer->path || !writer->buffer || open_temporary(writer) != FV_OK)
        free_parts(writer);
    return context->status;
}

/* All of it, however short each write is. */
static fv_status write_all(fv__writer *writer, const unsigned char *data,
                           size_t bytes)
{
    const fv_io *io = &writer->context->io;
    while (bytes) {
        int64_t done = io->write(io->user, writer->file, data, bytes);
        if (done == -EINTR) continue;
        if (done == 0 || done > (int64_t)bytes) done = -EIO;
        if (done < 0)
            return fv__fail_io(writer->context, writer->path, "write", done);
        data += done;
        bytes -= (size_t)done;
    }
    return FV_OK;
}

static fv_status flush(fv__writer *writer)
{
    size_t used = writer->used;
    writer->used = 0;
    return write_all(writer, writer->buffer, used);
}

fv_status fv__write(fv__writer *writer, const void *data, size_t bytes)
{
    fv_context *context = writer->context;
    if (!fv__ok(context)) return fv_failed(context);
    if (!bytes) return FV_OK;
    if (bytes > BUFFER_BYTES - writer->used && flush(writer) != FV_OK)
        return context->status;
    if (bytes >= BUFFER_BYTES) return write_all(writer, data, bytes);
    memcpy(writer->buffer + writer->used, data, bytes);
    writer->used += bytes;
    return FV_OK;
}

static int sync_again(const fv_io *io, int file)
{
    int error;
    do error = io->fsync(io->user, file);
    while (error == -EINTR);
    return error;
}

/* A file system may be unable to open or flush a folder; then there is nothing
 * to be done about it. */
static bool beyond_us(int error)
{
    return error == -EACCES || error == -EISDIR || error == -EINVAL
           || error == -ENOTSUP || error == -ENOSYS;
}

/* After the rename, what is left of the temporary name serves as the name of
 * the folder: "a/.b.tmp.1.0" becomes "a/", and ".b.tmp.1.0" becomes ".". */
static fv_status sync_folder(fv__writer *writer)
{
    fv_context *context = writer->context;
    const fv_io *io = &context->io;
    size_t length = folder_length(writer->temporary);
    writer->temporary[length ? length : 1] = '\0';
    int folder = fv__open(context, writer->temporary,
                          O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    int error = folder;
    if (folder >= 0) {
        error = sync_again(io, folder);
        io->close(io->user, folder);
    }
    if (error >= 0 || beyond_us(error)) return FV_OK;
    return fv__fail_io(context, writer->path, "flush the folder", error);
}

/* The content reaches the disk and the file its name. */
static fv_status publish(fv__writer *writer)
{
    fv_context *context = writer->context;
    const fv_io *io = &context->io;
    if (flush(writer) != FV_OK) return context->status;
    int error = sync_again(io, writer->file);
    int file = writer->file;
    writer->file = -1;
    int closed = io->close(io->user, file);
    if (error >= 0 && closed != -EINTR) error = closed;
    if (error < 0) return fv__fail_io(context, writer->path, "write", error);
    do error = io->rename(io->user, writer->temporary, writer->path);
    while (error == -EINTR);
    if (error < 0) return fv__fail_io(context, writer->path, "replace", error);
    return FV_OK;
}

fv_status fv__write_end(fv__writer *writer)
{
    fv_context *context = writer->context;
    if (!writer->temporary) return fv_failed(context);
    const fv_io *io = &context->io;
    if (fv__ok(context) && publish(writer) == FV_OK) {
        sync_folder(writer);
    } else {
        if (writer->file >= 0) io->close(io->user, writer->file);
        while (io->unlink(io->user, writer->temporary) == -EINTR) continue;
    }
    free_parts(writer);
    return context->status;
}
