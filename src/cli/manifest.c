/* Divides a data set of files into parts, and writes them as a manifest. */
#define _XOPEN_SOURCE 700 /* realpath */
#include "cli/survey.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A manifest while it is written. */
typedef struct manifest {
    fv_context *context;
    const char *path;
    char temporary[CLI_PATH];
    char folder[CLI_PATH]; /* absolute, of the file, with '/' at its end */
    FILE *file;
} manifest;

static void fail(const manifest *m, const char *path)
{
    fv_fail(m->context, FV_IO, "%s: %s", path, strerror(errno));
}

/* A field, in quotes where it needs them. */
static void put_field(FILE *file, const char *text)
{
    const size_t length = strlen(text);
    const bool plain = length && !strpbrk(text, ",\"\r\n") && text[0] != ' '
                       && text[length - 1] != ' ';
    if (!plain) putc('"', file);
    for (; *text; text++) {
        if (*text == '"') putc('"', file);
        putc(*text, file);
    }
    if (!plain) putc('"', file);
}

/* Writes a row; the path is relative to the folder of the manifest if the file
 * lies in it. */
static void put_row(const manifest *m, const fv_dataset *set, int64_t index,
                    int64_t label, const char *part)
{
    const char *path = fv_dataset_path(set, index);
    const char *name = fv_dataset_class_name(set, label);
    const size_t length = strlen(m->folder);
    if (strchr(name, ';')) {
        fv_fail(m->context, FV_UNSUPPORTED,
                "%s: the name of class %s has a semicolon, which separates "
                "labels in a manifest",
                m->path, name);
        return;
    }
    char whole[CLI_PATH];
    if (!realpath(path, whole)) {
        fail(m, path);
        return;
    }
    put_field(m->file,
              strncmp(whole, m->folder, length) == 0 ? whole + length : whole);
    putc(',', m->file);
    put_field(m->file, name);
    fprintf(m->file, ",%s\n", part);
}

static void put_part(const manifest *m, const fv_dataset *set, const char *part)
{
    const fv_tensor *labels = fv_dataset_labels(set);
    for (int64_t i = 0; i < fv_dataset_count(set) && !fv_failed(m->context);
         i++)
        put_row(m, set, i, ((const int64_t *)labels->data)[i], part);
}

/* Opens a new file beside the manifest. */
static bool begin(manifest *m, bool force)
{
    char folder[CLI_PATH], whole[CLI_PATH];
    const char *slash = strrchr(m->path, '/');
    const int length = slash ? (int)(slash - m->path) + 1 : 0;
    const int used =
        snprintf(m->temporary, sizeof m->temporary, "%s.XXXXXX", m->path);
    if (used < 0 || (size_t)used >= sizeof m->temporary) {
        errno = ENAMETOOLONG;
        fail(m, m->path);
        return false;
    }
    if (!force && access(m->path, F_OK) == 0) {
        fv_fail(m->context, FV_MISUSE,
                "%s: there is a file already, --force would replace it",
                m->path);
        return false;
    }
    snprintf(folder, sizeof folder, "%.*s", length, m->path);
    const bool there = realpath(length ? folder : ".", whole) != NULL;
    if (there)
        snprintf(m->folder, sizeof m->folder, "%.*s/", CLI_PATH - 2,
                 strcmp(whole, "/") == 0 ? "" : whole);
    const int file = there ? mkstemp(m->temporary) : -1;
    const mode_t mask = umask(0);
    umask(mask);
    if (file >= 0) fchmod(file, 0666 & ~mask);
    m->file = file >= 0 ? fdopen(file, "w") : NULL;
    if (!m->file) fail(m, m->path);
    return m->file != NULL;
}

/* Completes the manifest, or removes what there is of it. */
static void end(manifest *m)
{
    const bool written = !fv_failed(m->context) && fflush(m->file) == 0
                         && !ferror(m->file) && fsync(fileno(m->file)) == 0;
    if (!written && !fv_failed(m->context)) fail(m, m->path);
    if (fclose(m->file) != 0 && !fv_failed(m->context)) fail(m, m->path);
    if (fv_failed(m->context) || rename(m->temporary, m->path) != 0) {
        if (!fv_failed(m->context)) fail(m, m->path);
        unlink(m->temporary);
    }
}

/* Takes a share of all from what is left of it; NULL for none. */
static fv_dataset *take(fv_dataset *set, double share, double left,
                        uint64_t seed)
{
    return share > 0 && share < left ? fv_dataset_split(set, share / left, seed)
                                     : NULL;
}

void cli_manifest_write(cli_survey *s, const char *path)
{
    const double *shares = s->options->split;
    const uint64_t seed = (uint64_t)s->options->seed;
    fv_dataset *all = s->sets[0];
    manifest m = { .context = s->context, .path = path };
    if (s->parts > 1 || *s->names[0])
        fv_fail(s->context, FV_MISUSE, "%s is divided into parts already",
                s->options->data);
    else if (s->num_damaged)
        fv_fail(s->context, FV_MISUSE,
                "%s: no manifest of data with damaged files, of which there "
                "are %lld",
                path, (long long)s->num_damaged);
    else if (!fv_dataset_labels(all) || !*fv_dataset_path(all, 0))
        fv_fail(s->context, FV_MISUSE,
                "%s: a manifest is for files with one class each",
                s->options->data);
    if (fv_failed(s->context) || !begin(&m, s->options->force)) return;
    fv_dataset *test = take(all, shares[2], 1, seed);
    fv_dataset *val = take(all, shares[1], 1 - shares[2], seed);
    fputs("path,label,split\n", m.file);
    put_part(&m, all, "train");
    if (val) put_part(&m, val, "val");
    if (test) put_part(&m, test, "test");
    end(&m);
}
