"""The stems of English words, in examples from the description of Porter2: each step, each exception."""

from __future__ import annotations

import pytest

from fireside.knowledge.stem import stem


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("mount mounts mounted mounting", "mount"), ("library libraries", "librari"), ("cries cried cry", "cri"), ("tie ties tied", "tie"),
        ("class classes", "class"), ("box boxes", "box"), ("gas", "gas"), ("this", "this"), ("gaps gap", "gap"), ("kiwis", "kiwi"),
        ("bus", "bus"), ("process processes processing", "process"), ("agreed agree", "agre"), ("feed", "feed"), ("exceed", "exceed"),
        ("hop hops hopping hopped", "hop"), ("hope hopes hoping hoped", "hope"), ("hiss hissing", "hiss"), ("eggs egging", "egg"),
        ("size sized sizing", "size"), ("luxuriating luxuriate", "luxuri"), ("trouble troubled troubling", "troubl"),
        ("dying", "die"), ("string", "string"), ("evening", "evening"), ("repeatedly repeats", "repeat"), ("happy happier", "happi happier"),
        ("say by", "say by"), ("youth", "youth"), ("boyish", "boyish"), ("relational relate relates", "relat"),
        ("conditional conditionally condition", "condit"), ("partition partitions partitioned partitioning", "partit"),
        ("digitizer digitize", "digit"), ("vietnamization", "vietnam"), ("decisiveness decisive", "decis"), ("hopefulness hopeful", "hope"),
        ("sensibility sensible", "sensibl"), ("analogist analogy", "analog analog"), ("possibly", "possibl"), ("quickly", "quick"), ("jolly", "jolli"),
        ("triplicate triplicates", "triplic"), ("formative", "format"), ("electrical electricity electric", "electr"), ("goodness good", "good"),
        ("allowance allowable allows", "allow"), ("adjustment adjustable adjust", "adjust"), ("replacement", "replac"),
        ("adoption adopted", "adopt"), ("generate generates", "generat"), ("general generally", "general"), ("university", "universiti"),
        ("universe", "univers"), ("controller controlled control", "control"), ("rate", "rate"), ("news", "news"), ("skies sky", "sky"), ("only", "onli"),
        ("is", "is"), ("v2s", "v2s"), ("caf\u00e9s", "caf\u00e9s"),
    ],
)  # fmt: skip
def test_forms_of_a_word_have_one_stem(words: str, found: str) -> None:
    stems = [stem(word) for word in words.split()]
    assert list(dict.fromkeys(stems)) == list(dict.fromkeys(found.split()))
