/* The operating system's files as a table, and whole files into memory. */
#include "base/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the system's table -------------------------------------------------- */

static int posix_open(void *user, const char *path, int flags, int mode)
{
    (void)user;
    int file = open(path, flags, (mode_t)mode);
    return file < 0 ? -errno : file;
}

static int64_t posix_read(void *user, int file, void *buffer, size_t bytes)
{
    (void)user;
    ssize_t done = read(file, buffer, bytes);
    return done < 0 ? -errno : (int64_t)done;
}

static int64_t posix_write(void *user, int file, const void *buffer,
                           size_t bytes)
{
    (void)user;
    ssize_t done = write(file, buffer, bytes);
    return done < 0 ? -errno : (int64_t)done;
}

static int64_t posix_size(void *user, int file)
{
    (void)user;
    struct stat facts;
    if (fstat(file, &facts) != 0) return -errno;
    if (S_ISDIR(facts.st_mode)) return -EISDIR;
    return S_ISREG(facts.st_mode) ? (int64_t)facts.st_size : -EINVAL;
}

static int posix_fsync(void *user, int file)
{
    (void)user;
    return fsync(file) < 0 ? -errno : 0;
}

static int posix_close(void *user, int file)
{
    (void)user;
    return close(file) < 0 ? -errno : 0;
}

static int posix_rename(void *user, const char *from, const char *to)
{
    (void)user;
    return rename(from, to) < 0 ? -errno : 0;
}

static int posix_unlink(void *user, const char *path)
{
    (void)user;
    return unlink(path) < 0 ? -errno : 0;
}

static int64_t posix_readlink(void *user, const char *path, char *target,
                              size_t bytes)
{
    (void)user;
    ssize_t length = readlink(path, target, bytes);
    return length < 0 ? -errno : (int64_t)length;
}

static int posix_lock(void *user, int file, const char *path)
{
    (void)user;
    struct stat open_one, named;
    if (flock(file, LOCK_EX | LOCK_NB) != 0) return -errno;
    if (fstat(file, &open_one) != 0) return -errno;
    if (lstat(path, &named) != 0) return errno == ENOENT ? -ESTALE : -errno;
    return open_one.st_dev == named.st_dev && open_one.st_ino == named.st_ino
               ? 0
               : -ESTALE;
}

/* Where the owner cannot be given, bits that let a program run as the owner are
 * not; where the group cannot, the group may do no more than all others. */
static int posix_copy_mode(void *user, int file, const char *path)
{
    (void)user;
    struct stat from, to;
    if (stat(path, &from) != 0 || fstat(file, &to) != 0) return -errno;
    const bool same_group = from.st_gid == to.st_gid;
    const bool owned = (same_group && from.st_uid == to.st_uid)
                       || fchown(file, from.st_uid, from.st_gid) == 0;
    const bool grouped =
        owned || same_group || fchown(file, (uid_t)-1, from.st_gid) == 0;
    mode_t mode = from.st_mode & (owned ? 07777 : 0777);
    if (!grouped) mode &= 0707 | (mode & 7) << 3;
    if ((to.st_mode & 07777) == mode) return 0;
    return fchmod(file, mode) < 0 ? -errno : 0;
}

static int64_t posix_read_at(void *user, int file, void *buffer, size_t bytes,
                             int64_t at)
{
    (void)user;
    ssize_t done = pread(file, buffer, bytes, (off_t)at);
    return done < 0 ? -errno : (int64_t)done;
}

static int posix_list(void *user, const char *folder,
                      int (*each)(void *argument, const char *name),
                      void *argument)
{
    (void)user;
    DIR *stream = opendir(folder);
    int result = 0;
    if (!stream) return -errno;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (!entry) {
            result = -errno;
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        result = each(argument, entry->d_name);
        if (result) break;
    }
    closedir(stream);
    return result;
}

const fv_io fv__io_posix = {
    posix_open,     posix_read,  posix_write,     posix_size,
    posix_fsync,    posix_close, posix_rename,    posix_unlink,
    posix_readlink, posix_lock,  posix_copy_mode, posix_read_at,
    posix_list,     NULL
};

