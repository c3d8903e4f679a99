"""The sentences: how an addition and a background change can be asked for. Plain Python random, seeded by the caller."""

SIZE_WORDS = {"small": ["small", "tiny", "little"], "medium": ["", "medium", "medium-sized"], "large": ["large", "big", "huge"]}
COLOR_WORDS = {"red": ["red"], "orange": ["orange"], "yellow": ["yellow"], "green": ["green"], "blue": ["blue"],
               "purple": ["purple", "violet"], "pink": ["pink"], "white": ["white"]}
KIND_WORDS = {"ball": ["ball", "beach ball"], "boat": ["boat", "sailing boat"], "cube": ["cube", "box"], "lantern": ["lantern", "paper lantern"],
              "car": ["car"], "fox": ["fox"]}
PLACE_WORDS = {"left": ["on the left", "on the left side", "at the left"], "right": ["on the right", "on the right side", "at the right"],
               "center": ["in the center", "in the middle", "in the centre"], "top": ["at the top", "near the top", "in the upper part"],
               "bottom": ["at the bottom", "near the bottom", "in the lower part"]}
MOTION_WORDS = {"still": ["", "standing still", "that does not move"], "up": ["drifting up", "rising", "floating upwards"],
                "right": ["moving right", "moving to the right", "drifting to the right"],
                "left": ["moving left", "moving to the left", "drifting to the left"], "bob": ["bobbing", "bobbing up and down", "bouncing"]}
VERBS = ["Add", "Put", "Place", "Insert", "Draw", "Let there be", "I want", "Create", "Show"]
PEOPLE = ["person", "man", "woman", "cyclist", "dancer", "walker", "girl", "boy", "child", "runner", "actor", "player", "figure"]
BLOBS = ["subject", "foreground", "animal", "dog", "statue", "creature", "object", "horse"]
CHANGES = ["Change the background to {s}.", "Replace the background with {s}.", "Make the background {s}.", "Set the background to {s}.",
           "Put {s} behind the {n}.", "New background: {s}.", "Turn the background into {s}."]
KEEPS = ["Keep the {n} intact.", "Keep the {n}.", "Leave the {n} unchanged.", "Do not change the {n}.", "Preserve the {n}.", ""]


def loose(sentence, random):
    """What people type: case, full stop and spaces as they come."""
    sentence = " ".join(sentence.split()).replace(" .", ".").replace(" ,", ",")
    if random.random() < 0.25:
        sentence = sentence.lower()
    if random.random() < 0.3:
        sentence = sentence.rstrip(".")
    return sentence


def article(words):
    return ("an " if words[:1] in "aeiou" else "a ") + words


def addition(kind, color, size, place, motion, random, plain=False):
    """place may be None: the region says where."""
    pick = (lambda words: words[0]) if plain else random.choice
    thing = " ".join(filter(None, [pick(SIZE_WORDS[size]), pick(COLOR_WORDS[color]), pick(KIND_WORDS.get(kind, [kind]))]))
    where = pick(PLACE_WORDS[place]) if place else ""
    moves = pick(MOTION_WORDS[motion])
    if plain:
        return " ".join(filter(None, ["Add", article(thing), moves, where])) + "."
    order = [moves, where] if random.random() < 0.6 else [where, moves]
    if random.random() < 0.15:
        return loose(", ".join(filter(None, [article(thing), *order])) + ".", random)
    return loose(" ".join(filter(None, [random.choice(VERBS), article(thing), *order])) + ".", random)


def change(scene_words, noun, random, plain=False):
    if plain:
        return f"Change the background to {scene_words}. Keep the {noun} intact."
    text = random.choice(CHANGES).format(s=scene_words, n=noun) + " " + random.choice(KEEPS).format(n=noun)
    return loose(text, random)


def corpus(random, n):
    """Sentences for the tokenizer: the grammar, and plain English so that any prompt tokenizes."""
    from .scenes import SCENES
    from .shapes import KINDS
    from .world import COLORS, MOTIONS, PLACES, SIZES
    extra = ("the quick brown fox jumps over the lazy dog while a cyclist rides through golden wheat under heavy rain; "
             "please remove nothing, keep faces sharp, and match the light, shadow, grain and focus of the plate. "
             "A dragon, two robots, three ships & a castle — 1234567890 (no text, no watermark)! Is it night or day? "
             "street water fire smoke snow field mountain river house window table animal hand hair glass metal wood stone").split(". ")
    lines = list(extra)
    for _ in range(n):
        lines.append(addition(random.choice(list(KINDS)), random.choice(list(COLORS)), random.choice(list(SIZES)),
                              random.choice([None, *PLACES]), random.choice(list(MOTIONS)), random))
        scene = random.choice(list(SCENES.values()))
        lines.append(change(random.choice(scene[1]), random.choice(PEOPLE + BLOBS + list(KINDS)), random))
    return lines
