/* Standard output and standard error: nothing that was written may get lost
 * unnoticed, and every failure ends with one sentence. */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Runs at the end of the program, argp's included. */
static void close_output(void)
{
    const bool lost = ferror(stdout) != 0;
    errno = 0;
    if (fclose(stdout) == 0 && !lost) return;
    cli_error("standard output: %s",
              errno ? strerror(errno) : "the write failed");
    _exit(CLI_FAILED);
}

/* A file that is opened later must not get the number of a closed standard
 * file; what is opened here refuses to be used. */
static void fill(int file, int flags)
{
    if (fcntl(file, F_GETFD) == -1 && errno == EBADF
        && open("/dev/null", flags) == -1)
        _exit(CLI_FAILED);
}

void cli_output_begin(void)
{
    fill(STDIN_FILENO, O_WRONLY);
    fill(STDOUT_FILENO, O_RDONLY);
    fill(STDERR_FILENO, O_RDONLY);
    if (atexit(close_output) != 0) _exit(CLI_FAILED);
}

void cli_error(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fputs("fovea: ", stderr);
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
    va_end(list);
}

int cli_end(fv_context *context, int code)
{
    if (fv_failed(context)) {
        cli_error("%s", fv_error(context));
        code = CLI_FAILED;
    }
    fv_context_free(context);
    return code;
}

static void log_line(void *user, const char *line)
{
    (void)user;
    fprintf(stderr, "%s\n", line);
}

fv_context *cli_context(const cli_options *options)
{
    fv_context *context = fv_context_new(FV_OPTIONS(
        fv_context_options, .dtype = options->dtype, .layout = options->layout,
        .seed = (uint64_t)options->seed, .threads = options->threads,
        .strict = options->strict, .log = log_line));
    if (context) return context;
    cli_error("out of memory");
    exit(CLI_FAILED);
}

bool cli_unicode(void) { return strcmp(nl_langinfo(CODESET), "UTF-8") == 0; }

bool cli_colour(int file)
{
    const char *none = getenv("NO_COLOR"), *term = getenv("TERM");
    return !(none && *none) && term && *term && strcmp(term, "dumb") != 0
           && isatty(file);
}

int cli_columns(int file)
{
    struct winsize size;
    if (!isatty(file)) return 0;
    if (ioctl(file, TIOCGWINSZ, &size) == 0 && size.ws_col) return size.ws_col;
    return 80;
}
