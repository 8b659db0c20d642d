/* Memory and files that fail on demand, and tell what was not given back. */
#include "faults.h"

#include "base/internal.h"

#include <errno.h>
#include <string.h>

/* ---- memory -------------------------------------------------------------- */

/* Before each block: its size, in a space that keeps the alignment. */
enum { BEFORE = 64 };

static void *allocate(void *user, size_t bytes)
{
    faults_memory *memory = user;
    size_t call = ++memory->calls;
    if (memory->fail_at
        && (call == memory->fail_at
            || (memory->from_then_on && call > memory->fail_at)))
        return NULL;
    const fv_allocator *standard = &fv__allocator_standard;
    unsigned char *block = standard->allocate(NULL, bytes + BEFORE);
    if (!block) return NULL;
    memcpy(block, &bytes, sizeof bytes);
    memset(block + BEFORE, 0xa5, bytes);
    memory->blocks++;
    memory->bytes += bytes;
    return block + BEFORE;
}

static void release(void *user, void *at, size_t bytes)
{
    faults_memory *memory = user;
    unsigned char *block = (unsigned char *)at - BEFORE;
    size_t size;
    memcpy(&size, block, sizeof size);
    memory->wrong += size != bytes;
    memory->blocks--;
    memory->bytes -= size;
    memset(at, 0xdd, size);
    fv__allocator_standard.release(NULL, block, size + BEFORE);
}

fv_allocator faults_allocator(faults_memory *memory)
{
    return (fv_allocator){ allocate, release, memory };
}

/* ---- files ----------------------------------------------------------------
 */

/* 0 if the call may go on, else -errno. */
static int fault(faults_io *io, faults_call what)
{
    io->asked++;
    if (io->interrupt && what != FAULTS_CLOSE && io->asked % 2) return -EINTR;
    size_t call = ++io->calls;
    if (call <= FAULTS_TRACE) io->trace[call - 1] = what;
    if (!io->fail_at || call < io->fail_at) return 0;
    if (call == io->fail_at) return -io->error;
    bool spared = what == FAULTS_CLOSE || what == FAULTS_UNLINK;
    return io->from_then_on && !spared ? -io->error : 0;
}

static size_t piece(faults_io *io, size_t bytes)
{
    if (!io->most) return bytes;
    size_t most = io->pieces++ % io->most + 1;
    return bytes < most ? bytes : most;
}

static int faulty_open(void *user, const char *path, int flags, int mode)
{
    int error = fault(user, FAULTS_OPEN);
    if (error) return error;
    int file = fv__io_posix.open(NULL, path, flags, mode);
    if (file >= 0) ((faults_io *)user)->files++;
    return file;
}

static int64_t faulty_read(void *user, int file, void *buffer, size_t bytes)
{
    int error = fault(user, FAULTS_READ);
    if (error) return error;
    return fv__io_posix.read(NULL, file, buffer, piece(user, bytes));
}

static int64_t faulty_write(void *user, int file, const void *buffer,
                            size_t bytes)
{
    int error = fault(user, FAULTS_WRITE);
    if (error) return error;
    return fv__io_posix.write(NULL, file, buffer, piece(user, bytes));
}

static int64_t faulty_size(void *user, int file)
{
    int error = fault(user, FAULTS_SIZE);
    return error ? error : fv__io_posix.size(NULL, file);
}

static int faulty_fsync(void *user, int file)
{
    int error = fault(user, FAULTS_FSYNC);
    return error ? error : fv__io_posix.fsync(NULL, file);
}

static int faulty_close(void *user, int file)
{
    int error = fault(user, FAULTS_CLOSE);
    int closed = fv__io_posix.close(NULL, file);
    ((faults_io *)user)->files--;
    return error ? error : closed;
}

static int faulty_rename(void *user, const char *from, const char *to)
{
    int error = fault(user, FAULTS_RENAME);
    return error ? error : fv__io_posix.rename(NULL, from, to);
}

static int faulty_unlink(void *user, const char *path)
{
    int error = fault(user, FAULTS_UNLINK);
    return error ? error : fv__io_posix.unlink(NULL, path);
}

static int64_t faulty_readlink(void *user, const char *path, char *target,
                               size_t bytes)
{
    int error = fault(user, FAULTS_READLINK);
    return error ? error : fv__io_posix.readlink(NULL, path, target, bytes);
}

static int faulty_lock(void *user, int file, const char *path)
{
    int error = fault(user, FAULTS_LOCK);
    return error ? error : fv__io_posix.lock(NULL, file, path);
}

static int faulty_copy_mode(void *user, int file, const char *path)
{
    int error = fault(user, FAULTS_COPY_MODE);
    return error ? error : fv__io_posix.copy_mode(NULL, file, path);
}

static int64_t faulty_read_at(void *user, int file, void *buffer, size_t bytes,
                              int64_t at)
{
    int error = fault(user, FAULTS_READ_AT);
    if (error) return error;
    bytes = piece(user, bytes);
    return fv__io_posix.read_at(NULL, file, buffer, bytes, at);
}

static int faulty_list(void *user, const char *folder,
                       int (*each)(void *argument, const char *name),
                       void *argument)
{
    int error = fault(user, FAULTS_LIST);
    return error ? error : fv__io_posix.list(NULL, folder, each, argument);
}

fv_io faults_io_table(faults_io *io)
{
    return (fv_io){ faulty_open,      faulty_read,
                    faulty_write,     faulty_size,
                    faulty_fsync,     faulty_close,
                    faulty_rename,    faulty_unlink,
                    faulty_readlink,  faulty_lock,
                    faulty_copy_mode, faulty_read_at,
                    faulty_list,      io };
}
