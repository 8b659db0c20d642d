/* Small charts of one line. */
#include "cli/cli.h"

#include <math.h>
#include <string.h>

void cli_chart_add(cli_chart *chart, double value)
{
    if (chart->count == CLI_CHART) {
        memmove(chart->values, chart->values + 1,
                (CLI_CHART - 1) * sizeof *chart->values);
        chart->count--;
    }
    chart->values[chart->count++] = value;
}

const char *cli_sparkline(const cli_chart *chart, int width, bool unicode,
                          char *text)
{
    static const char *const blocks[] = { "\u2581", "\u2582", "\u2583",
                                          "\u2584", "\u2585", "\u2586",
                                          "\u2587", "\u2588" };
    static const char *const ascii[] = {
        "_", ".", "-", "~", "=", "+", "*", "#"
    };
    const int count = chart->count < width ? chart->count : width;
    const double *values = chart->values + chart->count - count;
    double least = (double)INFINITY, most = -(double)INFINITY;
    char *to = text;
    for (int i = 0; i < count; i++) {
        if (!isfinite(values[i])) continue;
        least = fmin(least, values[i]);
        most = fmax(most, values[i]);
    }
    for (int i = 0; i < count; i++) {
        const double range = most - least;
        int level = 0;
        if (isfinite(values[i]) && range > 0)
            level = (int)((values[i] - least) / range * 7.999);
        const char *mark = !isfinite(values[i]) ? "?"
                           : unicode            ? blocks[level]
                                                : ascii[level];
        const size_t bytes = strlen(mark);
        memcpy(to, mark, bytes);
        to += bytes;
    }
    *to = '\0';
    return text;
}
