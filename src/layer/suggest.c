/* Suggests a word for an unknown one in the network text: the same in another
 * spelling, a synonym of another framework, or a typing error. */
#include "layer/text.h"

#include <stdio.h>
#include <string.h>

enum { LONGEST = 32 };

/* Words of other frameworks, in lower case without _ and -, and ours. */
static const char *const synonyms[][2] = {
    { "affine", "linear" },
    { "dense", "linear" },
    { "fc", "linear" },
    { "fullyconnected", "linear" },
    { "gemm", "linear" },
    { "innerproduct", "linear" },
    { "conv", "conv2d" },
    { "convolution", "conv2d" },
    { "convolution2d", "conv2d" },
    { "convolutional", "conv2d" },
    { "bn", "batchnorm" },
    { "batchnorm2d", "batchnorm" },
    { "batchnormalization", "batchnorm" },
    { "ln", "layernorm" },
    { "layernormalization", "layernorm" },
    { "gn", "groupnorm" },
    { "groupnormalization", "groupnorm" },
    { "instancenorm2d", "instancenorm" },
    { "instancenormalization", "instancenorm" },
    { "rmsnormalization", "rmsnorm" },
    { "normalize", "l2norm" },
    { "localresponsenorm", "lrn" },
    { "localresponsenormalization", "lrn" },
    { "maxpool2d", "maxpool" },
    { "maxpooling", "maxpool" },
    { "maxpooling2d", "maxpool" },
    { "avgpool2d", "avgpool" },
    { "avgpooling", "avgpool" },
    { "averagepool", "avgpool" },
    { "averagepooling2d", "avgpool" },
    { "averagepooling1d", "avgpool1d" },
    { "averagepooling3d", "avgpool3d" },
    { "maxpooling1d", "maxpool1d" },
    { "maxpooling3d", "maxpool3d" },
    { "lppool2d", "lppool" },
    { "adaptiveavgpool1d", "adaptive_avgpool" },
    { "adaptiveavgpool2d", "adaptive_avgpool" },
    { "adaptiveavgpool3d", "adaptive_avgpool" },
    { "adaptiveaveragepool", "adaptive_avgpool" },
    { "adaptivemaxpool1d", "adaptive_maxpool" },
    { "adaptivemaxpool2d", "adaptive_maxpool" },
    { "adaptivemaxpool3d", "adaptive_maxpool" },
    { "globalmaxpooling1d", "global_max_pool" },
    { "globalmaxpooling2d", "global_max_pool" },
    { "globalmaxpooling3d", "global_max_pool" },
    { "maxunpool1d", "max_unpool" },
    { "maxunpool2d", "max_unpool" },
    { "maxunpool3d", "max_unpool" },
    { "globalaveragepooling1d", "global_average_pool" },
    { "globalaveragepooling3d", "global_average_pool" },
    { "gap", "global_average_pool" },
    { "globalaveragepooling2d", "global_average_pool" },
    { "globalavgpool", "global_average_pool" },
    { "inputlayer", "input" },
    { "residual", "add" },
    { "shortcut", "add" },
    { "sum", "add" },
    { "cat", "concat" },
    { "concatenate", "concat" },
    { "route", "concat" },
    { "lrelu", "leaky_relu" },
    { "swish", "silu" },
    { "hswish", "hard_swish" },
    { "hsigmoid", "hard_sigmoid" },
    { "bce", "sigmoid_cross_entropy" },
    { "bceloss", "sigmoid_cross_entropy" },
    { "bcewithlogitsloss", "sigmoid_cross_entropy" },
    { "binarycrossentropy", "sigmoid_cross_entropy" },
    { "crossentropy", "softmax_cross_entropy" },
    { "crossentropyloss", "softmax_cross_entropy" },
    { "categoricalcrossentropy", "softmax_cross_entropy" },
    { "sparsecategoricalcrossentropy", "softmax_cross_entropy" },
    { "mseloss", "mse" },
    { "meansquarederror", "mse" },
    { "channels", "num_filters" },
    { "filters", "num_filters" },
    { "outchannels", "num_filters" },
    { "outfeatures", "num_outputs" },
    { "outputs", "num_outputs" },
    { "units", "num_outputs" },
    { "filtersize", "kernel" },
    { "kernelshape", "kernel" },
    { "kernelsize", "kernel" },
    { "ksize", "kernel" },
    { "poolsize", "kernel" },
    { "size", "kernel" },
    { "strides", "stride" },
    { "subsample", "stride" },
    { "pad", "padding" },
    { "pads", "padding" },
    { "dilate", "dilation" },
    { "dilationrate", "dilation" },
    { "dilations", "dilation" },
    { "numgroups", "groups" },
    { "normalizedshape", "axes" },
    { "elementwiseaffine", "affine" },
    { "usebias", "bias" },
    { "kernelinitializer", "init" },
    { "gray", "grey" },
    { "grayscale", "grey" },
    { "randomgrayscale", "grey" },
    { "horizontalflip", "flip" },
    { "randomhorizontalflip", "flip" },
    { "randomverticalflip", "vertical_flip" },
    { "rotate", "rotation" },
    { "randomrotation", "rotation" },
    { "randomaffine", "affine" },
    { "randomperspective", "perspective" },
    { "randomerasing", "cutout" },
    { "gaussianblur", "blur" },
    { "gaussiannoise", "noise" },
    { "trivialaugmentwide", "trivialaugment" },
    { "eps", "epsilon" },
    { "p", "probability" },
    { "rate", "probability" },
    { "lr", "learning_rate" },
    { "alpha", "slope" },
    { "negativeslope", "slope" },
    { "slope", "alpha" },
    { "countincludepad", "count_padding" },
    { "divisoroverride", "divisor" },
    { "normtype", "p" },
    { "bottom", "from" },
    { "input", "from" },
    { "inputs", "from" },
    { "id", "name" },
    { "label", "name" },
    { "sameupper", "same" },
    { "glorot", "xavier_uniform" },
    { "glorotnormal", "xavier_normal" },
    { "glorotuniform", "xavier_uniform" },
    { "he", "kaiming_normal" },
    { "henormal", "kaiming_normal" },
    { "heuniform", "kaiming_uniform" },
    { "kaiming", "kaiming_normal" },
    { "xavier", "xavier_uniform" },
    { "zero", "zeros" },
    { "fanavg", "average" },
    { "fanin", "in" },
    { "fanout", "out" },
    { "1", "yes" },
    { "on", "yes" },
    { "true", "yes" },
    { "0", "no" },
    { "false", "no" },
    { "none", "no" },
    { "off", "no" },
};

