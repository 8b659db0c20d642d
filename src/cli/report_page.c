/* The page of a report: an HTML file that is complete or not there, with its
 * style, and texts of users that cannot become markup. */
#include "cli/report.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* How each report begins. */
static const char begin[] = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
                            "<meta charset=\"utf-8\">\n"
                            "<meta name=\"generator\" content=\"fovea ";

fv_status cli_page_check(fv_context *context, const char *path, bool force)
{
    char text[sizeof begin] = "";
    if (force || fv_failed(context)) return fv_failed(context);
    FILE *file = fopen(path, "rb");
    if (!file) return FV_OK;
    const size_t bytes = fread(text, 1, sizeof begin - 1, file);
    fclose(file);
    if (bytes && memcmp(text, begin, sizeof begin - 1) != 0)
        fv_fail(context, FV_MISUSE,
                "%s: the file there is no report, --force would replace it",
                path);
    return fv_failed(context);
}

static fv_status failed(cli_page *page)
{
    return fv_fail(page->context, FV_IO, "%s: cannot write: %s", page->path,
                   errno ? strerror(errno) : "the write failed");
}

/* Opens the temporary file beside the one that it will replace. */
static fv_status open_file(cli_page *page, const char *path)
{
    struct stat status;
    if (snprintf(page->path, CLI_PATH, "%s", path) >= CLI_PATH
        || !cli_follow_links(page->path))
        return fv_fail(page->context, FV_LIMIT, "a path of %zu characters",
                       strlen(path));
    const int length = snprintf(page->temporary, CLI_PATH, "%s.%ld.part",
                                page->path, (long)getpid());
    if (length < 0 || length >= CLI_PATH)
        return fv_fail(page->context, FV_LIMIT, "a path of %zu characters",
                       strlen(path));
    const int file =
        open(page->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file < 0) return failed(page);
    if (stat(page->path, &status) == 0) {
        if (S_ISREG(status.st_mode)) (void)fchmod(file, status.st_mode & 0777);
    }
    page->file = fdopen(file, "wb");
    if (page->file) return FV_OK;
    failed(page);
    close(file);
    unlink(page->temporary);
    return fv_failed(page->context);
}

fv_status cli_page_begin(cli_page *page, fv_context *context, const char *path,
                         const char *title)
{
    *page = (cli_page){ .context = context };
    if (fv_failed(context) || open_file(page, path) != FV_OK)
        return fv_failed(context);
    cli_put(page, "%s%s\">\n", begin, fv_version());
    cli_put(page, "<meta name=\"viewport\" "
                  "content=\"width=device-width, initial-scale=1\">\n"
                  "<meta name=\"color-scheme\" content=\"light dark\">\n"
                  "<meta http-equiv=\"Content-Security-Policy\" "
                  "content=\"default-src 'none'; img-src data:; "
                  "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n"
                  "<title>");
    cli_put_text(page, title);
    cli_put(page, "</title>\n<style>\n%s</style>\n</head>\n<body>\n",
            (const char *)cli_page_css);
    return FV_OK;
}

fv_status cli_page_end(cli_page *page)
{
    FILE *file = page->file;
    if (!file) return fv_failed(page->context);
    cli_put(page, "<script>\n%s</script>\n</body>\n</html>\n",
            (const char *)cli_page_js);
    page->file = NULL;
    errno = page->error;
    const bool lost = page->error || fflush(file) != 0
                      || (fsync(fileno(file)) != 0 && errno != EINVAL);
    if (lost) failed(page);
    if (fclose(file) != 0 && !lost) failed(page);
    if (!fv_failed(page->context) && rename(page->temporary, page->path) != 0)
        failed(page);
    if (fv_failed(page->context)) unlink(page->temporary);
    return fv_failed(page->context);
}

void cli_put(cli_page *page, const char *format, ...)
{
    va_list list;
    if (!page->file) return;
    va_start(list, format);
    if (vfprintf(page->file, format, list) < 0 && !page->error)
        page->error = errno;
    va_end(list);
}

void cli_put_bytes(cli_page *page, const void *bytes, size_t count)
{
    if (page->file && fwrite(bytes, 1, count, page->file) != count
        && !page->error)
        page->error = errno;
}

/* Bytes of the character of UTF-8 at `text`; 0 if it is none, or one that HTML
 * does not have. */
static int character(const unsigned char *text)
{
    const unsigned char c = text[0];
    const int bytes = c < 0x80   ? 1
                      : c < 0xc2 ? 0
                      : c < 0xe0 ? 2
                      : c < 0xf0 ? 3
                      : c < 0xf5 ? 4
                                 : 0;
    if (bytes == 1) return c >= ' ' && c != 0x7f;
    for (int i = 1; i < bytes; i++)
        if ((text[i] & 0xc0) != 0x80) return 0;
    const bool wrong =
        (c == 0xe0 && text[1] < 0xa0) || (c == 0xed && text[1] > 0x9f)
        || (c == 0xf0 && text[1] < 0x90) || (c == 0xf4 && text[1] > 0x8f)
        || (c == 0xc2 && text[1] < 0xa0);
    return wrong ? 0 : bytes;
}

void cli_put_text(cli_page *page, const char *text)
{
    const unsigned char *at = (const unsigned char *)(text ? text : "");
    while (page->file && *at) {
        const int bytes = character(at);
        if (strchr("&<>\"'", *at))
            cli_put(page, "&#%d;", *at);
        else if (bytes)
            cli_put_bytes(page, at, (size_t)bytes);
        else
            cli_put(page, *at == '\n' || *at == '\t' ? " " : "&#xfffd;");
        at += bytes ? bytes : 1;
    }
}

void cli_section(cli_page *page, const char *id, const char *title,
                 const char *note)
{
    cli_put(page, "<section id=\"%s\">\n<h2>%s</h2>\n", id, title);
    if (note) cli_put(page, "<p class=\"note\">%s</p>\n", note);
}

void cli_section_end(cli_page *page) { cli_put(page, "</section>\n"); }

void cli_put_value(cli_page *page, const char *name, double value,
                   const char *text)
{
    cli_put(page, "<data class=\"%s\" value=\"", name);
    if (isfinite(value)) cli_put(page, "%.17g", value);
    cli_put(page, "\">%s</data>", text);
}

const char *cli_share(double value, char *text)
{
    snprintf(text, CLI_CELL, isnan(value) ? "\u2013" : "%.4f", value);
    return text;
}

const char *cli_short_number(double value, char *text)
{
    static const char *const units[] = { "", " k", " M", " G", " T" };
    int unit = 0;
    while (fabs(value) >= 999.5 && unit < 4) value /= 1000, unit++;
    snprintf(text, CLI_CELL, "%.*f%s",
             unit == 0            ? 0
             : fabs(value) >= 100 ? 0
             : fabs(value) >= 10  ? 1
                                  : 2,
             value, units[unit]);
    return text;
}
