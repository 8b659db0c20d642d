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
    MOST_TRIES = 1000,
    MOST_LINKS = 40,
    LONGEST_LINK = 4096
};

static fv_status refuse(fv_context *context, const char *path, const char *why)
{
    char name[512];
    return fv_fail(context, FV_IO, "%s: cannot write: %s",
                   fv__printable(path, strlen(path), name, sizeof name), why);
}

/* Whatever is at `path` now may be replaced: nothing, or a regular file. One
 * that may not be read counts as regular. */
static fv_status check_target(fv_context *context, const char *path,
                              bool *exists)
{
    const fv_io *io = &context->io;
    int file = fv__open(context, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
    *exists = file != -ENOENT;
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

/* What a file system answers that cannot do a thing at all. */
static bool is_unsupported(int error)
{
    return error == -EINVAL || error == -ENOTSUP || error == -ENOSYS
           || error == -ENOLCK;
}

/* The name's place in the path. */
static size_t folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

static size_t temporary_bytes(const fv__writer *writer)
{
    return folder_length(writer->target) + NAME_BYTES + 32;
}

static void free_parts(fv__writer *writer)
{
    const fv_io *io = &writer->context->io;
    if (writer->lock >= 0) io->close(io->user, writer->lock);
    fv__release(writer->context, writer->path);
    fv__release(writer->context, writer->target);
    fv__release(writer->context, writer->temporary);
    fv__release(writer->context, writer->buffer);
    writer->path = writer->target = writer->temporary = NULL;
    writer->buffer = NULL;
    writer->file = writer->lock = -1;
}

/* ---- where the file goes ------------------------------------------------ */

/* Replaces the target, a symbolic link, by what the link says: a path from the
 * root, or from the folder of the link. */
static fv_status step_through(fv__writer *writer, const char *link,
                              size_t length)
{
    fv_context *context = writer->context;
    if (length >= LONGEST_LINK)
        return refuse(context, writer->path, "File name too long");
    if (!length || link[length - 1] == '/')
        return refuse(context, writer->path,
                      "A symbolic link does not lead to the name of a file");
    size_t folder = link[0] == '/' ? 0 : folder_length(writer->target);
    char *target = fv__allocate(context, FV__DATA, folder + length + 1);
    if (!target) return context->status;
    memcpy(target, writer->target, folder);
    memcpy(target + folder, link, length);
    target[folder + length] = '\0';
    fv__release(context, writer->target);
    writer->target = target;
    return FV_OK;
}

/* Follows symbolic links from the path to the file that they lead to, which
 * need not exist. */
static fv_status find_target(fv__writer *writer)
{
    fv_context *context = writer->context;
    const fv_io *io = &context->io;
    char link[LONGEST_LINK];
    writer->target =
        fv__copy_text(context, FV__DATA, writer->path, strlen(writer->path));
    for (int links = 0; writer->target; links++) {
        int64_t length;
        do length = io->readlink(io->user, writer->target, link, sizeof link);
        while (length == -EINTR);
        if (length == -EINVAL || length == -ENOENT || length == -ENOSYS)
            return FV_OK;
        if (length < 0)
            return fv__fail_io(context, writer->path, "write", length);
        if (links == MOST_LINKS)
            return refuse(context, writer->path,
                          "Too many levels of symbolic links");
        if (step_through(writer, link, (size_t)length) != FV_OK) break;
    }
    return context->status;
}

/* ---- the temporary file ------------------------------------------------- */

static int lock_again(const fv_io *io, int file, const char *path)
{
    int error;
    do error = io->lock(io->user, file, path);
    while (error == -EINTR);
    return error;
}

/* What was at the name of a temporary file. */
typedef enum occupant { ABSENT, REMOVED, IN_USE } occupant;

/* Removes a temporary file that nobody has locked: its writer was killed. What
 * cannot be opened counts as absent. */
static occupant remove_stale(fv_context *context, const char *temporary)
{
    const fv_io *io = &context->io;
    const int flags = O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    int file = fv__open(context, temporary, O_WRONLY | flags, 0);
    if (file == -EACCES)
        file = fv__open(context, temporary, O_RDONLY | flags, 0);
    if (file < 0) return ABSENT;
    bool stale = lock_again(io, file, temporary) == 0;
    while (stale && io->unlink(io->user, temporary) == -EINTR) continue;
    io->close(io->user, file);
    return stale ? REMOVED : IN_USE;
}

static void name_temporary(fv__writer *writer, int n)
{
    const int folder = (int)folder_length(writer->target);
    snprintf(writer->temporary, temporary_bytes(writer), "%.*s.%.*s.tmp.%d",
             folder, writer->target, NAME_BYTES, writer->target + folder, n);
}

/* Creates and locks the temporary file; -EEXIST if it is another writer's. */
static int create(fv__writer *writer, int mode)
{
    fv_context *context = writer->context;
    const fv_io *io = &context->io;
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int file = fv__open(context, writer->temporary, flags, mode);
    if (file == -EEXIST && remove_stale(context, writer->temporary) != IN_USE)
        file = fv__open(context, writer->temporary, flags, mode);
    if (file < 0) return file;
    const int error = lock_again(io, file, writer->temporary);
    if (error >= 0 || is_unsupported(error)) {
        writer->lock = file;
        return 0;
    }
    /* one that another writer took for stale is removed by that writer */
    const bool lost = error == -EWOULDBLOCK || error == -ESTALE;
    while (!lost && io->unlink(io->user, writer->temporary) == -EINTR) continue;
    io->close(io->user, file);
    return lost ? -EEXIST : error;
}

/* Opens the temporary file a second time, to write: this one is closed before
 * the rename, the one with the lock after it. The mode is set while the file is
 * empty. */
static int open_locked(fv__writer *writer, bool replaces)
{
    fv_context *context = writer->context;
    const fv_io *io = &context->io;
    int error, file = fv__open(context, writer->temporary,
                               O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0);
    if (file < 0) return file;
    writer->file = file;
    if (!replaces) return 0;
    do error = io->copy_mode(io->user, file, writer->target);
    while (error == -EINTR);
    return error == -ENOENT || is_unsupported(error) ? 0 : error;
}

static void discard(fv__writer *writer)
{
    const fv_io *io = &writer->context->io;
    if (writer->file >= 0) io->close(io->user, writer->file);
    writer->file = -1;
    while (io->unlink(io->user, writer->temporary) == -EINTR) continue;
}

/* Opens FOLDER/.NAME.tmp.N with the first N that no living writer has, and
 * removes what killed ones left at that and the following names. */
static fv_status open_temporary(fv__writer *writer, bool replaces)
{
    fv_context *context = writer->context;
    int n = 0, error = -EEXIST;
    writer->temporary =
        fv__allocate(context, FV__DATA, temporary_bytes(writer));
    if (!writer->temporary) return context->status;
    for (; n < MOST_TRIES && error == -EEXIST; n++) {
        name_temporary(writer, n);
        error = create(writer, replaces ? 0600 : 0666);
    }
    if (error < 0) return fv__fail_io(context, writer->path, "write", error);
    const int own = n - 1;
    for (; n < MOST_TRIES; n++) {
        name_temporary(writer, n);
        if (remove_stale(context, writer->temporary) == ABSENT) break;
    }
    name_temporary(writer, own);
    error = open_locked(writer, replaces);
    if (error >= 0) return FV_OK;
    discard(writer);
    return fv__fail_io(context, writer->path, "write", error);
}

fv_status fv__write_begin(fv__writer *writer, fv_context *context,
                          const char *path)
{
    *writer = (fv__writer){ .context = context, .file = -1, .lock = -1 };
    if (!fv__ok(context)) return fv_failed(context);
    if (!path || !*path)
        return fv_fail(context, FV_MISUSE, "file: path is %s",
                       path ? "empty" : "NULL");
    size_t length = strlen(path);
    bool replaces = false;
    if (path[length - 1] == '/' || length > INT32_MAX)
        return refuse(context, path, "Not the name of a file");
    if (check_target(context, path, &replaces) != FV_OK) return context->status;
    writer->path = fv__copy_text(context, FV__DATA, path, length);
    writer->buffer = fv__allocate(context, FV__DATA, BUFFER_BYTES);
    if (!writer->path || !writer->buffer || find_target(writer) != FV_OK
        || open_temporary(writer, replaces) != FV_OK)
        free_parts(writer);
    return context->status;
}

/* ---- the content -------------------------------------------------------- */

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

/* After the rename, what is left of the temporary name serves as the name of
 * the folder: "a/.b.tmp.0" becomes "a/", and ".b.tmp.0" becomes ".". */
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
    /* where a folder cannot be opened or flushed nothing can be done */
    if (error >= 0 || error == -EACCES || error == -EISDIR
        || is_unsupported(error))
        return FV_OK;
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
    do error = io->rename(io->user, writer->temporary, writer->target);
    while (error == -EINTR);
    if (error < 0) return fv__fail_io(context, writer->path, "replace", error);
    return FV_OK;
}

fv_status fv__write_end(fv__writer *writer)
{
    fv_context *context = writer->context;
    if (!writer->temporary) return fv_failed(context);
    if (fv__ok(context) && publish(writer) == FV_OK)
        sync_folder(writer);
    else
        discard(writer);
    free_parts(writer);
    return context->status;
}