/* Writes the word in lower case without _ and -; returns its length. */
static int simplify(const char *word, size_t length, char out[LONGEST + 1])
{
    int used = 0;
    for (size_t i = 0; i < length && used < LONGEST; i++) {
        char c = word[i];
        if (c == '_' || c == '-') continue;
        if (c >= 'A' && c <= 'Z') c = (char)(c - 'A' + 'a');
        out[used++] = c;
    }
    out[used] = '\0';
    return used;
}

/* The Levenshtein distance: insertions, deletions and replacements of
 * characters. */
static int distance(const char *a, const char *b)
{
    int row[LONGEST + 1];
    const int columns = (int)strlen(b);
    for (int j = 0; j <= columns; j++) row[j] = j;
    for (int i = 1; a[i - 1]; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= columns; j++) {
            const int change = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            int least = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            row[j] = change < least ? change : least;
        }
    }
    return row[columns];
}

/* The cost of the word as a suggestion: 0 for another spelling, 1 for a
 * synonym, more for a typing error. */
static int cost_of(const char *simple, const char *word)
{
    char candidate[LONGEST + 1];
    simplify(word, strlen(word), candidate);
    if (strcmp(simple, candidate) == 0) return 0;
    for (size_t i = 0; i < sizeof synonyms / sizeof synonyms[0]; i++)
        if (strcmp(simple, synonyms[i][0]) == 0
            && strcmp(word, synonyms[i][1]) == 0)
            return 1;
    return 1 + distance(simple, candidate);
}

const char *fv__suggestion(const fv__token *token, const char *const *words,
                           char out[64])
{
    char simple[LONGEST + 1];
    const int length = simplify(token->at, token->length, simple);
    /* typing errors: none in words of one or two characters, one in up to five,
     * else two */
    int least = (length > 2) + (length > 5) + 2;
    const char *best = NULL;
    for (int i = 0; words[i]; i++) {
        const int cost = *words[i] ? cost_of(simple, words[i]) : least;
        if (cost >= least) continue;
        least = cost;
        best = words[i];
    }
    *out = '\0';
    if (best) snprintf(out, 64, "; did you mean \"%s\"?", best);
    return out;
}
