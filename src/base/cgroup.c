/* What the control groups of Linux, which containers are made of, leave to a
 * process: memory and processors. Elsewhere there are none. */
#include "base/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 4096, NUMBERS_BYTES = 128 };

/* Reads the first bytes of a file as text; false if there is none. Leaves errno
 * as it was. */
static bool read_text(const char *path, char *text, size_t bytes)
{
    int error = errno, file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = 0;
    size_t length = 0;
    if (file >= 0) {
        while (length < bytes - 1
               && (got = read(file, text + length, bytes - 1 - length)) > 0)
            length += (size_t)got;
        close(file);
    }
    text[length] = '\0';
    errno = error;
    return file >= 0 && got >= 0;
}

/* A decimal number that ends with a space, a newline or the text; *text is
 * moved behind it. False for "max", -1 and anything else, and for numbers that
 * no size_t holds: each means that there is no limit. */
static bool read_number(const char **text, size_t *number)
{
    const char *at = *text;
    size_t value = 0;
    for (; *at >= '0' && *at <= '9'; at++)
        if (!fv__multiply(value, 10, &value)
            || !fv__add(value, (size_t)(*at - '0'), &value))
            return false;
    if (at == *text || (*at && *at != ' ' && *at != '\n')) return false;
    *text = *at ? at + 1 : at;
    *number = value;
    return true;
}

/* Text of root/controller/group/file; false if there is no such file. */
static bool read_file_of(const char *folder, const char *file, char *text)
{
    char path[PATH_BYTES];
    int length = snprintf(path, sizeof path, "%s/%s", folder, file);
    return length >= 0 && (size_t)length < sizeof path
           && read_text(path, text, NUMBERS_BYTES);
}

static void limit_memory(fv__cgroup *found, const char *folder,
                         const char *file)
{
    char text[NUMBERS_BYTES];
    const char *at = text;
    size_t bytes;
    if (read_file_of(folder, file, text) && read_number(&at, &bytes) && !*at
        && bytes < found->memory)
        found->memory = bytes;
}

/* A part of a processor counts as one. */
static void limit_processors(fv__cgroup *found, size_t quota, size_t period)
{
    if (!period) return;
    size_t count = quota / period + (quota % period != 0);
    if (count < 1) count = 1;
    if (count < found->processors) found->processors = count;
}

static void read_unified(fv__cgroup *found, const char *folder)
{
    char text[NUMBERS_BYTES];
    const char *at = text;
    size_t quota, period;
    limit_memory(found, folder, "memory.max");
    if (read_file_of(folder, "cpu.max", text) && read_number(&at, &quota)
        && read_number(&at, &period))
        limit_processors(found, quota, period);
}

static void read_memory(fv__cgroup *found, const char *folder)
{
    limit_memory(found, folder, "memory.limit_in_bytes");
}

static void read_cpu(fv__cgroup *found, const char *folder)
{
    char quota_text[NUMBERS_BYTES], period_text[NUMBERS_BYTES];
    const char *quota_at = quota_text, *period_at = period_text;
    size_t quota, period;
    if (read_file_of(folder, "cpu.cfs_quota_us", quota_text)
        && read_file_of(folder, "cpu.cfs_period_us", period_text)
        && read_number(&quota_at, &quota) && read_number(&period_at, &period))
        limit_processors(found, quota, period);
}

/* Reads the group and all groups above it, whose limits hold too. A container
 * may see its own group as the root and yet be told its path outside, so that
 * folders on the way may be missing; of a path that leaves the root ("/..") the
 * root alone is read. */
static void read_groups(fv__cgroup *found, const char *root, const char *mount,
                        const char *group,
                        void (*read_group)(fv__cgroup *, const char *))
{
    char folder[PATH_BYTES - 64]; /* and the name of a file */
    int base = snprintf(folder, sizeof folder, "%s/%s", root, mount);
    if (base < 0 || (size_t)base >= sizeof folder) return;
    size_t top = (size_t)base, length = strlen(group);
    if (!strstr(group, "/..") && length < sizeof folder - top)
        memcpy(folder + top, group, length + 1);
    for (;;) {
        read_group(found, folder);
        char *last = strrchr(folder + top, '/');
        if (!last) return;
        *last = '\0';
    }
}

/* Whether a list "cpu,cpuacct" holds a name. */
static bool lists(const char *list, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = list; at; at = strchr(at, ',')) {
        if (*at == ',') at++;
        if (strncmp(at, name, length) == 0
            && (at[length] == ',' || at[length] == '\0'))
            return true;
    }
    return false;
}

/* A line "number:controllers:group"; version 2 has no controllers in it, and is
 * mounted at the root, or beside version 1 in a folder of its own. Version 1 is
 * mounted in folders named by a controller or by all of a line. */
static void read_line(fv__cgroup *found, const char *root, char *line)
{
    char *controllers = strchr(line, ':');
    char *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group || group[1] != '/') return;
    *group++ = '\0';
    controllers++;
    if (!*controllers) {
        read_groups(found, root, "", group, read_unified);
        read_groups(found, root, "unified", group, read_unified);
    }
    if (lists(controllers, "memory"))
        read_groups(found, root, "memory", group, read_memory);
    if (lists(controllers, "cpu")) {
        read_groups(found, root, "cpu", group, read_cpu);
        read_groups(found, root, controllers, group, read_cpu);
    }
}

fv__cgroup fv__cgroup_limits(const char *root, const char *membership)
{
    fv__cgroup found = { SIZE_MAX, SIZE_MAX };
    char text[8 * 1024];
    if (!read_text(membership, text, sizeof text)) return found;
    for (char *line = text, *end; line; line = end) {
        end = strchr(line, '\n');
        if (end) *end++ = '\0';
        read_line(&found, root, line);
    }
    return found;
}
