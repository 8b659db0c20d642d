/* A file is written whole or the old one stays, whatever fails. */
#include "writing.h"

#include "faults.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void test_write(void **state)
{
    (void)state;
    fv_context *context = bare_new(NULL);
    unlink(path);
    mode_t mask = umask(027);
    assert_int_equal(write_content(context, path), FV_OK);
    umask(mask);
    assert_true(is_new());
    struct stat facts;
    assert_int_equal(stat(path, &facts), 0);
    assert_int_equal(facts.st_mode & 07777, 0640);
    put_old();
    assert_int_equal(write_content(context, path), FV_OK);
    assert_true(is_new());
    assert_int_equal(others(), 0);
    fv__writer writer;
    assert_int_equal(fv__write_begin(&writer, context, path), FV_OK);
    assert_int_equal(fv__write_end(&writer), FV_OK);
    unsigned char got[4];
    assert_int_equal(get(got, sizeof got), 0);
    assert_int_equal(fv_context_memory(context).data_bytes, 0);
    bare_free(context);
}

static void test_in_the_current_folder(void **state)
{
    (void)state;
    char before[4096];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(folder), 0);
    faults_io faults = { 0 };
    fv_io io = faults_io_table(&faults);
    fv_context *context = bare_new(FV_OPTIONS(fv_context_options, .io = &io));
    put_old();
    assert_int_equal(write_content(context, "model"), FV_OK);
    assert_true(is_new());
    assert_int_equal(faults.trace[faults.calls - 3], FAULTS_FSYNC);
    char longest[256];
    memset(longest, 'n', 255);
    longest[255] = '\0';
    assert_int_equal(write_content(context, longest), FV_OK);
    assert_int_equal(others(), 1);
    assert_int_equal(unlink(longest), 0);
    assert_int_equal(chdir(before), 0);
    bare_free(context);
}

/* What a write of three pieces over an old file does, call by call. */
static const faults_call
    trace[] = {
        FAULTS_OPEN,     FAULTS_SIZE,      FAULTS_CLOSE, /* what is there */
        FAULTS_READLINK,                                 /* where it leads */
        FAULTS_OPEN,     FAULTS_LOCK,      /* the temporary file */
        FAULTS_OPEN,                       /* another, left behind? */
        FAULTS_OPEN,     FAULTS_COPY_MODE, /* ours, to write */
        FAULTS_WRITE,    FAULTS_WRITE,     FAULTS_WRITE,
        FAULTS_FSYNC,    FAULTS_CLOSE,     FAULTS_RENAME,
        FAULTS_OPEN,     FAULTS_FSYNC,     FAULTS_CLOSE, /* the folder */
        FAULTS_CLOSE                                     /* the lock */
    };
enum {
    CALLS = sizeof trace / sizeof trace[0],
    CLOSED = 3,   /* calls until what is there has been closed */
    LEFT = 7,     /* ... until what is left behind has been looked for */
    RENAMED = 15, /* ... until the new file is in place */
};

static void test_trace(void **state)
{
    (void)state;
    faults_io faults = { 0 };
    fv_io io = faults_io_table(&faults);
    fv_context *context = bare_new(FV_OPTIONS(fv_context_options, .io = &io));
    put_old();
    assert_int_equal(write_content(context, path), FV_OK);
    assert_int_equal(faults.calls, CALLS);
    for (size_t i = 0; i < CALLS; i++)
        assert_int_equal(faults.trace[i], trace[i]);
    bare_free(context);
}

/* A failure of the folder comes after the new file is in place; closing what is
 * not written, and looking for what others left, may fail. */
