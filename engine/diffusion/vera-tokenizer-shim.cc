#include "engine/diffusion/vera-tokenizer-shim.h"

#include <vector>

#include <sentencepiece_processor.h>

void *
vera_sentencepiece_load(const char *path)
{
    try {
        auto *processor = new sentencepiece::SentencePieceProcessor();
        if (processor->Load(path).ok())
            return processor;
        delete processor;
    } catch (...) {
    }
    return nullptr;
}

void
vera_sentencepiece_free(void *processor)
{
    delete static_cast<sentencepiece::SentencePieceProcessor *>(processor);
}

long
vera_sentencepiece_encode(void *processor, const char *text, size_t length, int *ids, long max)
{
    try {
        std::vector<int> out;
        auto *self = static_cast<sentencepiece::SentencePieceProcessor *>(processor);
        if (!self->Encode(std::string(text, length), &out).ok())
            return -1;
        for (size_t i = 0; i < out.size() && static_cast<long>(i) < max; i++)
            ids[i] = out[i];
        return static_cast<long>(out.size());
    } catch (...) {
        return -1;
    }
}

int
vera_sentencepiece_get_n_pieces(void *processor)
{
    return static_cast<sentencepiece::SentencePieceProcessor *>(processor)->GetPieceSize();
}
