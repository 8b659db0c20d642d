/* Charts of curves over epochs, as SVG. */
#include "cli/report.h"

#include <math.h>

enum {
    WIDTH = 360,
    HEIGHT = 214,
    LEFT = 50,
    RIGHT = 10,
    TOP = 12,
    BOTTOM = 34
};
enum { MOST_DOTS = 40, MOST_HITS = 256, MOST_DRAWN = 200 };

/* Where a chart's values are. */
typedef struct frame {
    double x0, x1, y0, y1;
    double step; /* from one tick of the vertical axis to the next */
} frame;

static double across(const frame *f, double x)
{
    const double share = f->x1 > f->x0 ? (x - f->x0) / (f->x1 - f->x0) : 0.5;
    return LEFT + share * (WIDTH - LEFT - RIGHT);
}

static double up(const frame *f, double y)
{
    const double share = f->y1 > f->y0 ? (y - f->y0) / (f->y1 - f->y0) : 0.5;
    return HEIGHT - BOTTOM - fmin(fmax(share, 0), 1) * (HEIGHT - TOP - BOTTOM);
}

double cli_tick(double range, int most)
{
    if (!(range > 0)) return 1;
    const double power = pow(10, floor(log10(range / most)));
    for (int i = 0; i < 4; i++) {
        static const double steps[] = { 1, 2, 5, 10 };
        if (range / (power * steps[i]) <= most) return power * steps[i];
    }
    return 10 * power;
}

/* Ranges that hold all values; those of steps, which are many, may leave the
 * chart above. */
static frame frame_of(const cli_plot *plot)
{
    const double infinite = (double)INFINITY;
    frame f = { infinite, -infinite, infinite, -infinite, 1 };
    double most = -infinite; /* of curves with few points */
    for (int c = 0; c < plot->count; c++) {
        const cli_curve *curve = &plot->curves[c];
        for (int i = 0; i < curve->points; i++) {
            const double y = curve->value(&curve->series->at[i]);
            const double x = curve->series->at[i].epoch;
            if (!isfinite(y)) continue;
            f.x0 = fmin(f.x0, x), f.x1 = fmax(f.x1, x);
            f.y0 = fmin(f.y0, y), f.y1 = fmax(f.y1, y);
            if (curve->colour[0] != 'd') most = fmax(most, y);
        }
    }
    if (f.x0 > f.x1) return (frame){ 0, 1, 0, 1, 1 };
    if (isfinite(most)) f.y1 = fmin(f.y1, f.y0 + 1.6 * (most - f.y0));
    if (!(f.y1 > f.y0) && f.y0 > 0) f.y0 = 0, f.y1 *= 1.5;
    if (!(f.y1 > f.y0)) f.y1 = f.y0 + 1;
    if (f.y0 > 0 && f.y0 < 0.5 * f.y1) f.y0 = 0;
    f.step = cli_tick(f.y1 - f.y0, 5);
    f.y0 = f.step * floor(f.y0 / f.step + 1e-9);
    f.y1 = f.step * ceil(f.y1 / f.step - 1e-9);
    if (plot->share) f.y1 = fmin(f.y1, 1);
    return f;
}

/* The number of the first tick in a range, and of the last one. */
static int first_tick(double from, double step)
{
    return (int)ceil(from / step - 1e-9);
}

static int last_tick(double to, double step)
{
    return (int)floor(to / step + 1e-9);
}

