/* Where a file goes and whose it is: symbolic links are followed, the mode and
 * the owner of the file that is replaced stay. */
#include "writing.h"

#include "faults.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

static void assert_link(const char *name, const char *target)
{
    char now[300];
    ssize_t length = readlink(name, now, sizeof now - 1);
    assert_true(length >= 0);
    now[length] = '\0';
    assert_string_equal(now, target);
}

static mode_t mode_of(const char *name)
{
    struct stat facts;
    assert_int_equal(stat(name, &facts), 0);
    return facts.st_mode & 07777;
}

/* A chain of links, relative and from the root, into another folder: the file
 * at its end is replaced, or made, and the links stay. */
static void test_symbolic_links(void **state)
{
    (void)state;
    fv_context *context = bare_new(NULL);
    char below[128], first[128], second[160], target[256], root[256];
    snprintf(below, sizeof below, "%s/below", folder);
    snprintf(first, sizeof first, "%s/first", folder);
    snprintf(second, sizeof second, "%s/second", below);
    snprintf(root, sizeof root, "%s/below/second", folder);
    snprintf(target, sizeof target, "%s/model", folder);
    assert_int_equal(mkdir(below, 0700), 0);
    assert_int_equal(symlink(root, first), 0);
    assert_int_equal(symlink("../model", second), 0);
    for (int exists = 0; exists < 2; exists++) {
        unlink(target);
        if (exists) put_old();
        assert_int_equal(write_content(context, first), FV_OK);
        assert_true(is_new());
        assert_link(first, root);
        assert_link(second, "../model");
        assert_int_equal(others(), 2);
    }
    assert_int_equal(unlink(second), 0);
    assert_int_equal(rmdir(below), 0);
    assert_int_equal(write_content(context, first), FV_IO);
    char sentence[400];
    snprintf(sentence, sizeof sentence,
             "%s: cannot write: No such file or directory", first);
    assert_error(context, sentence);
    assert_int_equal(unlink(first), 0);
    bare_free(context);
}

static void refused_link(const char *target, const char *why)
{
    fv_context *context = bare_new(NULL);
    unlink(path);
    assert_int_equal(symlink(target, path), 0);
    assert_int_equal(write_content(context, path), FV_IO);
    failed_with(context, why);
    assert_link(path, target);
    assert_int_equal(others(), 0);
    unlink(path);
    bare_free(context);
}

static void test_links_that_lead_nowhere(void **state)
{
    (void)state;
    refused_link("/nowhere/at/all", "cannot write: No such file or directory");
    refused_link("model", "cannot write: Too many levels of symbolic links");
    refused_link(".", "cannot write: Is a directory");
    refused_link("new/", "cannot write: A symbolic link does not lead to the "
                         "name of a file");
    refused_link("/dev/null", "cannot write: Not a regular file");
}

/* A link that changes while it is followed must not be followed for ever. */
static int64_t endless_link(void *user, const char *name, char *target,
                            size_t bytes)
{
    (void)user, (void)name, (void)bytes;
    memcpy(target, "x", 1);
    return 1;
}

static int64_t empty_link(void *user, const char *name, char *target,
                          size_t bytes)
{
    (void)user, (void)name, (void)target, (void)bytes;
    return 0;
}

static int64_t long_link(void *user, const char *name, char *target,
                         size_t bytes)
{
    (void)user, (void)name;
    memset(target, 'x', bytes);
    return (int64_t)bytes;
}

static void test_links_of_other_systems(void **state)
{
    (void)state;
    fv_context *context = bare_new(NULL);
    put_old();
    context->io.readlink = endless_link;
    assert_int_equal(write_content(context, path), FV_IO);
    failed_with(context, "cannot write: Too many levels of symbolic links");
    context->io.readlink = long_link;
    assert_int_equal(write_content(context, path), FV_IO);
    failed_with(context, "cannot write: File name too long");
    context->io.readlink = empty_link;
    assert_int_equal(write_content(context, path), FV_IO);
    failed_with(context, "cannot write: A symbolic link does not lead to the "
                         "name of a file");
    assert_int_equal(others(), 0);
    assert_true(is_old());
    bare_free(context);
}

