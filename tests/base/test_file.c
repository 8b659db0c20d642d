/* Whole files come into memory, or a sentence says why not. */
#include "bare.h"
#include "faults.h"
#include "folder.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

static unsigned char content[10000];

static void put(const void *bytes, size_t count)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
}

static int begin(void **state)
{
    for (size_t i = 0; i < sizeof content; i++)
        content[i] = (unsigned char)(i * 7 + i / 256);
    return make_folder(state);
}

static void failed_with(fv_context *context, const char *rest)
{
    char sentence[400];
    snprintf(sentence, sizeof sentence, "%s: %s", path, rest);
    assert_error(context, sentence);
}

static void test_read(void **state)
{
    (void)state;
    fv_context *context = bare_new(NULL);
    static const size_t sizes[] = { 0, 1, 64, sizeof content };
    for (size_t i = 0; i < 4; i++) {
        put(content, sizes[i]);
        size_t bytes = 99;
        unsigned char *got = fv__read_file(context, path, sizes[i], &bytes);
        assert_ok(context);
        assert_int_equal(bytes, sizes[i]);
        assert_memory_equal(got, content, bytes);
        assert_int_equal(got[bytes], 0);
        assert_int_equal(fv_context_memory(context).data_bytes,
                         fv__footprint(bytes + 1));
        fv__release(context, got);
    }
    size_t bytes = 99;
    assert_null(fv__read_file(context, path, sizeof content - 1, &bytes));
    assert_int_equal(bytes, 0);
    assert_int_equal(fv_failed(context), FV_LIMIT);
    failed_with(context, "10000 bytes, the limit is 9999");
    bare_free(context);
}

static void test_refusals(void **state)
{
    (void)state;
    fv_context *context = bare_new(NULL);
    size_t bytes;
    unlink(path);
    assert_null(fv__read_file(context, path, 100, &bytes));
    assert_int_equal(fv_failed(context), FV_IO);
    failed_with(context, "cannot open: No such file or directory");
    assert_null(fv__read_file(context, folder, 100, &bytes));
    char sentence[128];
    snprintf(sentence, sizeof sentence, "%s: cannot read: Is a directory",
             folder);
    assert_error(context, sentence);
    assert_null(fv__read_file(context, "/dev/zero", 100, &bytes));
    assert_error(context, "/dev/zero: not a regular file");
    assert_null(fv__read_file(context, NULL, 100, &bytes));
    assert_error(context, "file: path is NULL");
    assert_null(fv__read_file(context, "", 100, &bytes));
    assert_error(context, "file: path is empty");
    assert_null(fv__read_file(context, "no\nsuch\xff", 100, &bytes));
    assert_error(context,
                 "no\\x0asuch\\xff: cannot open: No such file or directory");
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_null(fv__read_file(context, path, 100, &bytes));
    failed_with(context, "not a regular file");
    unlink(path);
    bare_free(context);
    assert_null(fv__read_file(NULL, path, 100, &bytes));
}

static void test_pending_failure(void **state)
{
    (void)state;
    fv_context *context = bare_new(NULL);
    put("abc", 3);
    fv_fail(context, FV_MISUSE, "earlier");
    size_t bytes;
    assert_null(fv__read_file(context, path, 100, &bytes));
    assert_int_equal(fv__file_probe(context, path), 0);
    assert_error(context, "earlier");
    bare_free(context);
}

static void test_probe(void **state)
{
    (void)state;
    fv_context *context = bare_new(NULL);
    put("abc", 3);
    assert_int_equal(fv__file_probe(context, path), 0);
    unlink(path);
    assert_int_equal(fv__file_probe(context, path), -ENOENT);
    assert_int_equal(fv__file_probe(context, NULL), -ENOENT);
    assert_ok(context);
    bare_free(context);
}

static void test_short_and_interrupted_reads(void **state)
{
    (void)state;
    put(content, sizeof content);
    for (size_t most = 1; most < 40; most += 19) {
        faults_io faults = { .most = most, .interrupt = true };
        fv_io io = faults_io_table(&faults);
        fv_context *context =
            bare_new(FV_OPTIONS(fv_context_options, .io = &io));
        size_t bytes;
        void *got = fv__read_file(context, path, sizeof content, &bytes);
        assert_ok(context);
        assert_int_equal(bytes, sizeof content);
        assert_memory_equal(got, content, sizeof content);
        assert_true(faults.pieces >= sizeof content / most);
        assert_int_equal(faults.files, 0);
        fv__release(context, got);
        bare_free(context);
    }
}

static void test_every_call_fails_once(void **state)
{
    (void)state;
    put(content, sizeof content);
    /* open, size, read, read of the end, close */
    static const char *const verbs[] = { "open", "read", "read", "read" };
    for (size_t k = 1; k <= 5; k++) {
        faults_memory watch = { 0 };
        faults_io faults = { .fail_at = k, .error = EIO };
        fv_allocator allocator = faults_allocator(&watch);
        fv_io io = faults_io_table(&faults);
        fv_context *context = bare_new(
            FV_OPTIONS(fv_context_options, .io = &io, .allocator = &allocator));
        size_t bytes;
        void *got = fv__read_file(context, path, sizeof content, &bytes);
        if (k <= 4) {
            assert_null(got);
            assert_int_equal(fv_failed(context), FV_IO);
            char rest[64];
            snprintf(rest, sizeof rest, "cannot %s: Input/output error",
                     verbs[k - 1]);
            failed_with(context, rest);
        } else {
            assert_ok(context);
            assert_non_null(got);
            fv__release(context, got);
        }
        assert_int_equal(faults.files, 0);
        bare_free(context);
        assert_int_equal(watch.blocks, 0);
    }
}