/* ---- errors -------------------------------------------------------------- */

fv_status fv__fail_io(fv_context *context, const char *path, const char *what,
                      int64_t error)
{
    char name[512], words[32];
    fv__printable(path, strlen(path), name, sizeof name);
    return fv_fail(context, FV_IO, "%s: cannot %s: %s", name, what,
                   fv__system_words(-error, words));
}

/* ---- reading ---------------------------------------------------------------
 */

int fv__open(fv_context *context, const char *path, int flags, int mode)
{
    const fv_io *io = &context->io;
    int file;
    do file = io->open(io->user, path, flags, mode);
    while (file == -EINTR);
    return file;
}

/* Reads until `bytes` are there, the file ends or fails; the number of bytes
 * or the error. */
static int64_t read_all(fv_context *context, int file, unsigned char *out,
                        size_t bytes)
{
    const fv_io *io = &context->io;
    size_t done = 0;
    while (done < bytes) {
        int64_t got = io->read(io->user, file, out + done, bytes - done);
        if (got == -EINTR) continue;
        if (got > (int64_t)(bytes - done)) got = -EIO;
        if (got < 0) return got;
        if (got == 0) break;
        done += (size_t)got;
    }
    return (int64_t)done;
}

/* The size of the open file: -1 of a stream, -2 after recording what is
 * wrong. */
static int64_t size_of(fv_context *context, const char *path, int file,
                       bool streams)
{
    const fv_io *io = &context->io;
    int64_t size;
    char name[512];
    do size = io->size(io->user, file);
    while (size == -EINTR);
    if (size >= 0) return size;
    if (size == -EINVAL && streams) return -1;
    if (size == -EINVAL)
        fv_fail(context, FV_IO, "%s: not a regular file",
                fv__printable(path, strlen(path), name, sizeof name));
    else
        fv__fail_io(context, path, "read", size);
    return -2;
}

static void close_input(fv__input *input)
{
    const fv_io *io = &input->context->io;
    io->close(io->user, input->file);
    input->file = -1;
}

/* Opens a file that is regular or, if `streams`, anything that can be read. */
static fv_status begin(fv__input *input, fv_context *context, const char *path,
                       bool streams)
{
    *input = (fv__input){ .context = context, .path = path, .file = -1 };
    if (!fv__ok(context)) return fv_failed(context);
    if (!path || !*path)
        return fv_fail(context, FV_MISUSE, "file: path is %s",
                       path ? "empty" : "NULL");
    /* O_NONBLOCK: opening a pipe must not wait for its other end */
    const int flags = O_RDONLY | O_CLOEXEC | (streams ? 0 : O_NONBLOCK);
    input->file = fv__open(context, path, flags, 0);
    if (input->file < 0) return fv__fail_io(context, path, "open", input->file);
    input->size = size_of(context, path, input->file, streams);
    if (input->size < -1) close_input(input);
    return fv_failed(context);
}

fv_status fv__input_begin(fv__input *input, fv_context *context,
                          const char *path)
{
    if (begin(input, context, path, true) != FV_OK) return fv_failed(context);
    int64_t got =
        read_all(context, input->file, input->head, sizeof input->head);
    if (got >= 0) {
        input->head_bytes = (size_t)got;
        return FV_OK;
    }
    close_input(input);
    return fv__fail_io(context, path, "read", got);
}

/* Records that the file is too large; NULL. */
static void *too_large(const fv__input *input, size_t limit)
{
    char name[512];
    fv__printable(input->path, strlen(input->path), name, sizeof name);
    if (input->size >= 0)
        fv_fail(input->context, FV_LIMIT, "%s: %lld bytes, the limit is %zu",
                name, (long long)input->size, limit);
    else
        fv_fail(input->context, FV_LIMIT,
                "%s: more bytes than the limit of %zu", name, limit);
    return NULL;
}

