/* A folder of a test program's own, and the names of two files in it. */
#ifndef FV_TESTS_FOLDER_H
#define FV_TESTS_FOLDER_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[64], path[128], other_path[128];

static inline int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/fovea-test-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/model", folder);
    snprintf(other_path, sizeof other_path, "%s/other", folder);
    return 0;
}

/* Fails if another file was left. */
static inline int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    unlink(other_path);
    return rmdir(folder);
}

#endif