/* Says that the file has another size than it has. */
static int64_t size_said;
static int64_t lying_size(void *user, int file)
{
    (void)user;
    (void)file;
    return size_said;
}

static int64_t generous_read(void *user, int file, void *buffer, size_t bytes)
{
    (void)user;
    (void)file;
    memset(buffer, 1, bytes);
    return (int64_t)bytes + 1;
}

static void test_size_that_lies(void **state)
{
    (void)state;
    put(content, 100);
    fv_io io = fv__io_posix;
    io.size = lying_size;
    fv_context *context = bare_new(FV_OPTIONS(fv_context_options, .io = &io));
    size_t bytes;
    for (size_said = 99; size_said <= 101; size_said += 2) {
        assert_null(fv__read_file(context, path, 1000, &bytes));
        failed_with(context, "its size changes while it is read");
    }
    size_said = INT64_MAX;
    assert_null(fv__read_file(context, path, SIZE_MAX, &bytes));
    assert_int_equal(fv_failed(context), FV_LIMIT);
    fv_clear_error(context);
    size_said = -INT64_MAX;
    assert_null(fv__read_file(context, path, 1000, &bytes));
    failed_with(context, "cannot read: error 9223372036854775807");
    size_said = 100;
    context->io.read = generous_read;
    assert_null(fv__read_file(context, path, 1000, &bytes));
    failed_with(context, "cannot read: Input/output error");
    bare_free(context);
}

/* ---- the system's table -------------------------------------------------- */

/* Each function returns the number of the error, negated. */
static void test_errors_of_the_system(void **state)
{
    (void)state;
    const fv_io *io = &fv__io_posix;
    char byte = 0, absent[160], under[160];
    snprintf(absent, sizeof absent, "%s/absent", folder);
    snprintf(under, sizeof under, "%s/under", path);
    put("abc", 3);
    assert_int_equal(io->open(NULL, absent, O_RDONLY, 0), -ENOENT);
    assert_int_equal(io->read(NULL, -1, &byte, 1), -EBADF);
    assert_int_equal(io->write(NULL, -1, &byte, 1), -EBADF);
    assert_int_equal(io->size(NULL, -1), -EBADF);
    assert_int_equal(io->fsync(NULL, -1), -EBADF);
    assert_int_equal(io->close(NULL, -1), -EBADF);
    assert_int_equal(io->rename(NULL, absent, path), -ENOENT);
    assert_int_equal(io->unlink(NULL, absent), -ENOENT);
    assert_int_equal(io->readlink(NULL, path, &byte, 1), -EINVAL);
    assert_int_equal(io->lock(NULL, -1, path), -EBADF);
    assert_int_equal(io->copy_mode(NULL, -1, absent), -ENOENT);
    assert_int_equal(io->copy_mode(NULL, -1, path), -EBADF);
    const int file = io->open(NULL, path, O_RDWR, 0);
    assert_true(file >= 0);
    assert_int_equal(io->lock(NULL, file, under), -ENOTDIR);
    assert_int_equal(io->close(NULL, file), 0);
    unlink(path);
}

/* A lock holds of the file that has the name now, on no other. */
static void test_locks(void **state)
{
    (void)state;
    const fv_io *io = &fv__io_posix;
    put("abc", 3);
    const int file = io->open(NULL, path, O_RDWR, 0);
    const int again = io->open(NULL, path, O_RDWR, 0);
    assert_true(file >= 0 && again >= 0);
    assert_int_equal(io->lock(NULL, file, path), 0);
    assert_int_equal(io->lock(NULL, again, path), -EWOULDBLOCK);
    assert_int_equal(io->lock(NULL, file, folder), -ESTALE);
    assert_int_equal(io->lock(NULL, file, "/proc/self"), -ESTALE);
    unlink(path);
    assert_int_equal(io->lock(NULL, file, path), -ESTALE);
    assert_int_equal(io->close(NULL, again), 0);
    assert_int_equal(io->close(NULL, file), 0);
}

/* ---- in two steps ------------------------------------------------------- */

static void *read_in_steps(fv_context *context, const char *where, size_t limit,
                           size_t *bytes)
{
    fv__input input;
    fv__input_begin(&input, context, where);
    if (input.file >= 0 && input.head_bytes)
        assert_memory_equal(input.head, content, input.head_bytes);
    return fv__input_end(&input, limit, bytes);
}

/* Files of every size about that of the head, and of a piece of memory. */
static const size_t sizes[] = { 0,    1,    15,   16,   17,   100,
                                4095, 4096, 4097, 8192, 10000 };
