"""The word pools from which training worlds are named.

Ordinary words in arbitrary company: no pool says what belongs to what, so that nothing
can be learned from a name.
"""

from __future__ import annotations

import random

ROOMS = """kitchen pantry livingroom bathroom bedroom backyard garden shed driveway street corridor
supermarket attic cellar garage library study workshop studio hall lobby office balcony terrace
porch laundry nursery gallery chapel stable barn mill forge bakery dairy brewery laboratory clinic
tower vault archive courtyard greenhouse orchard dock warehouse market square alley bridge lounge
parlor den cabin tent canteen classroom gym sauna closet basement foyer veranda""".split()

FIXTURES = """table counter fridge oven stove shelf sofa bed toilet workbench toolbox showcase BBQ
cupboard dresser desk bench stool rack chest crate drawer cabinet wardrobe locker barrel basket
box trunk bin kiln furnace press loom lathe anvil vat basin sink tub kettle boiler grinder mixer
toaster smoker steamer freezer dryer washer easel altar pedestal stand tray trolley mat rug couch
armchair bookcase mantel hearth fireplace cauldron hotplate machine tank""".split()

TOOLS = """knife hammer saw brush scissors needle spoon ladle whisk peeler grater chisel drill
spanner tongs rake trowel shears razor cleaver scraper file sponge cloth rope ruler stamp pen wand
torch sieve funnel axe pliers comb hook roller""".split()

DOORS = """door gate hatch curtain""".split()

ADJECTIVES = """red white yellow green purple orange black blue brown grey pink golden silver old
new small large tiny huge round square flat long short thin thick heavy light soft hard smooth rough
bright dark pale shiny dull clean dusty dry wet warm cold sweet sour bitter hot fresh plain fancy
wooden metal glass paper stone leather woollen cotton sliding folding front rear inner outer
frosted painted carved striped spotted wild tame northern southern royal common rare sharp massive
vast conventional stylish comfy interesting recent metallic hand-made well-worn two-tone
see-through""".split()

NOUNS = """apple pepper potato onion carrot banana cheese chicken leg wing pork chop parsley flour
salt water oil bell block bread rice bean corn cake pie plum pear peach grape lemon lime melon berry
nut seed leaf root stem flower petal stick branch log plank board beam brick stone rock pebble shell
feather bone horn hide wool thread yarn cloth ribbon button bead ring chain coin jewel gem crystal
glass mirror lens candle lamp lantern bottle jar pot pan cup bowl plate dish fork spoon pipe tube
wire nail screw bolt gear wheel spring lever handle hinge lock key bell drum flute horn book map
letter card stamp page scroll quill ink paint chalk clay sand ash coal iron copper tin lead steel
paper bag sack box crate hat cap coat shirt shoe boot glove belt scarf mask doll toy ball kite top
dice puzzle ribbon wax soap honey syrup tea coffee cocoa spice herb mint sage basil thyme ginger
garlic leek radish turnip cabbage spinach celery mushroom fish crab shrimp clam""".split()

# (base, past participle) of regular verbs, in any order and with no meaning attached.
VERBS = [
    ("fry", "fried"), ("roast", "roasted"), ("grill", "grilled"), ("chop", "chopped"),
    ("slice", "sliced"), ("dice", "diced"), ("bake", "baked"), ("boil", "boiled"),
    ("steam", "steamed"), ("toast", "toasted"), ("smoke", "smoked"), ("peel", "peeled"),
    ("grate", "grated"), ("mash", "mashed"), ("carve", "carved"), ("weld", "welded"),
    ("paint", "painted"), ("polish", "polished"), ("varnish", "varnished"), ("drill", "drilled"),
    ("rinse", "rinsed"), ("scrub", "scrubbed"), ("dry", "dried"), ("fold", "folded"),
    ("iron", "ironed"), ("etch", "etched"), ("glaze", "glazed"), ("tint", "tinted"),
    ("heat", "heated"), ("cool", "cooled"), ("press", "pressed"), ("stretch", "stretched"),
    ("trim", "trimmed"), ("shave", "shaved"), ("crush", "crushed"), ("twist", "twisted"),
    ("braid", "braided"), ("brush", "brushed"), ("coat", "coated"), ("dip", "dipped"),
    ("soak", "soaked"), ("spice", "spiced"), ("cure", "cured"), ("melt", "melted"),
    ("stamp", "stamped"), ("mark", "marked"), ("label", "labelled"), ("seal", "sealed"),
    ("wrap", "wrapped"), ("bleach", "bleached"), ("wax", "waxed"), ("oil", "oiled"),
    ("buff", "buffed"), ("notch", "notched"), ("clean", "cleaned"), ("score", "scored"),
]  # fmt: skip