static void fail_at_every_call(int error, bool from_then_on)
{
    char rest[128];
    snprintf(rest, sizeof rest, "cannot write: %s", strerror(error));
    for (size_t k = 1; k <= CALLS; k++) {
        faults_memory watch = { 0 };
        faults_io faults = { .fail_at = k,
                             .error = error,
                             .from_then_on = from_then_on };
        fv_allocator allocator = faults_allocator(&watch);
        fv_io io = faults_io_table(&faults);
        fv_context *context = bare_new(
            FV_OPTIONS(fv_context_options, .io = &io, .allocator = &allocator));
        put_old();
        fv_status status = write_content(context, path);
        bool renamed = k > RENAMED;
        bool quiet =
            k >= CALLS - 1 || (!from_then_on && (k == CLOSED || k == LEFT));
        assert_int_equal(status, quiet ? FV_OK : FV_IO);
        assert_true(renamed || quiet ? is_new() : is_old());
        assert_int_equal(others(), 0);
        assert_int_equal(faults.files, 0);
        if (trace[k - 1] == FAULTS_WRITE) failed_with(context, rest);
        bare_free(context);
        assert_int_equal(watch.blocks, 0);
    }
}

static void test_every_call_fails(void **state)
{
    (void)state;
    fail_at_every_call(ENOSPC, false);
    fail_at_every_call(EIO, false);
    fail_at_every_call(ENOSPC, true);
}

/* Failures that are none: of a system that cannot lock, give a mode or flush a
 * folder, of a file that must not be read, of a file system that ends a close
 * by a signal. */
static void test_failures_that_are_none(void **state)
{
    (void)state;
    static const struct {
        size_t call; /* of the trace, from 1 */
        int error;
    } harmless[] = {
        { 1, EACCES },  { 4, EINVAL },  { 4, ENOENT },   { 4, ENOSYS },
        { 6, EINVAL },  { 6, ENOTSUP }, { 6, ENOSYS },   { 6, ENOLCK },
        { 9, ENOENT },  { 9, EINVAL },  { 9, ENOTSUP },  { 9, ENOSYS },
        { 14, EINTR },  { 16, EACCES }, { 16, EISDIR },  { 16, EINVAL },
        { 17, EINVAL }, { 17, ENOSYS }, { 17, ENOTSUP }, { 17, EISDIR },
        { 17, EACCES },
    };
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++) {
        faults_io faults = { .fail_at = harmless[i].call,
                             .error = harmless[i].error };
        fv_io io = faults_io_table(&faults);
        fv_context *context =
            bare_new(FV_OPTIONS(fv_context_options, .io = &io));
        put_old();
        write_content(context, path);
        assert_ok(context);
        assert_true(is_new());
        assert_int_equal(others(), 0);
        assert_int_equal(faults.files, 0);
        bare_free(context);
    }
    faults_io faults = { .fail_at = 1, .error = ENXIO }; /* as of a socket */
    fv_io io = faults_io_table(&faults);
    fv_context *context = bare_new(FV_OPTIONS(fv_context_options, .io = &io));
    assert_int_equal(write_content(context, path), FV_IO);
    failed_with(context, "cannot write: Not a regular file");
    bare_free(context);
}

/* Interrupts every other call, beginning with the first or with the second. */
static void test_short_and_interrupted_writes(void **state)
{
    (void)state;
    for (size_t asked = 0; asked < 2; asked++) {
        faults_io faults = { .most = 97, .interrupt = true, .asked = asked };
        fv_io io = faults_io_table(&faults);
        fv_context *context =
            bare_new(FV_OPTIONS(fv_context_options, .io = &io));
        put_old();
        assert_int_equal(write_content(context, path), FV_OK);
        assert_true(is_new());
        assert_true(faults.pieces > BYTES / 97);
        assert_int_equal(faults.files, 0);
        bare_free(context);
    }
}

/* Writes nothing, or more than it is asked for. */
static int64_t surplus;

static int64_t wrong_write(void *user, int file, const void *buffer,
                           size_t bytes)
{
    (void)user, (void)file, (void)buffer;
    return surplus ? (int64_t)bytes + surplus : 0;
}

static void test_wrong_counts_of_bytes(void **state)
{
    (void)state;
    fv_context *context = bare_new(NULL);
    context->io.write = wrong_write;
    put_old();
    for (surplus = 0; surplus < 2; surplus++) {
        assert_int_equal(write_content(context, path), FV_IO);
        failed_with(context, "cannot write: Input/output error");
        assert_true(is_old());
        assert_int_equal(others(), 0);
    }
    bare_free(context);
}

