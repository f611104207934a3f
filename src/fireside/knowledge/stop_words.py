"""Words that say nothing of what a text is about. Data, for knowledge/terms.py."""

from __future__ import annotations

from typing import Final

ENGLISH: Final = frozenset(
    """
    a about above after again against all also am an and any are aren't as at be because been before being below between
    both but by can cannot could did do does doing don dont down during each etc few for from further had has have having
    he her here hers herself him himself his how i if in into is isn isnt it its itself just let me might more most must
    my myself no nor not now of off on once only or other our ours ourselves out over own please same shall she should so
    some such tell than that the their theirs them themselves then there these they this those through to too under until
    up upon us very was wasnt we were what when where which while who whom whose why will with would you your yours
    yourself yourselves im ive youre thats whats theres cant wont doesnt didnt
    """.split()  # noqa: SIM905 - a list of words reads better in lines
)

# At these a run of Chinese characters of a query is cut, since it asks by them and does not say about what.
CHINESE_PHRASES: Final = frozenset(
    """
    什么时候 为什么 是什么 有什么 什么 怎么样 怎么办 怎么 怎样 如何 哪些 哪个 哪里 哪儿 哪种 多少 几个 是否 能否 可否 可以 能不能 是不是 有没有
    请问 请告诉我 告诉我 告诉 关于 以及 或者 还是 但是 因为 所以 如果 那么 这个 那个 这些 那些 我们 你们 他们 它们 自己 一个 一种 一些
    就是 不是 应该 需要 想要 为何 何时 何处 是谁 谁是
    """.split()  # noqa: SIM905
)

# A pair with one of these crosses the edge of a word most often.
CHINESE_ENDINGS: Final = frozenset("的吗呢吧啊呀嘛么着")