/* Memory for the path that a link leads to. */
static void test_memory_for_links(void **state)
{
    (void)state;
    char link[128];
    snprintf(link, sizeof link, "%s/link", folder);
    put_old();
    assert_int_equal(symlink("model", link), 0);
    bool reached = true;
    for (size_t k = 3; reached; k++) {
        faults_memory watch = { .fail_at = k };
        fv_allocator allocator = faults_allocator(&watch);
        fv_context *context =
            bare_new(FV_OPTIONS(fv_context_options, .allocator = &allocator));
        const fv_status status = write_content(context, link);
        reached = watch.calls >= k;
        assert_int_equal(status, reached ? FV_NO_MEMORY : FV_OK);
        assert_true(reached ? is_old() : is_new());
        assert_int_equal(others(), 1);
        bare_free(context);
        assert_int_equal(watch.blocks, 0);
    }
    assert_int_equal(unlink(link), 0);
    unlink(path);
}

static void test_mode_stays(void **state)
{
    (void)state;
    fv_context *context = bare_new(NULL);
    static const mode_t modes[] = { 0600, 0640, 0644, 0666, 0444, 0200, 0755 };
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        put_old();
        assert_int_equal(chmod(path, modes[i]), 0);
        mode_t mask = umask(i % 2 ? 077 : 022);
        assert_int_equal(write_content(context, path), FV_OK);
        umask(mask);
        assert_int_equal(mode_of(path), modes[i]);
        assert_int_equal(others(), 0);
        unlink(path);
    }
    bare_free(context);
}

/* Nobody else may read the new content of a private file while it is
 * written. */
static void test_mode_while_writing(void **state)
{
    (void)state;
    fv_context *context = bare_new(NULL);
    char name[200];
    snprintf(name, sizeof name, "%s/.model.tmp.0", folder);
    put_old();
    assert_int_equal(chmod(path, 0600), 0);
    fv__writer writer;
    assert_int_equal(fv__write_begin(&writer, context, path), FV_OK);
    assert_int_equal(mode_of(name), 0600);
    assert_int_equal(fv__write_end(&writer), FV_OK);
    unlink(path);
    bare_free(context);
}

/* Only the superuser may give files away: then the owner stays, too. */
static void test_owner_stays(void **state)
{
    (void)state;
    if (geteuid() != 0) skip();
    fv_context *context = bare_new(NULL);
    put_old();
    assert_int_equal(chown(path, 1234, 2345), 0);
    assert_int_equal(chmod(path, 04750), 0);
    assert_int_equal(write_content(context, path), FV_OK);
    struct stat facts;
    assert_int_equal(stat(path, &facts), 0);
    assert_int_equal(facts.st_uid, 1234);
    assert_int_equal(facts.st_gid, 2345);
    assert_int_equal(facts.st_mode & 07777, 04750);
    unlink(path);
    bare_free(context);
}

/* Another owner than the superuser replaces a file of somebody else's: the mode
 * stays, but for what would let the wrong owner or group do more. */
static void test_owner_that_cannot_be_given(void **state)
{
    (void)state;
    if (geteuid() != 0) skip();
    put_old();
    assert_int_equal(chown(path, 1234, 2345), 0);
    assert_int_equal(chmod(path, 06764), 0);
    assert_int_equal(chmod(folder, 0777), 0);
    const int not_ours = open(path, O_RDWR);
    const gid_t group = getegid();
    assert_int_equal(setegid(3456), 0);
    assert_int_equal(seteuid(4567), 0);
    fv_context *context = bare_new(NULL);
    const fv_status written = write_content(context, path);
    /* nor can the mode of a file that belongs to somebody else be changed */
    const int refused = fv__io_posix.copy_mode(NULL, not_ours, folder);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(setegid(group), 0);
    assert_int_equal(written, FV_OK);
    assert_int_equal(refused, -EPERM);
    bare_free(context);
    close(not_ours);
    struct stat facts;
    assert_int_equal(stat(path, &facts), 0);
    assert_int_equal(facts.st_uid, 4567);
    assert_int_equal(facts.st_mode & 07777, 0744);
    assert_true(is_new());
    assert_int_equal(others(), 0);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_symbolic_links),
        cmocka_unit_test(test_links_that_lead_nowhere),
        cmocka_unit_test(test_links_of_other_systems),
        cmocka_unit_test(test_memory_for_links),
        cmocka_unit_test(test_mode_stays),
        cmocka_unit_test(test_mode_while_writing),
        cmocka_unit_test(test_owner_stays),
        cmocka_unit_test(test_owner_that_cannot_be_given),
    };
    return cmocka_run_group_tests(tests, begin, remove_folder);
}
