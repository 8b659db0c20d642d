/* Limits of control groups, read from made trees of files. */
#include "bare.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES = 8, PATH = 512, NONE = -1 };

typedef struct file {
    const char *path, *text;
} file;

typedef struct tree {
    const char *name, *membership;
    file files[FILES];
    long long memory, processors; /* NONE: no limit */
} tree;

static const tree trees[] = {
    { "version 2",
      "0::/\n",
      { { "memory.max", "209715200\n" }, { "cpu.max", "150000 100000\n" } },
      209715200,
      2 },
    { "version 2 without limits",
      "0::/a\n",
      { { "a/memory.max", "max\n" }, { "a/cpu.max", "max 100000\n" } },
      NONE,
      NONE },
    { "version 2, the group above is tighter",
      "0::/pod/app\n",
      { { "pod/memory.max", "1000\n" },
        { "pod/app/memory.max", "2000\n" },
        { "pod/cpu.max", "400000 100000\n" },
        { "pod/app/cpu.max", "800000 100000\n" } },
      1000,
      4 },
    { "version 2, the group below is tighter",
      "0::/pod/app\n",
      { { "pod/memory.max", "2000\n" },
        { "pod/app/memory.max", "1000\n" },
        { "pod/cpu.max", "800000 100000\n" },
        { "pod/app/cpu.max", "50000 100000\n" } },
      1000,
      1 },
    { "other groups",
      "0::/pod/app\n",
      { { "pod/other/memory.max", "10\n" },
        { "po/memory.max", "10\n" },
        { "pod/app/below/memory.max", "10\n" } },
      NONE,
      NONE },
    { "version 1",
      "5:memory:/docker/x\n4:cpuset:/\n3:cpu,cpuacct:/docker/x\n0::/\n",
      { { "memory/docker/x/memory.limit_in_bytes", "3000\n" },
        { "memory/memory.limit_in_bytes", "9223372036854771712\n" },
        { "cpu,cpuacct/docker/x/cpu.cfs_quota_us", "250000\n" },
        { "cpu,cpuacct/docker/x/cpu.cfs_period_us", "100000\n" } },
      3000,
      3 },
    { "version 1, folders named by one controller",
      "7:cpuacct,cpu:/a/b\n9:memory:/a/b",
      { { "memory/a/memory.limit_in_bytes", "3000\n" },
        { "memory/a/b/memory.limit_in_bytes", "4000\n" },
        { "cpu/a/cpu.cfs_quota_us", "1\n" },
        { "cpu/a/cpu.cfs_period_us", "100000\n" } },
      3000,
      1 },
    { "version 1, the paths are those outside of the container",
      "9:memory:/docker/x\n3:cpu:/docker/x\n",
      { { "memory/memory.limit_in_bytes", "3000\n" },
        { "cpu/cpu.cfs_quota_us", "200000\n" },
        { "cpu/cpu.cfs_period_us", "100000\n" } },
      3000,
      2 },
    { "version 1 without limits",
      "9:memory:/\n3:cpu:/\n",
      { { "memory/memory.limit_in_bytes", "9223372036854771712\n" },
        { "cpu/cpu.cfs_quota_us", "-1\n" },
        { "cpu/cpu.cfs_period_us", "100000\n" } },
      9223372036854771712,
      NONE },
    { "both versions",
      "9:memory:/a\n0::/a\n",
      { { "memory/a/memory.limit_in_bytes", "3000\n" },
        { "unified/a/cpu.max", "100000 100000\n" } },
      3000,
      1 },
    { "a namespace that does not hold the group",
      "0::/../../other\n",
      { { "memory.max", "5000\n" } },
      5000,
      NONE },
    { "garbage in the limits",
      "0::/a\n1:memory:/\n1:cpu:/\n",
      { { "memory.max", "12 monkeys\n" },
        { "a/memory.max", "99999999999999999999999\n" },
        { "a/cpu.max", "100000 0\n" },
        { "cpu.max", "100000\n" },
        { "memory/memory.limit_in_bytes", "-5\n" },
        { "cpu/cpu.cfs_quota_us", "" },
        { "cpu/cpu.cfs_period_us", "100000\n" } },
      NONE,
      NONE },
    { "more garbage in the limits",
      "0::/a\n1:memory:/\n1:cpu:/\n",
      { { "memory.max", "12monkeys\n" },
        { "a/memory.max", "\n" },
        { "cpu.max", "x 100000\n" },
        { "memory/memory.limit_in_bytes", "0x10\n" },
        { "cpu/cpu.cfs_quota_us", "100000\n" } },
      NONE,
      NONE },
    { "the smallest and the largest of numbers",
      "0::/a\n",
      { { "cpu.max", "0 100000\n" },
        { "memory.max", "18446744073709551616\n" },
        { "a/memory.max", "18446744073709551614" } },
      -2,
      1 },
    { "garbage in the membership",
      "\n::::\nmemory\n0::\n0::a\n1:memory\n2:memoryless,xmemory:/\n:",
      { { "memory/memory.limit_in_bytes", "3000\n" },
        { "a/memory.max", "3000\n" } },
      NONE,
      NONE },
    { "no membership", NULL, { { "memory.max", "5000\n" } }, NONE, NONE },
};