static void test_memory_runs_out(void **state)
{
    (void)state;
    for (size_t k = 3; k <= 6; k++) {
        faults_memory watch = { .fail_at = k };
        fv_allocator allocator = faults_allocator(&watch);
        fv_context *context =
            bare_new(FV_OPTIONS(fv_context_options, .allocator = &allocator));
        put_old();
        assert_int_equal(write_content(context, path), FV_NO_MEMORY);
        assert_true(is_old());
        assert_int_equal(others(), 0);
        bare_free(context);
        assert_int_equal(watch.blocks, 0);
        assert_true(watch.calls >= k);
    }
}

static void test_failure_meanwhile(void **state)
{
    (void)state;
    fv_context *context = bare_new(NULL);
    put_old();
    fv__writer writer;
    assert_int_equal(fv__write_begin(&writer, context, path), FV_OK);
    fv__write(&writer, content, 1000);
    fv_fail(context, FV_NOT_FINITE, "weights: nan");
    assert_int_equal(fv__write(&writer, content, 1000), FV_NOT_FINITE);
    assert_int_equal(others(), 1);
    assert_int_equal(fv__write_end(&writer), FV_NOT_FINITE);
    assert_int_equal(others(), 0);
    assert_true(is_old());
    assert_int_equal(write_content(context, path), FV_NOT_FINITE);
    assert_true(is_old());
    assert_error(context, "weights: nan");
    assert_int_equal(fv_context_memory(context).data_bytes, 0);
    bare_free(context);
    assert_int_equal(write_content(NULL, path), FV_NO_MEMORY);
}

static void refused(const char *where, const char *sentence)
{
    fv_context *context = bare_new(NULL);
    assert_int_not_equal(write_content(context, where), FV_OK);
    assert_error(context, sentence);
    bare_free(context);
}

static void test_refusals(void **state)
{
    (void)state;
    char where[160], sentence[256];
    refused("/dev/full", "/dev/full: cannot write: Not a regular file");
    refused("/dev/null", "/dev/null: cannot write: Not a regular file");
    refused("/", "/: cannot write: Not the name of a file");
    refused("", "file: path is empty");
    refused(NULL, "file: path is NULL");
    refused("..", "..: cannot write: Is a directory");
    snprintf(sentence, sizeof sentence, "%s: cannot write: Is a directory",
             folder);
    refused(folder, sentence);
    snprintf(where, sizeof where, "%s/none/model", folder);
    snprintf(sentence, sizeof sentence,
             "%s: cannot write: No such file or directory", where);
    refused(where, sentence);
    put_old();
    snprintf(where, sizeof where, "%s/under", path);
    snprintf(sentence, sizeof sentence, "%s: cannot write: Not a directory",
             where);
    refused(where, sentence);
    assert_true(is_old());
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    snprintf(sentence, sizeof sentence, "%s: cannot write: Not a regular file",
             path);
    refused(path, sentence);
    unlink(path);
}

/* ---- temporary files of others ------------------------------------------ */

static void name_temporary(char out[200], int n)
{
    snprintf(out, 200, "%s/.model.tmp.%d", folder, n);
}

static void leave(int n, mode_t mode)
{
    char name[200];
    name_temporary(name, n);
    int file = open(name, O_WRONLY | O_CREAT | O_EXCL, mode);
    assert_true(file >= 0);
    assert_int_equal(write(file, "half", 4), 4);
    assert_int_equal(close(file), 0);
}

/* Left behind by processes that were killed: they are removed, those of other
 * files are not. */
static void test_stale_temporary_files(void **state)
{
    (void)state;
    fv_context *context = bare_new(NULL);
    static const char *const kept[] = { ".models.tmp.0", ".model.tmp.0.x",
                                        "model.tmp.0", ".model.tmp." };
    char name[300];
    for (size_t i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "%s/%s", folder, kept[i]);
        FILE *file = fopen(name, "wb");
        assert_non_null(file);
        fclose(file);
    }
    leave(0, 0600);
    leave(1, 0444);
    leave(2, 0200);
    put_old();
    assert_int_equal(write_content(context, path), FV_OK);
    assert_true(is_new());
    assert_int_equal(others(), 4);
    for (size_t i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "%s/%s", folder, kept[i]);
        assert_int_equal(unlink(name), 0);
    }
    bare_free(context);
}