enum { SIZES = sizeof sizes / sizeof sizes[0] };

static void test_input(void **state)
{
    (void)state;
    fv_context *context = bare_new(NULL);
    for (size_t i = 0; i < SIZES; i++) {
        size_t bytes;
        put(content, sizes[i]);
        char *got = read_in_steps(context, path, sizes[i], &bytes);
        assert_ok(context);
        assert_int_equal(bytes, sizes[i]);
        assert_memory_equal(got, content, bytes);
        assert_int_equal(got[bytes], 0);
        fv__release(context, got);
        if (!sizes[i]) continue;
        char rest[80];
        snprintf(rest, sizeof rest, "%zu bytes, the limit is %zu", sizes[i],
                 sizes[i] - 1);
        assert_null(read_in_steps(context, path, sizes[i] - 1, &bytes));
        assert_int_equal(bytes, 0);
        failed_with(context, rest);
    }
    assert_int_equal(fv_context_memory(context).data_bytes, 0);
    bare_free(context);
}

/* A child writes into a pipe under `path`. */
static pid_t begin_pipe(size_t size)
{
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child) return child;
    int file = open(path, O_WRONLY);
    for (size_t at = 0; at < size;) {
        const size_t piece = at % 700 + 1;
        const ssize_t done =
            write(file, content + at, size - at < piece ? size - at : piece);
        if (done < 0) _exit(1);
        at += (size_t)done;
    }
    _exit(0);
}

static void end_pipe(pid_t child)
{
    kill(child, SIGKILL); /* it may wait for a reader */
    assert_int_equal(waitpid(child, NULL, 0), child);
    unlink(path);
}

static void test_input_from_a_pipe(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    for (int interrupt = 0; interrupt < 2; interrupt++) {
        for (size_t i = 0; i < SIZES; i++) {
            faults_io faults = { .most = 333 * (size_t)interrupt,
                                 .interrupt = interrupt };
            fv_io io = faults_io_table(&faults);
            fv_context *context =
                bare_new(FV_OPTIONS(fv_context_options, .io = &io));
            size_t bytes;
            pid_t child = begin_pipe(sizes[i]);
            char *got = read_in_steps(context, path, sizes[i], &bytes);
            end_pipe(child);
            assert_ok(context);
            assert_int_equal(bytes, sizes[i]);
            assert_memory_equal(got, content, bytes);
            assert_int_equal(got[bytes], 0);
            fv__release(context, got);
            if (sizes[i]) {
                char rest[80];
                child = begin_pipe(sizes[i]);
                assert_null(read_in_steps(context, path, sizes[i] - 1, &bytes));
                end_pipe(child);
                snprintf(rest, sizeof rest, "more bytes than the limit of %zu",
                         sizes[i] - 1);
                failed_with(context, rest);
            }
            assert_int_equal(faults.files, 0);
            assert_int_equal(fv_context_memory(context).data_bytes, 0);
            bare_free(context);
        }
    }
}

/* open, size, read of the head, reads, close, from a file and from a pipe; and
 * every allocation. */
static void test_every_call_of_an_input_fails(void **state)
{
    (void)state;
    for (int piped = 0; piped < 2; piped++) {
        bool reached = true;
        for (size_t k = 1; reached; k++) {
            for (int memory = 0; memory < 2; memory++) {
                faults_memory watch = { .fail_at = memory ? k + 2 : 0 };
                faults_io faults = { .fail_at = memory ? 0 : k, .error = EIO };
                fv_allocator allocator = faults_allocator(&watch);
                fv_io io = faults_io_table(&faults);
                fv_context *context = bare_new(FV_OPTIONS(
                    fv_context_options, .io = &io, .allocator = &allocator));
                size_t bytes;
                pid_t child = 0;
                if (piped)
                    child = begin_pipe(10000);
                else
                    put(content, 10000);
                /* a child that nobody reads from must not wait for ever */
                int spare = piped ? open(path, O_RDONLY | O_NONBLOCK) : -1;
                void *got = read_in_steps(context, path, 20000, &bytes);
                if (piped) close(spare);
                if (piped) end_pipe(child);
                if (!memory) reached = faults.calls >= k;
                if (got) assert_memory_equal(got, content, bytes);
                if (!got)
                    assert_int_equal(fv_failed(context),
                                     memory ? FV_NO_MEMORY : FV_IO);
                fv__release(context, got);
                assert_int_equal(faults.files, 0);
                bare_free(context);
                assert_int_equal(watch.blocks, 0);
            }
            assert_true(k < 100);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_pending_failure),
        cmocka_unit_test(test_probe),
        cmocka_unit_test(test_short_and_interrupted_reads),
        cmocka_unit_test(test_every_call_fails_once),
        cmocka_unit_test(test_size_that_lies),
        cmocka_unit_test(test_errors_of_the_system),
        cmocka_unit_test(test_locks),
        cmocka_unit_test(test_input),
        cmocka_unit_test(test_input_from_a_pipe),
        cmocka_unit_test(test_every_call_of_an_input_fails),
    };
    return cmocka_run_group_tests(tests, begin, remove_folder);
}
