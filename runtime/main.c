/* Reads the inputs, one after the other, as the bytes of floats from standard
 * input and writes the outputs so, or compares three examples. */

#include <stdio.h>

static float example_input[INPUTS], example_output[OUTPUTS];

static void set_example(int number)
{
    for (size_t i = 0; i < INPUTS; i++)
        example_input[i] =
            (float)((int)example_inputs[number][i] - 128) / 64.0f;
}

/* The largest difference from the answer, in units of its largest number. */
static float difference(int number)
{
    float most = 0, scale = 0;
    for (size_t i = 0; i < OUTPUTS; i++) {
        float expected;
        memcpy(&expected, &example_answers[number][i], sizeof expected);
        const float d = fabsf(example_output[i] - expected);
        if (!(d <= most)) most = d;
        if (fabsf(expected) > scale) scale = fabsf(expected);
    }
    return scale > 0 ? most / scale : most;
}

#ifdef TRAINS
/* FNV-1a of the bits of all that is trained. */
static uint32_t hash_of_weights(void)
{
    uint32_t hash = 2166136261u;
    const float *trained_numbers = train_weights();
    for (size_t i = 0; i < TRAINED; i++) {
        uint32_t bits;
        memcpy(&bits, &trained_numbers[i], sizeof bits);
        hash = (hash ^ bits) * 16777619u;
    }
    return hash;
}

/* Three steps, then all is as before. */
static int training_test(void)
{
    int wrong = 0;
    printf("training: %lu bytes of memory\n", (unsigned long)TRAIN_BYTES);
    train_reset();
    for (int i = 0; i < 3; i++) {
        set_example(i);
        const float loss = train_example(i, example_input);
        const bool same = memcmp(&loss, &example_losses[i], sizeof loss) == 0;
        printf("step %d: loss %.6f, %s bits\n", i + 1, (double)loss,
               same ? "the same" : "other");
        if (!same) wrong = 1;
    }
    const bool same = hash_of_weights() == example_hash;
    printf("weights: %s bits\n", same ? "the same" : "other");
    train_reset();
    if (!same) wrong = 1;
#ifdef FOVEA_NO_FMA
    wrong = 0; /* other bits are right, too */
#endif
    return wrong;
}
#endif

static int self_test(void)
{
    int wrong = 0;
    printf("memory: %lu bytes of scratch, %lu of weights\n",
           (unsigned long)SCRATCH * (unsigned long)sizeof(float),
           (unsigned long)WEIGHTS * (unsigned long)sizeof(float));
    for (int i = 0; i < 3; i++) {
        set_example(i);
        run_example(example_input, example_output);
        const bool same =
            memcmp(example_output, example_answers[i], sizeof example_output)
            == 0;
#ifdef FOVEA_NO_FMA
        const bool right = difference(i) <= 1e-4f;
#else
        const bool right = same;
#endif
        if (same)
            printf("example %d: the same bits\n", i + 1);
        else
            printf("example %d: differs by %g of the largest output%s\n", i + 1,
                   (double)difference(i), right ? "" : ", wrong");
        if (!right) wrong = 1;
    }
#ifdef TRAINS
    if (training_test()) wrong = 1;
#endif
    return wrong;
}

int main(int argc, char **argv)
{
    int next = 1;
#ifdef WEIGHTS_APART
    static float memory[WEIGHTS + 1]; /* never empty */
    FILE *file = argc > next ? fopen(argv[next++], "rb") : NULL;
    if (!file || fread(memory, sizeof *memory, WEIGHTS, file) != WEIGHTS) {
        fprintf(stderr, "expected the file of weights\n");
        return 2;
    }
    fclose(file);
    use_weights(memory);
#endif
    if (argc > next && strcmp(argv[next], "--self-test") == 0)
        return self_test();
    if (fread(example_input, sizeof(float), INPUTS, stdin) != INPUTS) {
        fprintf(stderr, "expected %lu floats\n", (unsigned long)INPUTS);
        return 2;
    }
    run_example(example_input, example_output);
    return fwrite(example_output, sizeof(float), OUTPUTS, stdout) != OUTPUTS;
}