# Verbs of commands that put a thing to a station or a tool.
COMMANDS = "cook work use treat process heat set put handle run make".split()

# Verbs that may end a job.
ENDINGS = """eat serve taste drink share sell offer deliver pack store present wear burn bury send
hang ring show keep donate lift weigh bless light plant throw hide raise ship touch""".split()

# How a text world answers a command that it knows, used in a way that it does not.
REFUSALS = [
    "You can't {command} anything with that.",
    "I didn't understand that sentence.",
    "I only understood you as far as wanting to {command} the {name}.",
    "Nothing happens.",
    "That would do no good.",
    "It takes something else to {command} the {name}.",
    "You would need the right thing for that.",
    "The {name} stays as it is: this is of no use here.",
    "What you have in mind calls for another place.",
]

# How it answers when a product is used otherwise than it is made for.
REFUSED_ENDINGS = [
    "That's not a verb I recognise.",
    "You can't {command} that.",
    "You {command} nothing unexpected.",
    "I didn't understand that sentence.",
    "You cannot {command} that.",
    "It would achieve little.",
    "You see nothing special about that.",
]

PRODUCTS = """meal dish kit potion bundle parcel model statue toy lamp cake outfit machine gift
bouquet tonic basket sculpture instrument engine costume""".split()

PRAISES = "delicious fine splendid good lovely tasty useful handsome".split()

MAKE = "prepare assemble make finish build mix compose".split()

DOCUMENTS = "cookbook manual notebook handbook scroll leaflet guide journal ledger diary".split()

PLANS = "recipe plan formula design job order method".split()

PARTS = "Ingredients Parts Materials Supplies Components".split()

_ONSETS = """b bl br c ch cl cr d dr f fl fr g gl gr h j k kn l m n p ph pl pr qu r s sc sh sk sl sm
sn sp st str sw t th tr tw v w wh x y z""".split()
_VOWELS = "a e i o u a e i o ai ea ee ia ie io oa oo ou ue y".split()
_CODAS = """ b ck d ff g k l ll lt m mp n nd ng nk nt p r rd rk rm rn rt s sh sk ss st t th tch x
""".split()


def _made_up(rng: random.Random) -> str:
    """Return a word that nobody knows, so that words are copied letter by letter if need be.

    Some are made of parts of others, so that each token of the vocabulary is read and written.
    """
    if rng.random() < 0.4:
        first, last = rng.choice(NOUNS + ADJECTIVES), rng.choice(NOUNS)
        return first[: rng.randint(1, 4)] + last[rng.randint(1, len(last) - 1) :]
    parts = []
    for _ in range(rng.choice([1, 1, 2, 2, 2])):
        coda = rng.choice(_CODAS) if rng.random() < 0.5 else ""
        parts.append(rng.choice(_ONSETS) + rng.choice(_VOWELS) + coda)
    return "".join(parts)


def adjective(rng: random.Random) -> str:
    """Return an adjective; one in five is made up, with a hyphen or without."""
    if rng.random() < 0.8:
        return rng.choice(ADJECTIVES)
    ending = rng.choice(["", f"-{rng.choice(NOUNS)}", f"-{_made_up(rng)}"])
    return _made_up(rng) + ending


def name_of_thing(rng: random.Random) -> str:
    """Return a name of one to three words; two nouns in five are made up."""

    def noun() -> str:
        if rng.random() < 0.4:
            return _made_up(rng)
        return rng.choice(NOUNS)

    shape = rng.random()
    if shape < 0.3:
        return noun()
    if shape < 0.62:
        return f"{adjective(rng)} {noun()}"
    if shape < 0.78:
        return f"{noun()} {noun()}"
    if shape < 0.93:
        return f"{adjective(rng)} {noun()} {noun()}"
    return f"{noun()} of {noun()}"


def sibling_of(name: str, rng: random.Random) -> str:
    """Return a name that shares a word with `name`, to be told apart from it."""
    words = name.split()
    if len(words) == 1:
        return f"{rng.choice(ADJECTIVES)} {name}"
    if rng.random() < 0.5:
        return " ".join([rng.choice(ADJECTIVES), *words[1:]])
    return " ".join([*words[:-1], rng.choice(NOUNS)])