static void draw_axes(cli_page *page, const frame *f)
{
    const double down = f->step;
    const double wide = cli_tick(f->x1 - f->x0, 8), right = fmax(wide, 1);
    for (int i = first_tick(f->y0, down); i <= last_tick(f->y1, down); i++)
        cli_put(page,
                "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" "
                "y2=\"%.1f\"/><text class=\"tick\" x=\"%d\" y=\"%.1f\" "
                "text-anchor=\"end\">%.4g</text>\n",
                LEFT, WIDTH - RIGHT, up(f, i * down), up(f, i * down), LEFT - 7,
                up(f, i * down) + 4, i * down);
    for (int i = first_tick(f->x0, right); i <= last_tick(f->x1, right); i++)
        cli_put(page,
                "<text class=\"tick\" x=\"%.1f\" y=\"%d\" "
                "text-anchor=\"middle\">%.4g</text>\n",
                across(f, i * right), HEIGHT - BOTTOM + 17, i * right);
    cli_put(page,
            "<text class=\"tick\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">"
            "epochs</text>\n",
            (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 2);
}

/* The mean of the values at i.. and of their epochs; NaN: there are none. */
static cli_point mean_of(const cli_curve *curve, int i, int count)
{
    cli_point mean = { 0 };
    int known = 0;
    for (int k = i; k < i + count && k < curve->points; k++) {
        const double y = curve->value(&curve->series->at[k]);
        if (!isfinite(y)) continue;
        mean.epoch += curve->series->at[k].epoch;
        mean.loss += y;
        known++;
    }
    if (!known) return (cli_point){ .loss = (double)NAN };
    mean.epoch /= known;
    mean.loss /= known;
    return mean;
}

static void draw_curve(cli_page *page, const frame *f, const cli_curve *curve)
{
    int drawn = 0;
    const int group = (curve->points + MOST_DRAWN - 1) / MOST_DRAWN;
    cli_put(page, "<path class=\"curve %s\" d=\"", curve->colour);
    for (int i = 0; i < curve->points; i += group) {
        const cli_point p = mean_of(curve, i, group);
        if (isnan(p.loss)) continue;
        cli_put(page, "%c%.1f %.1f", drawn++ ? 'L' : 'M', across(f, p.epoch),
                up(f, p.loss));
    }
    cli_put(page, "\"/>\n");
    if (curve->points > MOST_DOTS) return;
    for (int i = 0; i < curve->points; i++) {
        const cli_point *p = &curve->series->at[i];
        const double y = curve->value(p);
        if (isfinite(y))
            cli_put(page,
                    "<circle class=\"dot %s\" cx=\"%.1f\" cy=\"%.1f\" "
                    "r=\"3\"/>\n",
                    curve->colour, across(f, p->epoch), up(f, y));
    }
}

/* A strip for each epoch that tells its values: as a title, and to the
 * script. */
static void draw_hits(cli_page *page, const frame *f, const cli_plot *plot)
{
    const cli_curve *first = &plot->curves[0];
    const int every = (first->points + MOST_HITS - 1) / MOST_HITS;
    for (int i = 0; i < first->points; i += every) {
        const double x = across(f, first->series->at[i].epoch);
        const double before =
            i >= every ? (x + across(f, first->series->at[i - every].epoch)) / 2
                       : LEFT;
        const double after =
            i + every < first->points
                ? (x + across(f, first->series->at[i + every].epoch)) / 2
                : WIDTH - RIGHT;
        cli_put(page,
                "<rect class=\"hit\" data-x=\"%.1f\" x=\"%.1f\" y=\"%d\" "
                "width=\"%.1f\" height=\"%d\"><title>epoch %.4g",
                x, before, TOP, after - before, HEIGHT - TOP - BOTTOM,
                first->series->at[i].epoch);
        for (int c = 0; c < plot->count; c++) {
            const cli_curve *curve = &plot->curves[c];
            if (curve->series != first->series || i >= curve->points) continue;
            cli_put(page, "\n%s %.5g", curve->name,
                    curve->value(&curve->series->at[i]));
        }
        cli_put(page, "</title></rect>\n");
    }
}

static bool has_values(const cli_curve *curve)
{
    for (int i = 0; i < curve->points; i++)
        if (isfinite(curve->value(&curve->series->at[i]))) return true;
    return false;
}

void cli_plot_draw(cli_page *page, const cli_plot *plot)
{
    const frame f = frame_of(plot);
    cli_put(page, "<figure class=\"chart\"><figcaption><b>%s</b>", plot->title);
    for (int c = 0; plot->count > 1 && c < plot->count; c++)
        if (has_values(&plot->curves[c]))
            cli_put(page, " <span class=\"key\"><i class=\"%s\"></i>%s</span>",
                    plot->curves[c].colour, plot->curves[c].name);
    cli_put(page,
            "</figcaption>\n<svg viewBox=\"0 0 %d %d\" role=\"img\" "
            "aria-label=\"%s over epochs\">\n",
            WIDTH, HEIGHT, plot->title);
    draw_axes(page, &f);
    for (int c = plot->count - 1; c >= 0; c--)
        draw_curve(page, &f, &plot->curves[c]);
    cli_put(page, "<line class=\"cross\" y1=\"%d\" y2=\"%d\"/>\n", TOP,
            HEIGHT - BOTTOM);
    draw_hits(page, &f, plot);
    cli_put(page, "</svg></figure>\n");
}
