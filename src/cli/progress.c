/* Shows how training goes: a live bar on a terminal, a line an epoch anywhere
 * else. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_BYTES = 1024, LEAST_BAR = 8, MOST_BAR = 30, CHART = 16 };
static const double redraw_seconds = 0.1;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

cli_progress cli_progress_begin(bool validation)
{
    const char *term = getenv("TERM");
    const bool able = term && *term && strcmp(term, "dumb") != 0;
    return (cli_progress){ .terminal = able && isatty(STDERR_FILENO),
                           .colour = cli_colour(STDERR_FILENO),
                           .unicode = cli_unicode(),
                           .validation = validation,
                           .last = -1 };
}

const char *cli_duration(double seconds, char *text)
{
    if (!(seconds >= 0 && seconds < 1e9)) seconds = 0;
    const long s = (long)(seconds + 0.5);
    if (s >= 3600)
        snprintf(text, CLI_CELL, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60,
                 s % 60);
    else
        snprintf(text, CLI_CELL, "%ld:%02ld", s / 60, s % 60);
    return text;
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

/* Goes back to where the bar begins, over the rows that it takes where the
 * terminal has become narrower. */
static void erase(const cli_progress *bar, int columns)
{
    const int rows =
        bar->drawn > 0 && columns > 0 ? (bar->drawn - 1) / columns : 0;
    if (rows)
        fprintf(stderr, "\r\x1b[%dA\x1b[J", rows);
    else
        fputc('\r', stderr);
}

/* What is behind the bar; returns its length. */
static int write_tail(const fv_progress *p, const char *rate, char *tail)
{
    char left[CLI_CELL], speed[CLI_CELL];
    const double share = p->batches ? (double)p->batch / (double)p->batches : 1;
    return snprintf(tail, LINE_BYTES,
                    " %3.0f%%  loss %.4f  accuracy %.4f%s  %s images/s  ETA %s",
                    100 * share, p->train.loss, p->train.accuracy, rate,
                    cli_number((int64_t)p->images_per_s, speed),
                    cli_duration(p->seconds_left, left));
}

/* One line that ends before the terminal does. */
static void draw(cli_progress *bar, const fv_progress *p)
{
    char head[CLI_CELL], tail[LINE_BYTES], rate[CLI_CELL];
    char drawing[LINE_BYTES] = "", chart[4 * CLI_CHART + 1] = "";
    const double share = p->batches ? (double)p->batch / (double)p->batches : 1;
    const int begin = snprintf(head, sizeof head, "epoch %lld/%lld ",
                               (long long)p->epoch, (long long)p->epochs);
    const int columns = cli_columns(STDERR_FILENO), room = columns - 1;
    if (begin > room) return;
    snprintf(rate, sizeof rate, "  rate %.3g", p->learning_rate);
    int end = write_tail(p, rate, tail);
    if (begin + end + LEAST_BAR > room) end = write_tail(p, "", tail);
    int width = room - begin - end, charted = 0;
    if (width >= LEAST_BAR + CHART) {
        cli_sparkline(&bar->losses, CHART, bar->unicode, chart);
        charted = bar->losses.count < CHART ? bar->losses.count : CHART;
        width -= CHART + 2;
    }
    if (width > MOST_BAR) width = MOST_BAR;
    if (width < LEAST_BAR) width = 0;
    if (width) format_bar(bar, share, width, drawing);
    erase(bar, columns);
    fprintf(stderr, "%s%s%.*s%s%s\x1b[K", head, drawing, room - begin, tail,
            charted ? "  " : "", chart);
    fflush(stderr);
    bar->drawn = begin + width + (end < room - begin ? end : room - begin)
                 + (charted ? charted + 2 : 0);
}

void cli_progress_end(cli_progress *bar)
{
    if (bar->drawn) {
        erase(bar, cli_columns(STDERR_FILENO));
        fputs("\x1b[K", stderr);
    }
    bar->drawn = 0;
}

static void epoch_line(cli_progress *bar, const fv_progress *p)
{
    char speed[CLI_CELL];
    const char *part = bar->validation ? "validation" : "test";
    cli_progress_end(bar);
    fprintf(stderr,
            "epoch %lld/%lld  loss %.4f  accuracy %.4f  %s loss %.4f  "
            "%s accuracy %s%.4f%s  %s images/s\n",
            (long long)p->epoch, (long long)p->epochs, p->train.loss,
            p->train.accuracy, part, p->test->loss, part,
            bar->colour ? "\x1b[1m" : "", p->test->accuracy,
            bar->colour ? "\x1b[0m" : "",
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
    cli_chart_add(&bar->losses, progress->last.loss);
    draw(bar, progress);
}