/* What cannot be removed is stepped over: a link, and a folder. */
static void test_names_that_are_taken(void **state)
{
    (void)state;
    fv_context *context = bare_new(NULL);
    char link[200], taken[200];
    name_temporary(link, 0);
    name_temporary(taken, 1);
    assert_int_equal(symlink("/nowhere", link), 0);
    assert_int_equal(mkdir(taken, 0700), 0);
    put_old();
    assert_int_equal(write_content(context, path), FV_OK);
    assert_true(is_new());
    assert_int_equal(others(), 2);
    assert_int_equal(unlink(link), 0);
    assert_int_equal(rmdir(taken), 0);
    bare_free(context);
}

/* Two writers of one file, in two processes or in one, do not disturb each
 * other; the last to end has its file in place. */
static void test_living_writers(void **state)
{
    (void)state;
    fv_context *context = bare_new(NULL);
    int begun[2], go_on[2];
    char byte = 0;
    put_old();
    assert_int_equal(pipe(begun), 0);
    assert_int_equal(pipe(go_on), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    fv__writer writer;
    if (child == 0) {
        fv_context *own = bare_new(NULL);
        fv__write_begin(&writer, own, path);
        fv__write(&writer, "child", 5);
        bool told =
            write(begun[1], &byte, 1) == 1 && read(go_on[0], &byte, 1) == 1;
        _exit(fv__write_end(&writer) != FV_OK || !told);
    }
    assert_int_equal(read(begun[0], &byte, 1), 1);
    assert_int_equal(fv__write_begin(&writer, context, path), FV_OK);
    assert_int_equal(others(), 2);
    assert_int_equal(write_content(context, path), FV_OK); /* a third one */
    assert_true(is_new());
    assert_int_equal(others(), 2);
    assert_int_equal(fv__write_end(&writer), FV_OK);
    assert_int_equal(others(), 1);
    assert_int_equal(write(go_on[1], &byte, 1), 1);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    unsigned char got[8];
    assert_int_equal(get(got, sizeof got), 5);
    assert_memory_equal(got, "child", 5);
    assert_int_equal(others(), 0);
    for (int i = 0; i < 2; i++) {
        close(begun[i]);
        close(go_on[i]);
    }
    bare_free(context);
}

static int no_locks(void *user, int file, const char *name)
{
    (void)user, (void)file, (void)name;
    return -ENOLCK;
}

static int renamed_meanwhile(void *user, int file, const char *name)
{
    (void)user, (void)file, (void)name;
    return -ESTALE;
}

static int always_locked(void *user, int file, const char *name)
{
    (void)user, (void)file, (void)name;
    return -EWOULDBLOCK;
}

/* Without locks nothing is taken for stale; when another writer takes each new
 * file for its own, that is a failure in the end. */
static void test_file_systems_without_locks(void **state)
{
    (void)state;
    fv_io io = fv__io_posix;
    io.lock = no_locks;
    fv_context *context = bare_new(FV_OPTIONS(fv_context_options, .io = &io));
    leave(0, 0600);
    put_old();
    assert_int_equal(write_content(context, path), FV_OK);
    assert_true(is_new());
    assert_int_equal(others(), 1);
    context->io.lock = always_locked;
    put_old();
    assert_int_equal(write_content(context, path), FV_IO);
    failed_with(context, "cannot write: File exists");
    assert_int_equal(others(), 1000);
    context->io.lock = renamed_meanwhile;
    assert_int_equal(write_content(context, path), FV_IO);
    failed_with(context, "cannot write: File exists");
    assert_true(is_old());
    /* the next one that has locks clears all of them away */
    context->io.lock = fv__io_posix.lock;
    assert_int_equal(write_content(context, path), FV_OK);
    assert_true(is_new());
    assert_int_equal(others(), 0);
    bare_free(context);
}

/* What was left behind and must not be written may be read, to lock it. */
static int open_to_read(void *user, const char *name, int flags, int mode)
{
    if ((flags & O_ACCMODE) == O_WRONLY && !(flags & O_CREAT)
        && access(name, F_OK) == 0 && strstr(name, ".tmp.1"))
        return -EACCES;
    return fv__io_posix.open(user, name, flags, mode);
}

/* A signal comes at each first try to remove a file. */
static bool again;

static int unlink_again(void *user, const char *name)
{
    again = !again;
    return again ? -EINTR : fv__io_posix.unlink(user, name);
}

static void test_removing(void **state)
{
    (void)state;
    fv_context *context = bare_new(NULL);
    context->io.open = open_to_read;
    context->io.unlink = unlink_again;
    leave(0, 0600);
    leave(1, 0400);
    put_old();
    assert_int_equal(write_content(context, path), FV_OK);
    assert_true(is_new());
    assert_int_equal(others(), 0);
    /* a write that fails removes its own */
    context->io.write = wrong_write;
    assert_int_equal(write_content(context, path), FV_IO);
    assert_int_equal(others(), 0);
    fv_clear_error(context);
    faults_io faults = { .fail_at = 6, .error = EIO };
    context->io = faults_io_table(&faults);
    context->io.unlink = unlink_again;
    assert_int_equal(write_content(context, path), FV_IO);
    assert_int_equal(others(), 0);
    bare_free(context);
}

/* Killed at any moment, a writer leaves the old file or the new one. */
static int calls_to_live;

static int64_t last_write(void *user, int file, const void *buffer,
                          size_t bytes)
{
    if (--calls_to_live == 0) _exit(9);
    return fv__io_posix.write(user, file, buffer, bytes);
}

static int last_fsync(void *user, int file)
{
    if (--calls_to_live == 0) _exit(9);
    return fv__io_posix.fsync(user, file);
}

static int last_rename(void *user, const char *from, const char *to)
{
    if (--calls_to_live == 0) _exit(9);
    return fv__io_posix.rename(user, from, to);
}

static void test_killed(void **state)
{
    (void)state;
    fv_io io = fv__io_posix;
    io.write = last_write;
    io.fsync = last_fsync;
    io.rename = last_rename;
    for (int calls = 1, done = 0; !done; calls++) {
        assert_true(calls < 50);
        put_old();
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            calls_to_live = calls;
            fv_context *context =
                bare_new(FV_OPTIONS(fv_context_options, .io = &io));
            _exit(write_content(context, path) != FV_OK);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_true(is_old() || is_new());
        done = WEXITSTATUS(status) == 0;
        if (done) assert_true(is_new());
        if (calls == 1) assert_true(is_old());
        assert_int_equal(others(), is_old());
        fv_context *next = bare_new(NULL); /* it clears up behind the other */
        assert_int_equal(write_content(next, path), FV_OK);
        assert_int_equal(others(), 0);
        bare_free(next);
    }
}

/* Whether handle 0 is the next that the system gives out. */
static bool is_free(void)
{
    const int file = open("/dev/null", O_RDONLY);
    return file == 0 && close(file) == 0;
}

/* Without a standard input, handle 0 is a file's, and is closed behind it. */
static void test_handle_0(void **state)
{
    (void)state;
    put_old();
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        size_t bytes = 0;
        close(0);
        fv_context *context = bare_new(NULL);
        bool fine = is_free() && write_content(context, path) == FV_OK;
        fine = fine && is_free() && fv__read_file(context, path, BYTES, &bytes)
               && bytes == BYTES && is_free();
        _exit(!fine);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_true(is_new());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_in_the_current_folder),
        cmocka_unit_test(test_trace),
        cmocka_unit_test(test_every_call_fails),
        cmocka_unit_test(test_failures_that_are_none),
        cmocka_unit_test(test_short_and_interrupted_writes),
        cmocka_unit_test(test_wrong_counts_of_bytes),
        cmocka_unit_test(test_memory_runs_out),
        cmocka_unit_test(test_failure_meanwhile),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_stale_temporary_files),
        cmocka_unit_test(test_names_that_are_taken),
        cmocka_unit_test(test_living_writers),
        cmocka_unit_test(test_file_systems_without_locks),
        cmocka_unit_test(test_removing),
        cmocka_unit_test(test_killed),
        cmocka_unit_test(test_handle_0),
    };
    return cmocka_run_group_tests(tests, begin, remove_folder);
}
