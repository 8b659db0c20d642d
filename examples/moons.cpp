// Learns to tell two interleaved half circles apart, in C++20: options by name
// as in C, and a context that frees itself.
#include <fovea/fovea.h>

#include <cmath>
#include <cstdio>
#include <memory>

namespace
{

constexpr int points = 400, steps = 300;

struct Free {
    void operator()(fv_context *context) const { fv_context_free(context); }
};
using Context = std::unique_ptr<fv_context, Free>;

float at[points][2];
std::int64_t moon[points];

void draw_moons()
{
    for (int i = 0; i < points; i++) {
        const float angle = 3.1415927f * static_cast<float>(i / 2) * 2 / points;
        const float noise = 0.1f * std::sin(static_cast<float>(i) * 12.9898f);
        const bool lower = i % 2;
        moon[i] = lower;
        at[i][0] = (lower ? 1 - std::cos(angle) : std::cos(angle)) + noise;
        at[i][1] = (lower ? 0.5f - std::sin(angle) : std::sin(angle)) - noise;
    }
}

} // namespace

int main()
{
    draw_moons();
    const Context owner(
        fv_context_new(FV_OPTIONS(fv_context_options, .seed = 7)));
    fv_context *ctx = owner.get();
    const fv_tensor x = FV_TENSOR(at, FV_F32, points, 2);
    const fv_tensor y = FV_TENSOR(moon, FV_I64, points);
    fv_network *net = fv_network_of(
        ctx, fv_input(ctx, 2), fv_linear(ctx, 16, .name = "hidden"),
        fv_leaky_relu(ctx, 0.1), fv_linear(ctx, 16), fv_tanh(ctx),
        fv_linear(ctx, 2, .init = FV_INIT_XAVIER_UNIFORM),
        fv_softmax_cross_entropy(ctx));
    fv_optimizer *adam = fv_adamw(net, 0.01, 1e-4, .betas = { 0.9, 0.99 });

    fv_metrics last{};
    for (int step = 1; step <= steps && !fv_failed(ctx); step++) {
        last = fv_train_step(net, adam, &x, &y);
        if (step % 100 == 0)
            std::printf("step %d  loss %.4f  accuracy %.3f\n", step, last.loss,
                        last.accuracy);
    }
    if (fv_failed(ctx)) std::fprintf(stderr, "%s\n", fv_error(ctx));
    return fv_failed(ctx) || !(last.accuracy > 0.98);
}
