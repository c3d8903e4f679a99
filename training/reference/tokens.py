"""A tiny SentencePiece vocabulary and the ids that the reference gives to awkward texts.

Cleaning is diffusers' own `prompt_clean` with ftfy. Ids are SentencePiece's, cut to 511 pieces and
closed by the end mark.
"""
import pathlib
import tempfile

import sentencepiece

CORPUS = """
Add a large red balloon drifting up on the left.
Add a small blue kite to the sky, casting a soft shadow on the grass.
Change the background to a starry night over mountains. Keep the dancer intact.
Make the water calm and clear; "golden light" falls on it, doesn't it?
Remove nothing: keep 100% of the café, the naïve façade & the fountain (1920 x 1080).
在左侧添加一个缓缓上升的大红气球。把背景换成群山之上的星空，保持人物不变。
色调艳丽，过曝，静态，细节模糊不清，字幕，风格，作品，画作，画面，静止，整体发灰
左に大きな赤い風船を追加してください。 Ajoute un ballon rouge à gauche, s'il te plaît.
Füge links einen großen roten Ballon hinzu. Добавь слева большой красный шар.
"""
TEXTS = [
    "", "a", " ", "Add a large red balloon drifting up on the left.",
    "  leading, trailing and   inner   spaces  ", "tabs\tand\nnew\r\nlines\u00a0and\u3000wide spaces\u2028lines",
    "“curly” ‘quotes’ and it’s „low“ ‚single‘ \u02bcmodifier\u02bc ‛reversed‟",
    "a &lt;b&gt; &amp; c &quot;d&quot; &#39;e&#39; &#x27;f&#x27; &nbsp;g &hellip; &mdash; &eacute;",
    "&ldquo;curly by name&rdquo; &#8220;by number&#8221;", "<i>tags</i> &ldquo;keep&rdquo; &amp;amp;",
    "&amp;lt;twice&amp;gt; &amp;amp;amp; &amp;#39;", "not &entities; & alone &#xZZ; &#99999999; &;",
    "在左侧添加一个大红气球，保持人物不变。", "色调艳丽，过曝，静态，细节模糊不清",
    "ＦＵＬＬ　ｗｉｄｔｈ！（１２３）", "ﬁne ﬂow oﬃce ﬅop ĳs", "café cafe\u0301 A\u030angstro\u0308m Å",
    "e\u0301\u0323 stacked marks \u0928\u093f", "😀 👩‍👩‍👧 🇫🇷 ❤️", "zero\u200bwidth\u200djoin \ufeffbom soft\u00adhyphen",
    "½ ² ™ … № ㎏ Ⅳ", "\u1ea1\u0306 \u1e9b\u0323", "한국어 \u1112\u1161\u11ab العربية हिन्दी ไทย", "ｶﾞｷﾞ ﾊﾟ ￡ ￥",
    "bell\u0007 and \u001b[31mred\u001b[0m escape", "<pad> </s> <unk> <s> <0x41> ▁ ▁▁x",
    "x" * 40, "1234567890 3.14159 -5 +7 1/2 #8", "https://example.org/a?b=c&d=e#f %20 @ [] {} | \\ ^ ~ `",
    "red balloon " * 300, "气球" * 400, "😀" * 200,
]


def train(path):
    """Writes a unigram model with byte fallback, the NFKC character map and the special ids of umT5."""
    with tempfile.TemporaryDirectory() as folder:
        text = pathlib.Path(folder) / "corpus.txt"
        text.write_text(CORPUS, encoding="utf-8")
        sentencepiece.SentencePieceTrainer.train(
            input=str(text), model_prefix=f"{folder}/spiece", model_type="unigram", vocab_size=620,
            byte_fallback=True, character_coverage=1.0, normalization_rule_name="nmt_nfkc", num_threads=1,
            hard_vocab_limit=False, pad_id=0, eos_id=1, bos_id=2, unk_id=3, minloglevel=2)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((pathlib.Path(folder) / "spiece.model").read_bytes())


def encode(path, texts=TEXTS):
    """[{"text", "clean", "ids"}] of the reference."""
    from diffusers.pipelines.wan import pipeline_wan
    from diffusers.utils import is_ftfy_available
    if not is_ftfy_available():
        raise SystemExit("ftfy is missing; without it the reference cleans less")
    processor = sentencepiece.SentencePieceProcessor(model_file=str(path))
    out = []
    for text in texts:
        clean = pipeline_wan.prompt_clean(text)
        out.append({"text": text, "clean": clean, "ids": processor.encode(clean)[:511] + [1]})
    return out
