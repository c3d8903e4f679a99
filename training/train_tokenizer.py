#!/usr/bin/env python3
"""Trains the vocabulary: python3 training/train_tokenizer.py OUT/spiece.model. Unigram, byte fallback, ids as in T5."""
import io
import random
import sys

import sentencepiece
from vera_training.grammar import corpus


def main():
    model = io.BytesIO()
    lines = corpus(random.Random(1), 6000)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=model, vocab_size=900, model_type="unigram", byte_fallback=True,
        character_coverage=1.0, pad_id=0, eos_id=1, bos_id=2, unk_id=3, normalization_rule_name="nmt_nfkc",
        hard_vocab_limit=False, num_threads=1, minloglevel=2)
    with open(sys.argv[1], "wb") as out:
        out.write(model.getvalue())


if __name__ == "__main__":
    main()
