/* A file is written whole or the old one stays, whatever fails. */
#include "bare.h"
#include "faults.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BYTES = 200000 };

static char folder[64], path[128];
static unsigned char content[BYTES];

static int begin(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/fovea-writer-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/model", folder);
    for (size_t i = 0; i < BYTES; i++)
        content[i] = (unsigned char)(i * 13 + i / 251);
    return 0;
}

static int end(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static void put_old(void)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs("old", file);
    assert_int_equal(fclose(file), 0);
}

/* The file's content; the names in the folder besides it. */
static size_t get(unsigned char *out, size_t room)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t bytes = fread(out, 1, room, file);
    fclose(file);
    return bytes;
}

static size_t others(void)
{
    DIR *list = opendir(folder);
    assert_non_null(list);
    size_t count = 0;
    for (struct dirent *entry; (entry = readdir(list));)
        count += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")
                 && strcmp(entry->d_name, "model");
    closedir(list);
    return count;
}

static bool is_new(void)
{
    static unsigned char got[BYTES + 1];
    return get(got, sizeof got) == BYTES && !memcmp(got, content, BYTES);
}

static bool is_old(void)
{
    unsigned char got[16];
    return get(got, sizeof got) == 3 && !memcmp(got, "old", 3);
}

/* In pieces of growing size, small and larger than the buffer. */
static fv_status write_content(fv_context *context, const char *where)
{
    fv__writer writer;
    fv__write_begin(&writer, context, where);
    for (size_t at = 0, piece = 0; at < BYTES; piece = piece * 3 + 1) {
        size_t bytes = piece < BYTES - at ? piece : BYTES - at;
        fv__write(&writer, content + at, bytes);
        at += bytes;
    }
    return fv__write_end(&writer);
}

static void failed_with(fv_context *context, const char *rest)
{
    char sentence[400];
    snprintf(sentence, sizeof sentence, "%s: %s", path, rest);
    assert_error(context, sentence);
}

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
    assert_int_equal(faults.trace[faults.calls - 2], FAULTS_FSYNC);
    char longest[256];
    memset(longest, 'n', 255);
    longest[255] = '\0';
    assert_int_equal(write_content(context, longest), FV_OK);
    assert_int_equal(others(), 1);
    assert_int_equal(unlink(longest), 0);
    assert_int_equal(chdir(before), 0);
    bare_free(context);
}

/* check: open, size, close; write: open, writes, fsync, close, rename;
 * folder: open, fsync, close. A failure of the folder comes after the new file
 * is in place; one of the last close is no failure. */
static void fail_at_every_call(int error, bool from_then_on)
{
    faults_io count = { 0 };
    fv_io io = faults_io_table(&count);
    fv_context *context = bare_new(FV_OPTIONS(fv_context_options, .io = &io));
    put_old();
    assert_int_equal(write_content(context, path), FV_OK);
    bare_free(context);
    char rest[128];
    snprintf(rest, sizeof rest, "cannot write: %s", strerror(error));
    for (size_t k = 1; k <= count.calls; k++) {
        faults_memory watch = { 0 };
        faults_io faults = { .fail_at = k,
                             .error = error,
                             .from_then_on = from_then_on };
        fv_allocator allocator = faults_allocator(&watch);
        io = faults_io_table(&faults);
        context = bare_new(
            FV_OPTIONS(fv_context_options, .io = &io, .allocator = &allocator));
        put_old();
        fv_status status = write_content(context, path);
        bool renamed = k > count.calls - 3;
        bool quiet = count.trace[k - 1] == FAULTS_CLOSE
                     && (k == count.calls || k == 3)
                     && !(from_then_on && k == 3);
        assert_int_equal(status, quiet ? FV_OK : FV_IO);
        assert_true(renamed || quiet ? is_new() : is_old());
        assert_int_equal(others(), 0);
        assert_int_equal(faults.files, 0);
        if (count.trace[k - 1] == FAULTS_WRITE) failed_with(context, rest);
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

static void test_short_and_interrupted_writes(void **state)
{
    (void)state;
    faults_io faults = { .most = 97, .interrupt = true };
    fv_io io = faults_io_table(&faults);
    fv_context *context = bare_new(FV_OPTIONS(fv_context_options, .io = &io));
    put_old();
    assert_int_equal(write_content(context, path), FV_OK);
    assert_true(is_new());
    assert_true(faults.pieces > BYTES / 97);
    assert_int_equal(faults.files, 0);
    bare_free(context);
}

static void test_memory_runs_out(void **state)
{
    (void)state;
    for (size_t k = 3; k <= 5; k++) {
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

/* Left behind by a process that was killed. */
static void test_stale_temporary_file(void **state)
{
    (void)state;
    fv_context *context = bare_new(NULL);
    char stale[200];
    snprintf(stale, sizeof stale, "%s/.model.tmp.%ld.0", folder,
             (long)getpid());
    assert_int_equal(symlink("/nowhere", stale), 0);
    put_old();
    assert_int_equal(write_content(context, path), FV_OK);
    assert_true(is_new());
    assert_int_equal(others(), 1);
    assert_int_equal(unlink(stale), 0);
    bare_free(context);
}

/* Replaced is the link, not what it points to. */
static void test_symbolic_link(void **state)
{
    (void)state;
    fv_context *context = bare_new(NULL);
    unlink(path);
    assert_int_equal(symlink("/nowhere/at/all", path), 0);
    assert_int_equal(write_content(context, path), FV_OK);
    assert_true(is_new());
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

static void remove_leavings(pid_t child)
{
    char stale[200];
    snprintf(stale, sizeof stale, "%s/.model.tmp.%ld.0", folder, (long)child);
    unlink(stale);
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
        remove_leavings(child);
        assert_int_equal(others(), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_in_the_current_folder),
        cmocka_unit_test(test_every_call_fails),
        cmocka_unit_test(test_short_and_interrupted_writes),
        cmocka_unit_test(test_memory_runs_out),
        cmocka_unit_test(test_failure_meanwhile),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_stale_temporary_file),
        cmocka_unit_test(test_symbolic_link),
        cmocka_unit_test(test_killed),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
