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