static void put(const char *root, const char *path, const char *text)
{
    char full[PATH];
    snprintf(full, sizeof full, "%s/%s", root, path);
    for (char *at = full + strlen(root) + 1; (at = strchr(at, '/')); at++) {
        *at = '\0';
        if (mkdir(full, 0700) && errno != EEXIST) fail_msg("%s", full);
        *at = '/';
    }
    FILE *out = fopen(full, "w");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

/* Removes a file and the folders above it that are empty then. */
static void take_away(const char *root, const char *path)
{
    char full[PATH];
    snprintf(full, sizeof full, "%s/%s", root, path);
    unlink(full);
    for (char *at; (at = strrchr(full + strlen(root) + 1, '/'));) {
        *at = '\0';
        rmdir(full);
    }
}

static size_t expected(long long limit)
{
    return limit == NONE ? SIZE_MAX : (size_t)limit;
}

static void check(const char *root, const char *membership, const tree *t)
{
    for (const file *f = t->files; f < t->files + FILES && f->path; f++)
        put(root, f->path, f->text);
    if (t->membership) put(root, "membership", t->membership);
    fv__cgroup found = fv__cgroup_limits(root, membership);
    if (found.memory != expected(t->memory)
        || found.processors != expected(t->processors))
        fail_msg("%s: %zu bytes and %zu processors", t->name, found.memory,
                 found.processors);
    unlink(membership);
    for (const file *f = t->files; f < t->files + FILES && f->path; f++)
        take_away(root, f->path);
}

static void test_trees(void **state)
{
    (void)state;
    char root[] = "/tmp/fovea-cgroup-XXXXXX", membership[PATH];
    assert_non_null(mkdtemp(root));
    snprintf(membership, sizeof membership, "%s/membership", root);
    for (size_t i = 0; i < sizeof trees / sizeof *trees; i++)
        check(root, membership, &trees[i]);
    assert_int_equal(rmdir(root), 0);
}

/* Paths longer than any buffer are no limit, and no other group's. */
static void test_long_paths(void **state)
{
    (void)state;
    char root[] = "/tmp/fovea-cgroup-XXXXXX", membership[PATH];
    static char text[7000];
    assert_non_null(mkdtemp(root));
    snprintf(membership, sizeof membership, "%s/membership", root);
    memset(text, 'a', sizeof text - 1);
    memcpy(text, "0::/", 4);
    put(root, "membership", text);
    put(root, "memory.max", "5000\n");
    assert_int_equal(fv__cgroup_limits(root, membership).memory, 5000);
    text[0] = '/';
    assert_int_equal(fv__cgroup_limits(text, membership).memory, SIZE_MAX);
    unlink(membership);
    take_away(root, "memory.max");
    assert_int_equal(rmdir(root), 0);
}

static void test_errno_stays(void **state)
{
    (void)state;
    errno = EDOM;
    fv__cgroup found = fv__cgroup_limits("/nowhere", "/nowhere/membership");
    assert_int_equal(errno, EDOM);
    assert_int_equal(found.memory, SIZE_MAX);
    assert_int_equal(found.processors, SIZE_MAX);
}

static void test_amounts(void **state)
{
    (void)state;
    char text[FV__AMOUNT];
    assert_string_equal(fv__amount(0, true, text), "0 bytes");
    assert_string_equal(fv__amount(1048575, true, text), "1048575 bytes");
    assert_string_equal(fv__amount(1048576, true, text), "1.0 MiB");
    assert_string_equal(fv__amount(1048577, true, text), "1.1 MiB");
    assert_string_equal(fv__amount(1048577, false, text), "1.0 MiB");
    assert_string_equal(fv__amount(2097151, false, text), "1.9 MiB");
    assert_string_equal(fv__amount(2097151, true, text), "2.0 MiB");
    assert_string_equal(fv__amount(157286400, true, text), "150.0 MiB");
    assert_string_equal(fv__amount(SIZE_MAX, true, text),
                        "17592186044416.0 MiB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trees),
        cmocka_unit_test(test_long_paths),
        cmocka_unit_test(test_errno_stays),
        cmocka_unit_test(test_amounts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
