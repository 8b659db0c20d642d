/* Shows how training goes: a live bar on a terminal, a line an epoch anywhere
 * else. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_BYTES = 1024, LEAST_BAR = 8, MOST_BAR = 40 };
static const double redraw_seconds = 0.1;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

cli_progress cli_progress_begin(void)
{
    const char *term = getenv("TERM");
    const bool able = term && *term && strcmp(term, "dumb") != 0;
    return (cli_progress){ .terminal = able && isatty(STDERR_FILENO),
                           .colour = cli_colour(STDERR_FILENO),
                           .unicode = cli_unicode(),
                           .last = -1 };
}

/* "1:02:03" or "2:03" */
static void format_time(double seconds, char *text)
{
    if (!(seconds >= 0 && seconds < 1e9)) seconds = 0;
    const long s = (long)(seconds + 0.5);
    if (s >= 3600)
        snprintf(text, CLI_CELL, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60,
                 s % 60);
    else
        snprintf(text, CLI_CELL, "%ld:%02ld", s / 60, s % 60);
}

/* `width` characters, a `share` of them filled. */
static void format_bar(const cli_progress *bar, double share, int width,
                       char *text)
{
    const int filled = (int)(share * width);
    const char *full = bar->unicode ? "\u2501" : "=";
    const char *rest = bar->unicode ? "\u2500" : "-";
    *text = '\0';
    if (bar->colour) text += sprintf(text, "\x1b[32m");
    for (int i = 0; i < width; i++) {
        if (bar->colour && i == filled) text += sprintf(text, "\x1b[90m");
        text += sprintf(text, "%s", i < filled ? full : rest);
    }
    if (bar->colour) sprintf(text, "\x1b[0m");
}

/* One line that ends before the terminal does. */
static void draw(cli_progress *bar, const fv_progress *p)
{
    char left[CLI_CELL], head[CLI_CELL], tail[LINE_BYTES], time[CLI_CELL];
    char drawing[LINE_BYTES] = "";
    const double share = p->batches ? (double)p->batch / (double)p->batches : 1;
    format_time(p->seconds_left, time);
    cli_number((int64_t)p->images_per_s, left);
    const int begin = snprintf(head, sizeof head, "epoch %lld/%lld ",
                               (long long)p->epoch, (long long)p->epochs);
    const int end =
        snprintf(tail, sizeof tail,
                 " %3.0f%%  loss %.4f  accuracy %.4f  %s images/s  ETA %s",
                 100 * share, p->train.loss, p->train.accuracy, left, time);
    const int room = cli_columns(STDERR_FILENO) - 1;
    if (begin > room) return;
    int width = room - begin - end;
    if (width > MOST_BAR) width = MOST_BAR;
    if (width >= LEAST_BAR) format_bar(bar, share, width, drawing);
    fprintf(stderr, "\r%s%s%.*s\x1b[K", head, drawing, room - begin, tail);
    fflush(stderr);
    bar->drawn = true;
}

void cli_progress_end(cli_progress *bar)
{
    if (bar->drawn) fputs("\r\x1b[K", stderr);
    bar->drawn = false;
}

static void epoch_line(cli_progress *bar, const fv_progress *p)
{
    char speed[CLI_CELL];
    cli_progress_end(bar);
    fprintf(stderr,
            "epoch %lld/%lld  loss %.4f  accuracy %.4f  test loss %.4f  "
            "test accuracy %s%.4f%s  %s images/s\n",
            (long long)p->epoch, (long long)p->epochs, p->train.loss,
            p->train.accuracy, p->test->loss, bar->colour ? "\x1b[1m" : "",
            p->test->accuracy, bar->colour ? "\x1b[0m" : "",
            cli_number((int64_t)p->images_per_s, speed));
}

void cli_progress_show(void *user, const fv_progress *progress)
{
    cli_progress *bar = user;
    if (progress->test) {
        epoch_line(bar, progress);
        return;
    }
    if (!bar->terminal) return;
    const double time = now();
    if (time - bar->last < redraw_seconds) return;
    bar->last = time;
    draw(bar, progress);
}