/* Asks for one byte more than the size, to see a file that grows. */
static void *read_sized(fv__input *input, size_t *bytes)
{
    fv_context *context = input->context;
    const size_t size = (size_t)input->size, head = input->head_bytes;
    const size_t room = size > head ? size : head;
    unsigned char *content = fv__allocate(context, FV__DATA, room + 1);
    if (!content) return NULL;
    memcpy(content, input->head, head);
    int64_t got =
        read_all(context, input->file, content + head, room + 1 - head);
    if (got >= 0 && (size_t)got + head == size) {
        content[size] = 0;
        *bytes = size;
        return content;
    }
    char name[512];
    if (got < 0)
        fv__fail_io(context, input->path, "read", got);
    else
        fv_fail(
            context, FV_IO, "%s: its size changes while it is read",
            fv__printable(input->path, strlen(input->path), name, sizeof name));
    fv__release(context, content);
    return NULL;
}

/* Reads to the end, into memory that doubles. */
static void *read_stream(fv__input *input, size_t limit, size_t *bytes)
{
    fv_context *context = input->context;
    size_t room = 0, used = input->head_bytes;
    unsigned char *content =
        fv__grow(context, FV__DATA, NULL, 0, 4096, 1, &room);
    if (content) memcpy(content, input->head, used);
    while (content) {
        int64_t got =
            read_all(context, input->file, content + used, room - used);
        if (got < 0) {
            fv__fail_io(context, input->path, "read", got);
            break;
        }
        used += (size_t)got;
        if (used > limit) {
            too_large(input, limit);
            break;
        }
        if (used < room) {
            content[used] = 0;
            *bytes = used;
            return content;
        }
        unsigned char *larger =
            fv__grow(context, FV__DATA, content, used, 1, 1, &room);
        if (!larger) break;
        content = larger;
    }
    fv__release(context, content);
    return NULL;
}

void *fv__input_end(fv__input *input, size_t limit, size_t *bytes)
{
    *bytes = 0;
    if (input->file < 0) return NULL;
    void *content;
    if (input->size < 0)
        content = read_stream(input, limit, bytes);
    else if ((uint64_t)input->size > limit || input->size >= PTRDIFF_MAX)
        content = too_large(input, limit);
    else
        content = read_sized(input, bytes);
    close_input(input);
    return content;
}

void *fv__read_file(fv_context *context, const char *path, size_t limit,
                    size_t *bytes)
{
    fv__input input;
    begin(&input, context, path, false);
    return fv__input_end(&input, limit, bytes);
}

int fv__file_probe(fv_context *context, const char *path)
{
    if (!context || !path) return -ENOENT;
    int file = fv__open(context, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
    if (file < 0) return file;
    context->io.close(context->io.user, file);
    return 0;
}

void fv__file_remove(fv_context *context, const char *path)
{
    char words[32], name[512];
    const int error = context->io.unlink(context->io.user, path);
    if (error && error != -ENOENT)
        fv__log(context, "%s: cannot remove: %s",
                fv__printable(path, strlen(path), name, sizeof name),
                fv__system_words(-error, words));
}

/* ---- files that stay open ------------------------------------------------ */

fv_status fv__file_open(fv__file *file, fv_context *context, const char *path)
{
    fv__input input;
    *file = (fv__file){ .file = -1 };
    if (begin(&input, context, path, false) != FV_OK) return fv_failed(context);
    *file = (fv__file){ input.file, input.size };
    return FV_OK;
}

fv_status fv__file_read(const fv__file *file, fv_context *context,
                        const char *path, int64_t at, void *out, size_t bytes)
{
    const fv_io *io = &context->io;
    char name[512];
    for (size_t done = 0; done < bytes;) {
        int64_t got = io->read_at(io->user, file->file, (char *)out + done,
                                  bytes - done, at + (int64_t)done);
        if (got == -EINTR) continue;
        if (got > (int64_t)(bytes - done)) got = -EIO;
        if (got < 0) return fv__fail_io(context, path, "read", got);
        if (got == 0)
            return fv_fail(context, FV_IO,
                           "%s: ends at byte %lld, it was longer before",
                           fv__printable(path, strlen(path), name, sizeof name),
                           (long long)at + (long long)done);
        done += (size_t)got;
    }
    return FV_OK;
}

void fv__file_close(fv__file *file, fv_context *context)
{
    if (file->file >= 0) context->io.close(context->io.user, file->file);
    file->file = -1;
}
